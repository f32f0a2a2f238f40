"""Log-probabilities -> text."""
