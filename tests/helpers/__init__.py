"""What tests share: small inputs, models made for tests, slow twins and ways to run the program."""
