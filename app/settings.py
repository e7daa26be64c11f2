"""Settings from the environment, `CUTOUT_…`; one that is empty counts as unset. Nothing is read at import:
`create_app` is handed an instance."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from cutout.settings import EngineSettings, split, variable

MIB = 1024 * 1024
DAY = 24 * 60 * 60
OTHERS = frozenset(
    {"CUTOUT_BIND", "CUTOUT_CPUS", "CUTOUT_MEMORY", "CUTOUT_PROMETHEUS_PORT", "CUTOUT_SERVER"}
)
"""What the compose files and the command line read, and a server may find in its environment."""
CHUNK = (
    128 * 1024
)  # an answer is handed over in pieces of this size, each when the last one has nearly gone
GRACE_SECONDS = 5.0  # before a body or a reader has to keep `min_bytes_per_second`
CLIENT_KEY = "CUTOUT_API_KEY"


class Settings(EngineSettings):
    """Every setting has a default that is safe on a developer's machine. An unreadable value stops the start."""

    model_config = SettingsConfigDict(extra="forbid")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    max_upload_bytes: int = Field(32 * MIB, ge=1024, description="largest request body, bytes")
    workers: int = Field(1, ge=1, le=64, description="worker processes; one that dies is replaced")
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="images worked on at once in a process; cores / workers / intra-op threads when unset",
    )
    pixels_at_once: int | None = Field(
        None,
        ge=64,
        description="pixels worked on at once in a process, and with them its memory; others wait. "
        "The largest image or 16 million a thread, whichever is more, when unset",
    )
    queue: int | None = Field(
        None,
        ge=0,
        description="requests that may wait beyond those worked on; more get 429. "
        "32 when unset, 16 if memory does not hold 32 of the largest bodies",
    )
    deadline_seconds: float = Field(
        30, gt=0, le=DAY, description="time for one request, upload included; then 504"
    )
    head_seconds: float = Field(
        10, gt=0, le=DAY, description="time for a request's headers to arrive; then cut off"
    )
    upload_seconds: float = Field(
        20, gt=0, le=DAY, description="time for the body to arrive; then 408"
    )
    send_seconds: float = Field(
        60, gt=0, le=DAY, description="time for an answer once its reader lags; then cut off"
    )
    min_bytes_per_second: int = Field(
        16 * 1024,
        ge=1,
        description="slowest body (408) and slowest reader (cut off) that are put up with beyond 5 s",
    )
    keep_alive_seconds: int = Field(
        125,
        ge=0,
        le=DAY,
        description="time that a connection may idle; longer than a proxy in front keeps its own",
    )
    connections: int = Field(
        900,
        ge=1,
        description="connections of a process; one more closes the one that has idled longest, or is closed itself",
    )
    drain_seconds: float = Field(
        20, ge=0, le=DAY, description="time for requests in flight to finish after SIGTERM"
    )
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="keys that callers must send, separated by commas; none: everybody may call"
    )
    requests_per_minute: int | None = Field(
        None,
        ge=1,
        description="images that one key, or without keys one address, may send a minute, all at once or spread out; "
        "then 429. Each process counts for itself. No limit when unset",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="origins whose pages may call from a browser, separated by commas; `*` for all, none when unset",
    )
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="names that requests may be for, separated by commas, `*.example.com` for all below; then 421. "
        "Any when unset",
    )
    allow_urls: bool = Field(
        False,
        description="fetch images from public http(s) URLs that callers of the compat routes name",
    )
    url_seconds: float = Field(
        10, gt=0, le=DAY, description="time for one URL to be fetched, redirects included"
    )
    url_redirects: int = Field(3, ge=0, le=20, description="redirects followed for one URL")
    docs: bool = Field(True, description="serve `/docs` and `/openapi.json`")
    metrics: bool = Field(True, description="serve `/metrics` for Prometheus")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto",
        description="how log lines are written; `auto` is text on a terminal and JSON elsewhere",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what to log"
    )

    @field_validator("host")
    @classmethod
    def _is_a_name(cls, host: str) -> str:
        try:
            host.encode("idna")
        except UnicodeError:
            raise ValueError(f"{host!r} is neither an address nor the name of a machine") from None
        return host

    @field_validator("api_keys")
    @classmethod
    def _can_be_sent(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(key.get_secret_value().isprintable() for key in keys):
            raise ValueError("a key has characters that no header can have")
        return keys

    @field_validator("trusted_hosts")
    @classmethod
    def _are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            name = host.removeprefix("*.")
            if not name or (set(name) & set("*:/ ") and not name.startswith("[")):
                raise ValueError(
                    f"{host!r} is not the name of a host, without http:// and without a port"
                )
        return tuple(host.lower() for host in hosts)

    @field_validator("api_keys", "cors_origins", "trusted_hosts", mode="before")
    @classmethod
    def _split_others(cls, value: object) -> object:
        return split(value)

    def doubts(self, variables: Iterable[str]) -> Iterator[str]:
        """A line for each variable that looks like a setting and is none: a mistyped limit must not go unseen."""
        known = [variable(name) for name in type(self).model_fields]
        for given in sorted(
            {name.upper() for name in variables if name.upper().startswith("CUTOUT_")}
        ):
            if given in known or given in OTHERS or (given == CLIENT_KEY and self.api_keys):
                continue
            nearest = get_close_matches(given, known, 1, 0.8)
            yield f"{given} is no setting and changes nothing" + (
                f"; is {nearest[0]} meant?" if nearest else ""
            )
