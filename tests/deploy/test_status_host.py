"""The small host of the status site, over real HTTP."""

import http.client
import runpy
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.architecture.tree import ROOT


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


Get = Callable[..., Answer]


@pytest.fixture
def get(tmp_path: Path) -> Iterator[Get]:
    site = tmp_path / "status"
    (site / "api/v2").mkdir(parents=True)
    (site / "incidents").mkdir()
    (site / "index.html").write_text("<h1>Drift</h1>", encoding="utf-8")
    (site / "history.atom").write_text("<feed/>", encoding="utf-8")
    (site / "incidents/42.html").write_text("42", encoding="utf-8")
    (site / "api/v2/summary.json").write_text("{}", encoding="utf-8")
    (site / ".hidden").write_text("no", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("no", encoding="utf-8")
    (site / "link.txt").symlink_to(tmp_path / "secret.txt")
    handler: type[BaseHTTPRequestHandler] = runpy.run_path(
        str(ROOT / "deploy/status_host/serve.py")
    )["Handler"]
    quiet = type("Quiet", (handler,), {"root": site.resolve(), "log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), quiet)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def _get(path: str, *, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    yield _get
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/incidents/42", "text/html; charset=utf-8"),
        ("/history.atom", "application/atom+xml; charset=utf-8"),
        ("/api/v2/summary.json?x=1", "application/json; charset=utf-8"),
    ],
)
def test_status_host_answers_with_the_right_type(get: Get, path: str, content_type: str) -> None:
    answer = get(path)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == content_type
    assert "max-age=15" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/incidents/43",
        "/incidents/",
        "/.hidden",
        "/link.txt",
        "/..%2fsecret.txt",
        "/%00",
    ],
)
def test_status_host_answers_404_for_what_is_not_published(get: Get, path: str) -> None:
    assert get(path).status == 404


def test_status_host_lets_other_sites_read_data_but_not_pages(get: Get) -> None:
    assert get("/api/v2/summary.json").headers["Access-Control-Allow-Origin"] == "*"
    assert get("/history.atom").headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in get("/").headers


def test_status_host_answers_304_when_nothing_is_new(get: Get) -> None:
    tag = get("/").headers["ETag"]

    assert get("/", **{"If-None-Match": tag})[0::2] == (304, b"")
    assert get("/", **{"If-None-Match": '"other"'}).status == 200


def test_status_host_answers_head_without_a_body(get: Get) -> None:
    answer = get("/", method="HEAD")

    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "14", b"")


def test_status_host_refuses_other_methods(get: Get) -> None:
    assert get("/", method="POST").status == 501
