"""What `/metrics` tells: requests by the route's whole path as the schema has it, never by what a
client chose."""

import re

from starlette.testclient import TestClient

from tests.support.images import disc, encoded


def test_requests_are_counted_by_the_paths_of_the_schema(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            client.request(method, path.replace("{name}", "nobody"))
    client.get("/of-a-client's-own")
    routes = set(re.findall(r'cutout_requests_total\{route="([^"]+)"', client.get("/metrics").text))
    assert routes == {*paths, "other"}


def test_images_are_measured_without_what_is_put_behind_them(client: TestClient) -> None:
    files = {"file": encoded(disc(96, 64)), "background_image": encoded(disc(300, 200))}
    assert client.post("/cutout", files=files).status_code == 200
    assert f"cutout_image_pixels_sum {96 * 64:.1f}" in client.get("/metrics").text
