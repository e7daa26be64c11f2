"""A real S3 server on this machine, and what a client other than ours sees in it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.service import eventually

ACCESS = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
BUCKET = "images"


class Store:
    """The bucket `images`, through Amazon's own client."""

    def __init__(self, port: int) -> None:
        import boto3

        self.endpoint = f"http://127.0.0.1:{port}"
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=ACCESS["AWS_REGION"],
            aws_access_key_id=ACCESS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ACCESS["AWS_SECRET_ACCESS_KEY"],
        )

    def create(self) -> None:
        self._client.create_bucket(Bucket=BUCKET)

    def upload(self, folder: Path, prefix: str) -> str:
        """Every file below `folder`; returns its address in the bucket."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"s3://{BUCKET}/{prefix}"

    def put(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=key)

    def objects(self, prefix: str) -> dict[str, bytes]:
        """What is below `prefix`, by what follows it."""
        return {key[len(prefix) + 1 :]: self._get(key)["Body"].read() for key in self._keys(prefix)}

    def types(self, prefix: str) -> dict[str, str]:
        return {key[len(prefix) + 1 :]: self._get(key)["ContentType"] for key in self._keys(prefix)}

    def times(self, prefix: str) -> dict[str, Any]:
        return {
            key[len(prefix) + 1 :]: self._get(key)["LastModified"] for key in self._keys(prefix)
        }

    def _keys(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"{prefix}/"
        )
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return [
            key for key in keys if key != f"{prefix}/"
        ]  # an object that stands for the folder itself

    def _get(self, key: str) -> Any:
        return self._client.get_object(Bucket=BUCKET, Key=key)


def serve() -> Iterator[Store]:
    """A store of its own in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={**os.environ, **ACCESS},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _answers(port))
        store = Store(port)
        store.create()
        yield store
    finally:
        server.terminate()
        server.wait()


def _answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port)):
        return True


def access(store: Store) -> dict[str, str]:
    """Where the store is and who we are, as an operator would say it in the environment."""
    return {**ACCESS, "AWS_ENDPOINT_URL": store.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}
