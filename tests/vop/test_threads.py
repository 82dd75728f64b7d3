"""The web processes keep what belongs to a thread in plain thread locals."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import io
import sys
import threading

from vop.wsgi import application

from django.core.cache import caches
from django.db import connections
from django.utils import timezone, translation

asked = []


def look_on(frame, event, arg):
    if event == "call" and "asgiref" in frame.f_code.co_filename:
        asked.append(frame.f_code.co_name)


def ask(path):
    said = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(),
    }
    answer = application(environ, lambda status, headers: said.append(status))
    answer.close()
    return said[0]


ask("/oidc/.well-known/openid-configuration")
sys.setprofile(look_on)
assert ask("/oidc/.well-known/openid-configuration") == "200 OK"
sys.setprofile(None)
assert asked == [], asked

found = []


def note():
    translation.activate("nb")
    timezone.activate("Europe/Oslo")
    found.append((connections["default"], caches["default"]))


translation.activate("sv")
note_thread = threading.Thread(target=note)
note_thread.start()
note_thread.join()
assert translation.get_language() == "sv"
assert timezone.get_current_timezone_name() != "Europe/Oslo"
assert found[0][0] is not connections["default"]
assert found[0][1] is not caches["default"]
print("all well")
"""


def test_a_small_request_never_looks_for_an_event_loop() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("all well\n"), done.stderr
