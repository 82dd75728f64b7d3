"""The accounts' side: a system that is told of bases, listening for real, and that asks."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.test import Client
from django.urls import reverse
from standardwebhooks.webhooks import Webhook

from billing.models import ErpConnection, InvoiceBasis
from billing.operations import (
    ConnectionFacts,
    issue_erp_key,
    renew_signing_secret,
    save_connection,
)
from tests.factories.companies import LONG_AGO, SYSTEM


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent, checked with the signing secret, and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.secret = ""
        self.keys: list[str] = []
        self.bodies: list[bytes] = []
        self.messages: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}/bases?from=vop"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        verified = Webhook(self.server.secret).verify(body, dict(self.headers))
        self.server.keys.append(self.headers["webhook-id"])
        self.server.bodies.append(body)
        self.server.messages.append(verified)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Say nothing."""


@contextmanager
def receive() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def connect(
    *,
    name: str = "Fortnox",
    webhook_url: str = "",
    may_acknowledge: bool = True,
    receiver: Receiver | None = None,
    since: datetime = LONG_AGO,
) -> ErpConnection:
    """A connection as staff add it; its receiver knows the signing secret."""
    facts = ConnectionFacts(name, receiver.url if receiver else webhook_url, may_acknowledge)
    connection = save_connection(facts=facts, actor=SYSTEM, now=LONG_AGO, since=since)
    if receiver is not None:
        receiver.secret = renew_signing_secret(connection=connection, actor=SYSTEM, now=LONG_AGO)
    return connection


@dataclass
class Erp:
    """A system with a key."""

    client: Client
    key: str

    @classmethod
    def of(cls, connection: ErpConnection) -> "Erp":
        return cls(Client(), issue_erp_key(connection=connection, actor=SYSTEM, now=LONG_AGO))

    def get(self, name: str, *args: object, **query: str) -> Any:
        url = reverse(f"billing:{name}", args=args)
        return self.client.get(url, query, headers={"Authorization": f"Bearer {self.key}"})

    def acknowledge(self, basis: InvoiceBasis, **changes: object) -> Any:
        said: Mapping[str, object] = {
            "invoice_number": "F-1001",
            "payable": str(basis.payable_cents / 100),
            "currency": basis.currency,
            "ocr": "1234567806",
            **changes,
        }
        return self.client.put(
            reverse("billing:api_receipt", args=[basis.pk]),
            said,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.key}"},
        )
