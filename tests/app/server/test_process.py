"""The service as a newcomer starts it: a process, a port, signals."""

import json
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from uvicorn.supervisors.multiprocess import SIGNALS, Process

from app.server.supervisor import MAX_FAILED, Supervisor
from tests.support.bundles import write_bundles
from tests.support.images import decoded, disc, encoded
from tests.support.service import PATIENCE, Service, eventually

pytestmark = pytest.mark.slow  # each starts the service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(write_bundles(tmp_path / "models"))
    try:
        eventually(lambda: running.get("/readyz")[0] == 200)
        yield running
    finally:
        running.process.terminate()
        running.process.wait(PATIENCE)


def test_it_serves_images_and_leaves_with_success(service: Service) -> None:
    status, body = service.post("/cutout", encoded(disc(96, 64)))
    assert status == 200
    assert decoded(body)[32, 48, 3] == 255
    assert json.loads(service.get("/models")[1])["default_for_masks"] == "segmenter"
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(PATIENCE) == 0
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert not any("color_message" in line for line in lines)
    assert any(line.get("path") == "/cutout" and line["status"] == 200 for line in lines)
    events = [line["message"] for line in lines if line["message"] != "request"]
    assert events == ["listening", "ready", "shutting down", "stopped"]


def test_a_worker_that_is_killed_is_replaced(service: Service) -> None:
    first = service.worker_id()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: service.worker_id() != first and service.get("/readyz")[0] == 200)
    assert service.post("/mask", encoded(disc()))[0] == 200


def test_what_decoders_say_stays_out_of_the_log_and_crashes_do_not(service: Service) -> None:
    png = encoded(disc())
    chunk_with_a_wrong_checksum = b"\0\0\0\4gAMA" + bytes(8)
    assert (
        service.post("/cutout", png[:33] + 100 * chunk_with_a_wrong_checksum + png[33:])[0] == 200
    )
    assert service.post("/cutout", encoded(disc(), ".jpg")[:-9])[0] == 422
    eventually(
        lambda: '"status": 422' in service.log.read_text()
    )  # written after the answer is sent
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert [line["status"] for line in lines if line.get("path") == "/cutout"] == [200, 422]
    os.kill(service.worker_id(), signal.SIGSEGV)
    eventually(lambda: "Fatal Python error: Segmentation fault" in service.log.read_text())


def test_it_can_be_stopped_while_it_starts(tmp_path: Path) -> None:
    starting = Service(write_bundles(tmp_path / "models"))
    eventually(lambda: starting.worker_id() > 0)
    starting.process.send_signal(signal.SIGTERM)
    assert starting.process.wait(PATIENCE) == 0


@pytest.fixture
def handlers() -> Iterator[None]:
    """After the test, the signals of this process are handled as before."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_a_worker_that_is_slow_to_answer_is_let_be() -> None:
    supervisor = Supervisor(uvicorn.Config("none"), sockets=[])
    worker = Process(supervisor.config, [])
    worker.process = multiprocessing.get_context("spawn").Process(
        target=time.sleep, args=(PATIENCE,)
    )
    worker.start()
    try:
        supervisor.processes = [worker]
        supervisor.config.timeout_worker_healthcheck = 0
        supervisor.keep_subprocess_alive()
        assert supervisor.processes == [worker]
        assert worker.process.is_alive()
    finally:
        worker.kill()
        worker.join()


def test_whoever_is_not_done_when_the_time_to_finish_is_over_is_told_to_try_again(
    tmp_path: Path,
) -> None:
    running = Service(write_bundles(tmp_path / "models"), drain_seconds="0")
    head = b"POST /mask HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n"
    try:
        eventually(lambda: running.get("/readyz")[0] == 200)
        with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as unfinished:
            unfinished.sendall(head)
            assert b"100 Continue" in unfinished.recv(
                65536
            )  # it is admitted, and its body is waited for
            running.process.send_signal(signal.SIGTERM)
            answer = unfinished.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 503")
        assert b'"shutting_down"' in answer
    finally:
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0


def test_several_workers_tell_one_sum_that_outlives_them(tmp_path: Path) -> None:
    running = Service(write_bundles(tmp_path / "models"), workers="2", threads="1", queue="3")

    def value(name: str) -> float:
        lines = running.get("/metrics")[1].decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    try:
        eventually(lambda: running.get("/readyz")[0] == 200)
        eventually(lambda: value("cutout_permits") == 8)
        for _ in range(12):
            assert running.post("/mask", encoded(disc()))[0] == 200
        answered = 'cutout_requests_total{route="/mask",status="200"}'
        assert value(answered) == value("cutout_upload_bytes_count") == 12
        os.kill(running.worker_id(), signal.SIGKILL)
        eventually(lambda: value("cutout_permits") == 4)
        eventually(lambda: value("cutout_permits") == 8)
        assert value(answered) == 12
        assert value("cutout_in_flight") == 0
    finally:
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0


def test_what_can_t_be_served_stops_the_start_with_one_clear_line(tmp_path: Path) -> None:
    broken = Service(tmp_path / "nothing")
    assert broken.process.wait(PATIENCE) == 3
    assert "no bundle found" in broken.log.read_text()
    assert "Traceback" not in broken.log.read_text()
    elsewhere = Service(write_bundles(tmp_path / "models"), providers="openvino,cpu")
    assert elsewhere.process.wait(PATIENCE) == 3
    assert "onnxruntime has no provider openvino, only cpu" in elsewhere.log.read_text()
    unknown = Service(tmp_path / "models", default_model="nobody")
    assert unknown.process.wait(PATIENCE) == 3
    assert (
        "no model 'nobody' (CUTOUT_DEFAULT_MODEL); loaded: classifier, segmenter"
        in unknown.log.read_text()
    )
    assert "Traceback" not in unknown.log.read_text()
    unreadable = Service(tmp_path / "nothing", queue="many")
    assert unreadable.process.wait(PATIENCE) == 2
    assert "CUTOUT_QUEUE" in unreadable.log.read_text()


def test_counts_that_have_no_place_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "nowhere"))
    nowhere = Service(write_bundles(tmp_path / "models"), workers="2", apikeys="mistyped")
    assert nowhere.process.wait(PATIENCE) == 3
    warning, refusal = (
        nowhere.log.read_text().splitlines()[0],
        nowhere.log.read_text().splitlines()[-1],
    )
    assert '"did_you_mean": "CUTOUT_API_KEYS"' in warning
    assert (
        refusal
        == f"cutout: PROMETHEUS_MULTIPROC_DIR: {tmp_path}/nowhere is not a writable directory"
    )


KILLED_AT_START = """
import os, signal, sys
if "--multiprocessing-fork" in sys.orig_argv:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_that_are_killed_before_they_serve_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(KILLED_AT_START)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    killed = Service(write_bundles(tmp_path / "models"), workers="2")
    assert killed.process.wait(PATIENCE) == 3
    lines = [json.loads(line) for line in killed.log.read_text().splitlines()]
    (failed,) = [line for line in lines if line["message"] == "startup failed"]
    assert failed["code"] == "worker_exited"
    assert "5 workers in a row exited before they served, the last with -9" in failed["detail"]


def test_a_worker_that_served_may_be_killed_any_number_of_times(service: Service) -> None:
    seen = [service.worker_id()]
    for _ in range(MAX_FAILED):
        os.kill(seen[-1], signal.SIGKILL)
        eventually(lambda: service.worker_id() not in seen and service.get("/readyz")[0] == 200)
        seen.append(service.worker_id())
