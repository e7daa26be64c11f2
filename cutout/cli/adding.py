"""The command `cutout models add`: find the offline step, which fetches and imports, and run it."""

from collections.abc import Sequence
from importlib import import_module

from cutout.errors import ServiceMissing

COMMAND = "model_export.adding.command"


def add(arguments: Sequence[str]) -> None:
    """Run `model_export`'s command with these arguments; it exits the process.

    Raises ServiceMissing where the offline step, or a package that it needs, is not installed.
    """
    try:
        command = import_module(COMMAND)
    except ModuleNotFoundError as error:
        raise ServiceMissing(
            f"{error.name} is not installed: run `cutout models add` in a clone, after "
            "`make export-env`, and copy the bundle that it writes"
        ) from error
    command.main(list(arguments))
