"""`cutout`, and `python -m cutout.cli`: the command. Ctrl-C ends it quietly even during imports."""

import sys


def main() -> None:
    try:
        from cutout.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
