"""The Ray Serve deployment is configured as the server can take it."""

import asyncio
import importlib
from typing import Any

import pytest
import yaml

from app.settings import Settings
from tests.support.paths import ROOT

CONFIG = yaml.safe_load((ROOT / "deploy" / "ray" / "serve.yaml").read_text())
(APPLICATION,) = CONFIG["applications"]
(DEPLOYMENT,) = APPLICATION["deployments"]

pytestmark = pytest.mark.filterwarnings("default")  # Ray's own


def test_every_setting_is_one_of_the_servers() -> None:
    assert set(APPLICATION["runtime_env"]["env_vars"]) <= {
        f"CUTOUT_{name.upper()}" for name in Settings.model_fields
    }


def test_ray_waits_longer_than_the_server_works() -> None:
    assert CONFIG["http_options"]["request_timeout_s"] > Settings().deadline_seconds
    assert DEPLOYMENT["graceful_shutdown_timeout_s"] > Settings().deadline_seconds


def test_ray_sends_no_more_than_a_replica_admits() -> None:
    cores = int(DEPLOYMENT["ray_actor_options"]["num_cpus"])
    assert DEPLOYMENT["max_ongoing_requests"] <= cores + int(
        APPLICATION["runtime_env"]["env_vars"]["CUTOUT_QUEUE"]
    )


def test_ray_knows_every_word_of_the_configuration() -> None:
    schema = pytest.importorskip("ray.serve.schema", reason="needs Ray, which the extra `ray` has")
    from ray.serve.config import AutoscalingConfig

    read = schema.ServeDeploySchema.model_validate(
        CONFIG
    )  # unknown words are passed over: what is left must be all
    assert read.model_dump(mode="json", exclude_unset=True) == CONFIG
    scaling = AutoscalingConfig(**DEPLOYMENT["autoscaling_config"])
    assert scaling.model_dump(mode="json", exclude_unset=True) == DEPLOYMENT["autoscaling_config"]


def test_the_import_path_leads_to_the_deployment() -> None:
    pytest.importorskip("ray", reason="needs Ray, which the extra `ray` has")
    module, _, name = APPLICATION["import_path"].partition(":")
    application = getattr(importlib.import_module(module), name)
    assert application._bound_deployment.name == DEPLOYMENT["name"]


def test_answers_can_be_pickled() -> None:
    pytest.importorskip("ray", reason="needs Ray, which the extra `ray` has")
    from deploy.ray.service import WholeBytes

    sent: list[Any] = []

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.body", "body": memoryview(b"image")})

    async def keep(message: Any) -> None:
        sent.append(message)

    async def nothing() -> Any:
        return {"type": "http.disconnect"}

    asyncio.run(WholeBytes(answer)({"type": "http"}, nothing, keep))
    assert sent == [{"type": "http.response.body", "body": b"image"}]
    assert isinstance(sent[0]["body"], bytes)
