"""A small host for the static status site: files out of one folder, nothing of the platform.

It stands in for the static host of its own that production should have (deploy/README.md) and
knows only HTTP: content types, ETags, real 404s. Usage: serve.py [--host H] [--port N] FOLDER
"""

import argparse
import hashlib
import sys
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

TYPES = {
    ".atom": "application/atom+xml; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".ics": "text/calendar; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".png": "image/png",
    ".rss": "application/rss+xml; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    ".xml": "application/xml; charset=utf-8",
}
FEEDS = {".atom", ".rss", ".ics"}
# A page must not outlive the truth by more than the publishing interval; assets carry no news.
SHORT, LONG = "public, max-age=15, must-revalidate", "public, max-age=3600"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def find_file(root: Path, target: str) -> Path | None:
    """Find the file of a request target: itself, its .html, or its folder's index.html.

    Hidden files and whatever lies outside the folder, also through a link, are not there.
    """
    path = unquote(urlsplit(target).path)
    if "\0" in path or any(part.startswith(".") for part in path.split("/")):
        return None
    wanted = root / path.strip("/")
    tries = (
        [wanted / "index.html"]
        if path.endswith("/")
        else [wanted, wanted.with_name(wanted.name + ".html")]
    )
    for found in tries:
        file = found.resolve()
        if file.is_file() and file.is_relative_to(root):
            return file
    return None


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD out of `root`, which the server sets."""

    protocol_version = "HTTP/1.1"
    server_version = "status"
    sys_version = ""
    timeout = 30  # seconds for a slow or silent client
    root = Path()

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def answer(self, *, with_body: bool) -> None:
        file = find_file(self.root, self.path)
        if file is None:
            page = find_file(self.root, "/404.html")
            body = page.read_bytes() if page else b"Not found\n"
            self.send(HTTPStatus.NOT_FOUND, ".html" if page else ".txt", body, with_body=with_body)
            return
        try:
            body, changed_at = file.read_bytes(), file.stat().st_mtime
        except OSError:  # replaced by a newer publication right now
            self.send(HTTPStatus.SERVICE_UNAVAILABLE, ".txt", b"Try again\n", with_body=with_body)
            return
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        told = {"ETag": tag, "Last-Modified": formatdate(changed_at, usegmt=True)}
        known = [
            t.strip().removeprefix("W/") for t in self.headers.get("If-None-Match", "").split(",")
        ]
        if tag in known or known == ["*"]:
            self.send(HTTPStatus.NOT_MODIFIED, file.suffix, b"", with_body=False, extra=told)
        else:
            self.send(HTTPStatus.OK, file.suffix, body, with_body=with_body, extra=told)

    def send(
        self,
        status: HTTPStatus,
        suffix: str,
        body: bytes,
        *,
        with_body: bool,
        extra: dict[str, str] | None = None,
    ) -> None:
        news = suffix in FEEDS | {".html", ".json", ".txt", ".xml"}
        self.send_response(status)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", TYPES.get(suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", SHORT if news else LONG)
        if suffix in FEEDS or urlsplit(self.path).path.startswith("/api/"):
            self.send_header("Access-Control-Allow-Origin", "*")
        for name, value in (HEADERS | (extra or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    given = parser.parse_args()
    Handler.root = given.folder.resolve()
    server = ThreadingHTTPServer((given.host, given.port), Handler)
    server.daemon_threads = True
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
