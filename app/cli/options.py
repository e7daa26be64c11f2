"""Command line options made from the models behind the HTTP API and the settings: one name, limit and text."""

import functools
import inspect
import os
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from app.settings import Settings

Command = Callable[..., None]
Options = TypeVar("Options", bound=BaseModel)
SECRET = {"api_keys"}  # a command line can be read by everybody on the machine


def takes(model: type[BaseModel]) -> Callable[[Command], Command]:
    """The command gets every field of `model` as an option, and what was chosen, checked, as `options`."""

    def decorate(command: Command) -> Command:
        fields = [_parameter(name, field) for name, field in model.model_fields.items()]

        def choose(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in model.model_fields}
            command(**given, options=checked(model, {k: v for k, v in chosen.items() if v is not None}))

        return _with_parameters(choose, command, fields)

    return decorate


def takes_settings(command: Command) -> Command:
    """The command gets every setting that is no secret as an option; what is chosen goes into the environment."""
    names = [name for name in Settings.model_fields if name not in SECRET]

    def choose(**given: Any) -> None:
        for name in names:
            if (value := given.pop(name)) is not None:
                os.environ[_variable(name)] = value
        command(**given)

    return _with_parameters(choose, command, [_setting(name, Settings.model_fields[name]) for name in names])


def checked(model: type[Options], chosen: dict[str, Any]) -> Options:
    """Raises typer.BadParameter, which ends the command with 2 and the option's name."""
    try:
        return model(**chosen)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        unreadable = first["type"] == "string_pattern_mismatch"  # its message is a regular expression
        message = (
            f"{first['input']!r}; expected: {model.model_fields[name].description}" if unreadable else first["msg"]
        )
        raise typer.BadParameter(message, param_hint="--" + name.replace("_", "-")) from None


def _with_parameters(choose: Command, command: Command, added: Iterable[inspect.Parameter]) -> Command:
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "options"]
    keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in [*own, *added]]
    functools.update_wrapper(choose, command)
    choose.__signature__ = signature.replace(parameters=keyword)  # type: ignore[attr-defined]
    return choose


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """An option that is None unless given, so that the default stays the model's."""
    default = False if field.default is None else _shown(field.default)
    option = typer.Option(help=field.description, show_default=default)
    kind: Any = Annotated[field.annotation | None, option]  # type: ignore[operator]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _setting(name: str, field: FieldInfo) -> inspect.Parameter:
    """As text: `Settings` reads it, exactly as it reads the environment."""
    unset = field.default_factory is not None or field.default in (None, ())
    default = False if unset else _shown(field.default)
    option = typer.Option(help=field.description, show_default=default, envvar=_variable(name), metavar="VALUE")
    kind: Any = Annotated[str | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _variable(name: str) -> str:
    return f"CUTOUT_{name.upper()}"
