"""A small HTTP/1.1 client on asyncio.Protocol: it shares the cores with what it measures."""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT = 30.0


class HttpError(Exception):
    """The server did not answer as asked."""


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes = b""


@dataclass(slots=True)
class _Head:
    answer: Answer
    body_at: int
    length: int | None  # None: chunked


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.is_closed = True
        self.waiting: asyncio.Future[Answer] | None = None
        self.buffer = bytearray()
        self.head: _Head | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # TCP gives a Transport
        self.is_closed = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(HttpError("connection lost"))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.head is None:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.head = _read_head(self.buffer[:end].decode("latin-1"), end + 4)
        body = _read_body(self.head, self.buffer)
        if body is not None:
            self._finish(body)

    def send(self, data: bytes, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Answer]:
        if self.transport is None:
            raise HttpError("not connected")
        self.waiting = loop.create_future()
        self.transport.write(data)
        return self.waiting

    def close(self) -> None:
        self.is_closed = True
        if self.transport is not None:
            self.transport.close()

    def _finish(self, body: bytes) -> None:
        waiting, head = self.waiting, self.head
        self.waiting, self.head, self.buffer = None, None, bytearray()
        if head is None or waiting is None or waiting.done():
            return
        head.answer.body = body
        if head.answer.headers.get("connection", "").lower() == "close":
            self.close()
        waiting.set_result(head.answer)


def _read_head(text: str, body_at: int) -> _Head:
    first, *lines = text.split("\r\n")
    answer = Answer(int(first.split(" ", 2)[1]), {}, [])
    for line in lines:
        name, _colon, value = line.partition(":")
        if name.lower() == "set-cookie":
            answer.cookies.append(value.strip())
        else:
            answer.headers[name.lower()] = value.strip()
    if answer.headers.get("transfer-encoding", "").lower() == "chunked":
        return _Head(answer, body_at, None)
    return _Head(answer, body_at, int(answer.headers.get("content-length", "0")))


def _read_body(head: _Head, buffer: bytearray) -> bytes | None:
    """Return the whole body once it is there."""
    if head.length is not None:
        end = head.body_at + head.length
        return bytes(buffer[head.body_at : end]) if len(buffer) >= end else None
    at = head.body_at
    parts: list[bytes] = []
    while (line_end := buffer.find(b"\r\n", at)) >= 0:
        size = int(buffer[at:line_end].split(b";")[0], 16)
        start, at = line_end + 2, line_end + 2 + size + 2
        if len(buffer) < at:
            return None
        if size == 0:
            return b"".join(parts)
        parts.append(bytes(buffer[start : start + size]))
    return None


@dataclass(slots=True)
class Agent:
    """One virtual user: a kept connection per server, and a cookie jar."""

    connections: dict[tuple[str, int], _Connection] = field(default_factory=dict)
    jar: dict[tuple[str, str], str] = field(default_factory=dict)  # (path, name)
    always: str = ""  # header lines of every request

    async def request(
        self, method: str, url: str, *, headers: str = "", body: bytes = b"", cookies: bool = False
    ) -> Answer:
        """Send one request; a kept connection that turns out closed is opened anew once."""
        parts = urlsplit(url)
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        shown = self._cookies_for(path) if cookies else ""
        length = f"Content-Length: {len(body)}\r\n" if method != "GET" else ""
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n"
            f"{self.always}{headers}{shown}{length}\r\n"
        )
        answer = await self._send(parts.hostname or "", parts.port or 80, head.encode() + body)
        if cookies:
            self._keep(answer.cookies, path)
        return answer

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    async def _send(self, host: str, port: int, data: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        kept = self.connections.get((host, port))
        if kept is not None and not kept.is_closed:
            try:
                return await asyncio.wait_for(kept.send(data, loop), TIMEOUT)
            except HttpError:
                kept.close()
        _transport, fresh = await loop.create_connection(_Connection, host, port)
        self.connections[host, port] = fresh
        return await asyncio.wait_for(fresh.send(data, loop), TIMEOUT)

    def _cookies_for(self, path: str) -> str:
        fitting = [f"{name}={value}" for (at, name), value in self.jar.items() if _is_in(path, at)]
        return f"Cookie: {'; '.join(fitting)}\r\n" if fitting else ""

    def _keep(self, lines: list[str], path: str) -> None:
        for line in lines:
            pair, *attributes = (part.strip() for part in line.split(";"))
            name, _equals, value = pair.partition("=")
            said = dict(_read_attribute(attribute) for attribute in attributes)
            at = said.get("path") or path.rpartition("/")[0] or "/"
            if said.get("max-age") == "0" or "1970" in said.get("expires", ""):
                self.jar.pop((at, name), None)
            else:
                self.jar[at, name] = value


def _is_in(path: str, at: str) -> bool:
    return path == at or path.startswith(at if at.endswith("/") else f"{at}/")


def _read_attribute(text: str) -> tuple[str, str]:
    name, _equals, value = text.partition("=")
    return name.lower(), value
