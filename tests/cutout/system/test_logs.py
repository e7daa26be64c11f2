"""Log lines for people."""

import io
import logging
import logging.config
import os
import subprocess
import sys

import pytest

from cutout.system.logs import TextFormatter, log_config


def test_a_text_line_tells_all_that_the_json_form_does() -> None:
    config = log_config("info", "text")
    written = io.StringIO()
    config["handlers"]["default"]["stream"] = written
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logging.config.dictConfig(config)
        fields = {"path": "/cutout", "status": 200, "stages_ms": {"decode": 5.2, "encode": 1.0}}
        refused = {"fields": ["size", "roi"], "detail": 'not a "size"'}
        logging.getLogger("cutout.access").info("request", extra={**fields, **refused})
    finally:
        logging.getLogger().handlers, level = before
        logging.getLogger().setLevel(level)
    assert written.getvalue().endswith(
        "INFO cutout.access request path=/cutout status=200 stages_ms=decode:5.2,encode:1.0 "
        'fields=size,roi detail="not a \\"size\\""\n'
    )


def test_a_text_line_stays_one_line_whatever_a_client_names() -> None:
    formatter = TextFormatter("%(message)s")
    record = logging.makeLogRecord({"msg": "request", "path": "/a\nFORGED\x1b[31m é"})
    assert formatter.format(record) == 'request path="/a\\nFORGED\\x1b[31m é"'


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_gets_text_and_whatever_else_json(terminal: bool) -> None:
    leader, follower = os.openpty()
    code = (
        "from cutout.system.logs import log_config; "
        "print(log_config('info', 'auto')['formatters']['default']['()'])"
    )
    stderr = follower if terminal else subprocess.DEVNULL
    printed = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stderr, check=True
    ).stdout
    os.close(leader)
    os.close(follower)
    assert (b"TextFormatter" in printed) is terminal
