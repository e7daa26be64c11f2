"""The rungs of the ladder that need neither threads nor a server, and the docstring that
draws it."""

import re
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import app.admission
from app.admission.permits import Permits
from app.admission.rates import caller_of
from app.api.problems import STATUS
from app.settings import Settings
from cutout.errors import Overloaded
from cutout.settings import variable


def test_a_burst_gets_as_many_permits_as_there_are() -> None:
    permits = Permits(3)
    with permits.hold(), permits.hold(), permits.hold():
        assert permits.taken == 3
        with pytest.raises(Overloaded, match="all 3 permits"), permits.hold():
            pass
    assert permits.taken == 0


def test_a_permit_is_given_back_after_an_error() -> None:
    permits = Permits(1)
    with pytest.raises(RuntimeError), permits.hold():
        raise RuntimeError
    assert permits.taken == 0


def test_the_ladder_names_settings_that_exist_and_statuses_that_are_sent() -> None:
    ladder = str(app.admission.__doc__)
    names = set(re.findall(r"CUTOUT_\w+", ladder))
    assert names <= {variable(name) for name in Settings.model_fields}
    sent = {(kind.code, str(status)) for kind, status in STATUS.items()} | {("unknown_host", "421")}
    drawn = {(code, status) for status, code in re.findall(r"\b(4\d\d|5\d\d) (\w+)", ladder)}
    assert len(drawn) == 9
    assert drawn <= sent


@settings(deadline=None)
@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_every_ipv4_address_is_a_caller(one: IPv4Address, other: IPv4Address) -> None:
    assert (_caller(one) == _caller(other)) == (one == other)


@settings(deadline=None)
@given(st.ip_addresses(v=6).filter(lambda ip: int(ip) >> 65), st.integers(0, 2**64 - 1))
def test_a_network_of_ipv6_is_one_caller(one: IPv6Address, host: int) -> None:
    network = int(one) >> 64 << 64
    neighbour = IPv6Address(network + host)
    stranger = IPv6Address((network ^ 1 << 64) + host)
    assert _caller(one) == _caller(neighbour) != _caller(stranger)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_written_as_ipv6_is_the_same_caller(address: IPv4Address) -> None:
    mapped = caller_of({"client": (f"::ffff:{address}", 50000)}, None)
    assert mapped == _caller(address)


def test_a_key_counts_before_an_address_and_a_missing_address_is_a_caller_too() -> None:
    scope = {"client": ("192.0.2.1", 1)}
    assert caller_of(scope, 2) == caller_of({}, 2) != caller_of(scope, 3)
    assert caller_of({}, None) == caller_of({"client": None}, None) == ""
    assert caller_of({"client": ("testclient", 1)}, None) == "testclient"


def _caller(address: IPv4Address | IPv6Address) -> str:
    return caller_of({"client": (str(address), 50000)}, None)
