"""`python -m hwr`."""

from hwr.cli import main

if __name__ == "__main__":
    main()
