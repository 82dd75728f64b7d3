"""The demo's accounts: an ERP as anybody would connect one, after docs/erp.md and nothing else.

It takes signed webhooks, makes an invoice of each basis once, and acknowledges it by the API.
"""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from flask import Flask, Response, render_template, request
from security_headers import forbid_foreign_content
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 2**20
SHOWN = 200
SECONDS = 8  # the platform waits for ten
TABLE = """CREATE TABLE IF NOT EXISTS invoice (
    number INTEGER PRIMARY KEY, basis_id TEXT NOT NULL UNIQUE, basis TEXT NOT NULL,
    customer TEXT NOT NULL, payable TEXT NOT NULL, currency TEXT NOT NULL, made_at TEXT NOT NULL,
    acknowledged_at TEXT)"""

Put = Callable[[str, dict[str, str], dict[str, str]], int]


@dataclass(frozen=True)
class ErpSettings:
    """Where the platform's API is, and what staff hand over with a connection."""

    api: str
    api_key: str
    signing_secret: str


class Books:
    """The invoices, in a file of its own: a number for each basis, whatever is sent twice."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with closing(self._open()) as books, books:
            books.execute(TABLE)

    def make_invoice(self, basis: dict[str, Any], now: datetime) -> sqlite3.Row:
        """Return the invoice of a basis, made now unless there is one."""
        row = (
            basis["id"], basis["number"], basis["customer"]["name"], basis["payable"],
            basis["currency"], now.isoformat(timespec="seconds"),
        )  # fmt: skip
        with closing(self._open()) as books, books:
            books.execute(
                "INSERT INTO invoice (basis_id, basis, customer, payable, currency, made_at)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (basis_id) DO NOTHING",
                row,
            )
            found = books.execute("SELECT * FROM invoice WHERE basis_id = ?", row[:1])
            invoice: sqlite3.Row = found.fetchone()
            return invoice

    def note_acknowledged(self, basis_id: str, now: datetime) -> None:
        """Note that the platform has the receipt."""
        with closing(self._open()) as books, books:
            books.execute(
                "UPDATE invoice SET acknowledged_at = ? WHERE basis_id = ?",
                (now.isoformat(timespec="seconds"), basis_id),
            )

    def list_latest(self) -> list[sqlite3.Row]:
        """List the last invoices, newest first."""
        with closing(self._open()) as books:
            rows = books.execute("SELECT * FROM invoice ORDER BY number DESC LIMIT ?", (SHOWN,))
            return rows.fetchall()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=SECONDS)
        connection.row_factory = sqlite3.Row
        return connection


def put(url: str, headers: dict[str, str], body: dict[str, str]) -> int:
    """Send a receipt; return the status of the answer, 0 when there was none."""
    try:
        return requests.put(url, json=body, headers=headers, timeout=SECONDS).status_code
    except requests.RequestException:
        return 0


def make_erp(settings: ErpSettings, books: Books, send: Put = put) -> Flask:
    """Make the accounts: where webhooks arrive, and a page of what became of them."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    proof = Webhook(settings.signing_secret)

    @app.post("/webhook")
    def webhook() -> Response:
        """Take a message: 401 when nobody we know signed it, 503 to be told again later."""
        try:
            message = proof.verify(request.get_data(), dict(request.headers))
        except WebhookVerificationError:
            return Response("signature", status=401)
        except json.JSONDecodeError:
            return Response("not JSON", status=400)
        if message["type"] != "basis.approved":
            return Response(status=204)  # a kind that came later: nothing to do
        now = datetime.now(UTC)
        invoice = books.make_invoice(message["data"], now)
        receipt = {
            "invoice_number": f"F-{invoice['number']}",
            "payable": invoice["payable"],
            "currency": invoice["currency"],
        }
        status = send(
            f"{settings.api}/bases/{invoice['basis_id']}/receipt",
            {"Authorization": f"Bearer {settings.api_key}"},
            receipt,
        )
        if status not in {200, 201}:
            return Response(f"not acknowledged: {status}", status=503)
        books.note_acknowledged(invoice["basis_id"], now)
        return Response(status=204)

    @app.get("/")
    def ledger() -> str:
        return render_template("erp.html", invoices=books.list_latest(), service_name="Ekonomi")

    app.after_request(forbid_foreign_content)
    return app
