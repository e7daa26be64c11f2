"""`python -m cutout`: the command."""

from cutout.cli.__main__ import main

if __name__ == "__main__":
    main()
