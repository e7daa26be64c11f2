"""The scaled composition agrees with the server that it scales."""

import re
import shutil
import subprocess

import pytest
import yaml

from app.settings import Settings
from app.sizing import Sizing
from tests.support.paths import ROOT

COMPOSE = ROOT / "deploy" / "compose"
PROXY = (COMPOSE / "haproxy.cfg").read_text()
UNITS = {"s": 1.0, "ms": 0.001}


class _Loader(yaml.SafeLoader):
    """Reads compose's own tags, `!reset` and `!override`, as what they mark."""


_Loader.add_multi_constructor("!", lambda loader, _, node: loader.construct_sequence(node))


def services() -> dict[str, dict[str, list[str]]]:
    """The services of the scaled composition."""
    found: dict[str, dict[str, list[str]]] = yaml.load(
        (COMPOSE / "docker-compose.yml").read_text(), _Loader
    )["services"]
    return found


def timeout(name: str) -> float:
    """A `timeout` of the proxy, seconds."""
    (found,) = re.findall(rf"^ +timeout {name} +(\d+)(m?s)$", PROXY, re.MULTILINE)
    return int(found[0]) * UNITS[found[1]]


def test_the_proxy_waits_longer_than_the_server_works() -> None:
    assert timeout("server") > Settings().deadline_seconds
    assert timeout("queue") + timeout("server") > Settings().deadline_seconds


def test_the_proxy_sends_no_more_than_a_replica_admits() -> None:
    (most,) = re.findall(r"\bmaxconn (\d+) resolvers", PROXY)
    replica = (ROOT / "docker-compose.yml").read_text()
    (cores,) = re.findall(r"CUTOUT_CPUS:-(\d+)", replica)
    (gibibytes,) = re.findall(r"CUTOUT_MEMORY:-(\d+)g", replica)
    sizing = Sizing.of(Settings(), int(cores), int(gibibytes) * 2**30)
    assert int(most) == int(cores) + sizing.queue


def test_only_requests_that_reached_no_replica_are_sent_again() -> None:
    assert re.findall(r"^ +retry-on (.+)$", PROXY, re.MULTILINE) == ["conn-failure"]


def test_every_file_that_is_mounted_is_there_and_read_only() -> None:
    mounts = [
        volume
        for service in services().values()
        for volume in service.get("volumes", [])
        if volume[0] == "."
    ]
    assert len(mounts) == 3
    for mount in mounts:
        source, _, mode = mount.split(":")
        assert (COMPOSE / source).is_file()
        assert mode == "ro"


def test_nothing_of_the_composition_has_privileges() -> None:
    for name, service in services().items():
        if "extends" not in service:
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name


def test_haproxy_takes_its_configuration() -> None:
    haproxy = shutil.which("haproxy") or pytest.skip("needs haproxy")
    done = subprocess.run(
        [haproxy, "-c", "-f", str(COMPOSE / "haproxy.cfg")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
