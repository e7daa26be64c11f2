"""Settings of the service, from `CUTOUT_…` variables; an empty variable counts as unset.

Nothing is read at import: `create_app` takes an instance.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from cutout.settings import EngineSettings, split, variable

MIB = 1024 * 1024
DAY = 24 * 60 * 60
OTHERS = frozenset(
    {"CUTOUT_BIND", "CUTOUT_CPUS", "CUTOUT_MEMORY", "CUTOUT_PROMETHEUS_PORT", "CUTOUT_SERVER"}
)
"""Variables of the compose files and the command line, which are no mistake where a server runs."""
ORIGIN = re.compile(r"\*|null|[A-Za-z][A-Za-z0-9+.-]*://[^/?#*\s]+/?")  # null: of local files
USUAL_PORT = re.compile(r"^(http://.*):80$|^(https://.*):443$")
CHUNK = 128 * 1024  # bytes of a response passed to the connection at a time
GRACE_SECONDS = 5.0  # before a body or a reader has to keep up `min_bytes_per_second`
CLIENT_KEY = "CUTOUT_API_KEY"


def _unless_auto(value: object) -> object:
    return None if value == "auto" else value


class Settings(EngineSettings):
    """Settings of the service; every default is safe on a developer's machine.

    Raises ValidationError for an invalid value, which stops the start.
    """

    model_config = SettingsConfigDict(extra="forbid")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    max_upload_bytes: int = Field(
        32 * MIB, ge=1024, description="largest request body, bytes; then 413"
    )
    workers: Annotated[int | None, BeforeValidator(_unless_auto)] = Field(
        None,
        ge=1,
        le=64,
        description="worker processes; one that exits is restarted. If unset or `auto`, one for "
        "every 4 cores, and 1 with a GPU",
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="images processed at the same time in one process; "
        "if unset, cores / workers / intra-op threads",
    )
    pixels_at_once: int | None = Field(
        None,
        ge=64,
        description="pixels processed at the same time in one process, which bounds its memory; "
        "further images wait. If unset, `CUTOUT_MAX_PIXELS`, or 16 million per thread if more",
    )
    queue: int | None = Field(
        None,
        ge=0,
        description="requests that may wait beyond those being processed; more get 429. "
        "If unset, 32, or 16 if memory cannot hold 32 of the largest bodies",
    )
    deadline_seconds: float = Field(
        30, gt=0, le=DAY, description="time for one request, upload included; then 504"
    )
    header_seconds: float = Field(
        10,
        gt=0,
        le=DAY,
        description="time for the request headers to arrive; then the connection is closed",
    )
    upload_seconds: float = Field(
        20, gt=0, le=DAY, description="time for the request body to arrive; then 408"
    )
    send_seconds: float = Field(
        60,
        gt=0,
        le=DAY,
        description="time to finish sending a response once the client falls behind; then the "
        "connection is closed",
    )
    min_bytes_per_second: int = Field(
        16 * 1024,
        ge=1,
        description="minimum transfer rate after 5 s; slower uploads get 408, slower downloads "
        "are closed",
    )
    keep_alive_seconds: int = Field(
        125,
        ge=0,
        le=DAY,
        description="time a connection may be idle; set it longer than the idle timeout of a "
        "proxy in front",
    )
    connections: int = Field(
        900,
        ge=1,
        description="connections per process; at the limit, the longest-idle connection is "
        "closed, or the new one if none is idle",
    )
    drain_seconds: float = Field(
        20, ge=0, le=DAY, description="time for requests in flight to finish after SIGTERM"
    )
    # NoDecode: pydantic-settings would read the variable of a tuple as JSON.
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="keys that clients must send, separated by commas; if unset, none is needed"
    )
    requests_per_minute: int | None = Field(
        None,
        ge=1,
        description="images per minute for one key, or for one address if there are no keys, in a "
        "burst or spread out; more get 429. Counted per process. If unset, no limit",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="origins whose pages may call from a browser, separated by commas; `*` allows "
        "all. If unset, none",
    )
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="allowed Host headers, separated by commas, `*.example.com` for all "
        "subdomains; others get 421. If unset, any",
    )
    allow_urls: bool = Field(
        False,
        description="fetch images from public http(s) URLs that clients of the compat routes send",
    )
    url_seconds: float = Field(
        10, gt=0, le=DAY, description="time to fetch one URL, redirects included"
    )
    url_redirects: int = Field(3, ge=0, le=20, description="redirects followed for one URL")
    docs: bool = Field(True, description="serve `/docs` and `/openapi.json`")
    metrics: bool = Field(True, description="serve `/metrics` for Prometheus")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto",
        description="format of log lines; `auto` is text on a terminal and JSON elsewhere",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level that is logged"
    )

    @field_validator("host")
    @classmethod
    def _is_a_name(cls, host: str) -> str:
        try:
            # As `bind` does: where it fails, that is a TypeError, which `listen` does not explain.
            host.encode("idna")
        except UnicodeError:
            raise ValueError(f"{host!r} is neither an address nor a host name") from None
        return host

    @field_validator("api_keys")
    @classmethod
    def _can_be_sent(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(key.get_secret_value().isprintable() for key in keys):
            raise ValueError("a key has characters that are not allowed in a header")
        return keys

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """Write origins as browsers do: in lower case, without a slash or the usual port."""
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is not an origin; write it as https://shop.example or "
                    "http://localhost:3000, without a path, or * for all"
                )
        # Only one of the two groups matches; the other is empty.
        return tuple(USUAL_PORT.sub(r"\1\2", origin.lower().rstrip("/")) for origin in origins)

    @field_validator("trusted_hosts")
    @classmethod
    def _are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            name = host.removeprefix("*.")
            if not name or (set(name) & set("*:/ ") and not name.startswith("[")):
                raise ValueError(f"{host!r} is not a host name; leave out http:// and the port")
        return tuple(host.lower() for host in hosts)

    @field_validator("api_keys", "cors_origins", "trusted_hosts", mode="before")
    @classmethod
    def _split_others(cls, value: object) -> object:
        return split(value)

    def unknown(self, variables: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Yield each variable that looks like a setting but is not, and the one meant, if any.

        A mistyped limit or key must not go unnoticed.
        """
        known = [variable(name) for name in type(self).model_fields]
        for given in sorted(
            {name.upper() for name in variables if name.upper().startswith("CUTOUT_")}
        ):
            if given in known or given in OTHERS or (given == CLIENT_KEY and self.api_keys):
                continue
            yield given, next(iter(get_close_matches(given, known, 1, 0.8)), None)
