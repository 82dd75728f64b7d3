import json

import pytest
from django.test import Client

from tests.vop.outside import run_outside
from vop.lib.logs import hide_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /invitations/eyJ0eXAi:1x:ab-c_d/", "GET /invitations/…/"),
        ("GET /password/reset/3k-d9x-8f2c1e/", "GET /password/reset/…/"),
        ("GET /password/reset/sent/", "GET /password/reset/sent/"),
        ("GET /oidc/end-session?id_token_hint=ey.J.x&state=1", "GET /oidc/end-session?…"),
        (
            '  File "/app/x.py", line 3\nKeyError: why?',
            '  File "/app/x.py", line 3\nKeyError: why?',
        ),
    ],
)
def test_log_line_hides_what_opens_something(text: str, shown: str) -> None:
    assert hide_secrets(None, "info", {"request": text})["request"] == shown


@pytest.mark.django_db
def test_log_never_shows_the_query_of_a_request(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/login/", {"secret": "sesam-open-up"}, headers={"User-Agent": "Lynx"})

    [line] = [each.msg for each in caplog.records if "/login/" in str(each.msg)]  # one is enough
    assert isinstance(line, dict)
    assert (line["event"], line["code"], line["user_agent"]) == ("request_finished", 200, "Lynx")
    assert line["request_id"]
    assert "sesam-open-up" not in caplog.text


WORK = """
import logging
import sys
from celery.utils.log import LoggingProxy, get_logger
from vop.lib import jobs
# What a Celery worker does with its own output before it takes the first task.
sys.stdout = sys.stderr = LoggingProxy(get_logger("celery.redirected"))
jobs.find_task("vop.send_mail")
logging.getLogger("vop").info("still heard")
"""


def test_worker_is_still_heard_after_its_first_job() -> None:
    _printed, logged = run_outside(WORK)

    assert any("still heard" in line for line in logged)


LINES = """
import json, logging
import structlog
from vop.lib.logs import log_about
log = structlog.get_logger("ours")
structlog.contextvars.bind_contextvars(request_id="outer")
with log_about(request_id="inner", user_id="somebody"):
    log.info("seen", request="GET /a?code=sesam", code=200, odd={1})
try:
    with log_about(request_id="failed"):
        raise ValueError
except ValueError:
    log.exception("caught")
logging.getLogger("vop").warning({"a": "mapping"})
"""


def test_lines_say_what_was_bound_and_only_while_it_was() -> None:
    _printed, logged = run_outside(LINES)

    inner, outer, foreign = (json.loads(line) for line in logged)
    assert (inner["event"], inner["level"], inner["logger"]) == ("seen", "info", "ours")
    assert (inner["request_id"], inner["user_id"]) == ("inner", "somebody")
    assert (inner["request"], inner["code"], inner["odd"]) == ("GET /a?…", 200, "{1}")
    assert inner["timestamp"].endswith("Z")
    assert (outer["request_id"], outer["level"]) == ("outer", "error")
    assert "user_id" not in outer
    assert "ValueError" in outer["exception"]
    assert foreign["event"] == "{'a': 'mapping'}"
