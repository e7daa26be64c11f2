"""The command `cutout serve`: find the service, and run it with its settings as options."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import typer

import cutout
from cutout.cli.options import takes_settings
from cutout.errors import InvalidOption, ServiceMissing

ENGINE = Path(cutout.__file__).parent
KEYS = "--api-keys"


def find_service() -> str:
    """Return the name of the service's package.

    A wheel installs it as `cutout.server`; in a clone it is `app`, beside the engine. Another
    package named `app` is not used. Raises ServiceMissing where there is neither.
    """
    if find_spec("cutout.server") is not None:
        return "cutout.server"
    spec = find_spec("app")
    ours = ENGINE.parent / "app" / "__init__.py"
    if spec is None or spec.origin is None or Path(spec.origin) != ours:
        raise ServiceMissing(f"the service is not installed: neither cutout.server nor {ours}")
    return "app"


def command() -> typer.Typer:
    """Make the command: the service's settings as options, its entry point as what it runs.

    Raises ServiceMissing where the service is not installed.
    """
    service = find_service()

    def run() -> None:
        """Run the server. Every option is also read from the environment.

        Exit status: 0 if stopped by a signal, 2 for an invalid option, 3 for an address, a model
        or a provider that is not available.
        """
        import_module(f"{service}.__main__").main()

    command = typer.Typer(
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    command.command()(takes_settings(import_module(f"{service}.settings").Settings, run))
    return command


def serve(arguments: Sequence[str]) -> None:
    """Run the server with these command line arguments; it exits the process.

    Raises ServiceMissing where the service is not installed, and InvalidOption for API keys, which
    the list of processes would show to others.
    """
    if any(argument.partition("=")[0] == KEYS for argument in arguments):
        raise InvalidOption(f"{KEYS} is not an option, as others could see it; set CUTOUT_API_KEYS")
    command()(list(arguments), prog_name="cutout serve")
