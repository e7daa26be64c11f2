"""Settings: what is refused, what counts as unset, and what looks like one and is none."""

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOST", "ä" * 70),
        ("HOST", "\udcff"),
        ("API_KEYS", "good,\udcff"),
        ("API_KEYS", "two\nlines"),
        ("API_KEYS", " , "),
        ("TRUSTED_HOSTS", "*"),
        ("TRUSTED_HOSTS", "https://cutout.example"),
        ("TRUSTED_HOSTS", "cutout.example:8000"),
        ("CORS_ORIGINS", "shop.example"),
        ("CORS_ORIGINS", "https://*.shop.example"),
        ("CORS_ORIGINS", "https://shop.example/admin"),
        ("DRAIN_SECONDS", "inf"),
        ("DEADLINE_SECONDS", "nan"),
        ("KEEP_ALIVE_SECONDS", "86401"),
        ("INTRA_OP_THREADS", "257"),
    ],
)
def test_what_would_fail_later_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CUTOUT_{name}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert {error["loc"][0] for error in refused.value.errors()} == {name.lower()}


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Settings.model_fields
    for name in names:
        monkeypatch.delenv(f"CUTOUT_{name.upper()}", raising=False)
    unset = Settings()
    for name in names:
        monkeypatch.setenv(f"CUTOUT_{name.upper()}", "")
    assert Settings() == unset


def test_names_of_hosts_are_read_as_they_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUTOUT_TRUSTED_HOSTS", "Cutout.Example,*.Example.org,[::1]")
    assert Settings().trusted_hosts == ("cutout.example", "*.example.org", "[::1]")


def test_origins_are_read_as_browsers_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "https://Shop.example/,http://a.example:80,https://b.example:443,http://c:3000,null"
    monkeypatch.setenv("CUTOUT_CORS_ORIGINS", given)
    assert Settings().cors_origins == (
        "https://shop.example",
        "http://a.example",
        "https://b.example",
        "http://c:3000",
        "null",
    )


def test_a_mistyped_name_is_reported() -> None:
    given = [
        "CUTOUT_APIKEYS",
        "cutout_port",
        "CUTOUT_MEMORY",
        "CUTOUT_API_KEY",
        "CUTOUT_FROBNICATE",
        "PATH",
    ]
    assert list(Settings().unknown(given)) == [
        ("CUTOUT_APIKEYS", "CUTOUT_API_KEYS"),
        ("CUTOUT_API_KEY", "CUTOUT_API_KEYS"),
        ("CUTOUT_FROBNICATE", None),
    ]
    assert list(Settings(api_keys=(SecretStr("k"),)).unknown(["CUTOUT_API_KEY"])) == []
