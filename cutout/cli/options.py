"""Make command line options from the models of the HTTP API and the settings.

So an option has the same name, limits and description everywhere.
"""

import functools
import inspect
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import typer
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

from cutout.explain import choices, explain
from cutout.settings import variable

Command = Callable[..., None]
Options = TypeVar("Options", bound=BaseModel)
METAVARS = {bool: "true|false", int: "INTEGER", float: "NUMBER", Path: "PATH"}
SECRET = {"api_keys"}  # every user of the machine can read a command line


def takes(
    model: type[BaseModel], only: Iterable[str] | None = None
) -> Callable[[Command], Command]:
    """Return a decorator that gives a command every field of `model` as an option.

    The command gets their values as `options`. With `only`, it gets those fields alone.
    """
    names = list(model.model_fields) if only is None else list(only)

    def decorate(command: Command) -> Command:
        fields = [_parameter(name, model.model_fields[name]) for name in names]

        def choose(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in names}
            command(
                **given, options=checked(model, {k: v for k, v in chosen.items() if v is not None})
            )

        return _with_parameters(choose, command, fields)

    return decorate


def takes_settings(settings: type[BaseSettings], command: Command) -> Command:
    """Give a command every setting that is not secret as an option, passed on by the environment.

    Exits with 2 and the option's name for an invalid one; variables that were set before are not
    checked here.
    """
    names = [name for name in settings.model_fields if name not in SECRET]

    def choose(**given: Any) -> None:
        chosen = {name: value for name in names if (value := given.pop(name)) is not None}
        # typer fills an option from its `envvar` too; that one was not typed.
        typed = {name for name, value in chosen.items() if os.environ.get(variable(name)) != value}
        os.environ.update({variable(name): value for name, value in chosen.items()})
        _check_settings(settings, typed)
        command(**given)

    return _with_parameters(
        choose, command, [_setting(name, settings.model_fields[name]) for name in names]
    )


def checked(model: type[Options], chosen: dict[str, Any]) -> Options:
    """Make a model of options. Raises typer.BadParameter, with the option's name, for invalid ones.

    typer then exits with status 2.
    """
    try:
        return model(**chosen)
    except ValidationError as error:
        raise _bad_option(model, error.errors()[0]) from None


def _check_settings(settings: type[BaseSettings], typed: set[str]) -> None:
    try:
        settings()
    except ValidationError as error:
        for item in error.errors():
            if item["loc"][0] in typed:
                raise _bad_option(settings, item) from None


def _bad_option(model: type[BaseModel], item: ErrorDetails) -> typer.BadParameter:
    name = str(item["loc"][0])
    return typer.BadParameter(
        explain(item, model.model_fields[name].description), param_hint=f"'{_flag(name)}'"
    )


def one_of(*words: str) -> Callable[[str], str]:
    """Return a parser of one of these words, which raises typer.BadParameter for any other."""

    def read(text: str) -> str:
        if text not in words:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(words)}")
        return text

    return read


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of a whole number from `least` to `most`; it raises typer.BadParameter."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise typer.BadParameter(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return read


def _with_parameters(
    choose: Command, command: Command, added: Iterable[inspect.Parameter]
) -> Command:
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "options"]
    # `choose` takes keywords alone.
    keyword = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in [*own, *added]
    ]
    functools.update_wrapper(choose, command)
    # typer makes the options of this, as `choose` itself names none.
    choose.__signature__ = signature.replace(parameters=keyword)  # type: ignore[attr-defined]
    return choose


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """Make an option that is None unless given, so that the model's default applies.

    Except for flags, it is text, which the model parses.
    """
    # `margin` has a factory, which pydantic calls only if told to.
    value = field.get_default(call_default_factory=True)
    # Text in `show_default` is shown in place of the option's own default, None.
    default = False if value is None else _shown(value)
    if field.annotation is bool:
        kind: Any = Annotated[
            bool | None, typer.Option(help=field.description, show_default=default)
        ]
    else:
        words = choices(field.annotation)
        kind = Annotated[
            str | None,
            typer.Option(
                help=field.description,
                show_default=default,
                metavar=_metavar(field),
                autocompletion=lambda incomplete: [
                    word for word in words if word.startswith(incomplete)
                ],
            ),
        ]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _setting(name: str, field: FieldInfo) -> inspect.Parameter:
    """Make an option that is text, which `Settings` parses as it parses the environment."""
    unset = field.default_factory is not None or field.default in (None, ())
    default = False if unset else _shown(field.default)
    option = typer.Option(
        help=field.description, show_default=default, envvar=variable(name), metavar=_metavar(field)
    )
    kind: Any = Annotated[str | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _metavar(field: FieldInfo) -> str:
    """Return `a|b` if the values can be listed, else the kind of value."""
    words = choices(field.annotation)
    several = "" if get_origin(field.annotation) is not tuple else "[,...]"
    kinds = get_args(field.annotation) or (field.annotation,)
    kind = next((name for known, name in METAVARS.items() if known in kinds), "TEXT")
    return ("|".join(words) or kind) + several


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
