"""`python -m codels` is the console script `codels`."""

from codels.cli import main

if __name__ == "__main__":
    main()
