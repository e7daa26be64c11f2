"""Log lines for people."""

import io
import logging
import logging.config

from app.logs import TextFormatter, log_config


def test_a_text_line_tells_all_that_the_json_form_does() -> None:
    config = log_config("info", "text")
    written = io.StringIO()
    config["handlers"]["default"]["stream"] = written
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logging.config.dictConfig(config)
        logging.getLogger("cutout.access").info("request", extra={"path": "/cutout", "status": 200})
    finally:
        logging.getLogger().handlers, level = before
        logging.getLogger().setLevel(level)
    assert written.getvalue().endswith("INFO cutout.access request path=/cutout status=200\n")


def test_a_text_line_stays_one_line_whatever_a_client_names() -> None:
    formatter = TextFormatter("%(message)s")
    record = logging.makeLogRecord({"msg": "request", "path": "/a\nFORGED\x1b[31m é"})
    assert formatter.format(record) == "request path=/a\\nFORGED\\x1b[31m é"
