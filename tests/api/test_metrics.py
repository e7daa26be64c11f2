"""What `/metrics` tells: requests by the route's whole path as the schema has it, never by what a client chose."""

import re

from starlette.testclient import TestClient


def test_requests_are_counted_by_the_paths_of_the_schema(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            client.request(method, path.replace("{name}", "nobody"))
    client.get("/of-a-client's-own")
    routes = set(re.findall(r'cutout_requests_total\{route="([^"]+)"', client.get("/metrics").text))
    assert routes == {*paths, "other"}
