"""The demo's accounts against the real API: proof, invoice and receipt, once for each basis."""

import importlib.util
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from flask import Flask

from billing.models import ErpReceipt, InvoiceBasis, Plan
from billing.operations import approve_basis, issue_erp_key, renew_signing_secret
from billing.queries import get_basis_page
from billing.rendering import build_message, sign_message
from companies.models import Membership
from tests.architecture.tree import ROOT
from tests.billing.accounts import connect
from tests.factories.billing import buy
from tests.factories.companies import SYSTEM

FOLDER = ROOT / "deploy" / "demo_service"


@pytest.fixture
def erp(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The demo's module, found as it is when it runs: beside its neighbours."""
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("demo_erp", FOLDER / "erp.py")
    if spec is None or spec.loader is None:
        raise LookupError(FOLDER)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "demo_erp", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def basis(alice_in_acme: Membership, plan: Plan, now: datetime) -> InvoiceBasis:
    buy(alice_in_acme, plan, now=now)
    return approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=now)


class Accounts:
    """The demo's accounts, connected; its receipts go to the platform's API by the test client."""

    def __init__(self, erp: Any, folder: Path, client: Client) -> None:
        connection = connect()
        now = timezone.now()
        self.client, self.is_down = client, False
        self.secret = renew_signing_secret(connection=connection, actor=SYSTEM, now=now)
        key = issue_erp_key(connection=connection, actor=SYSTEM, now=now)
        settings = erp.ErpSettings("/api/billing/v1", key, self.secret)
        self.app: Flask = erp.make_erp(settings, erp.Books(folder / "erp.sqlite3"), self.put)

    def put(self, url: str, headers: dict[str, str], body: dict[str, str]) -> int:
        if self.is_down:
            return 0
        return self.client.put(
            url, data=body, content_type="application/json", headers=headers
        ).status_code

    def tell(self, basis: InvoiceBasis, *, secret: str | None = None) -> int:
        body = build_message(get_basis_page(basis), [])
        headers = sign_message(secret or self.secret, key="one", body=body, at=timezone.now())
        return self.app.test_client().post("/webhook", data=body, headers=headers).status_code


@pytest.fixture
def accounts(erp: Any, tmp_path: Path, client: Client, db: None) -> Accounts:
    return Accounts(erp, tmp_path, client)


def test_accounts_make_one_invoice_and_acknowledge_it(
    accounts: Accounts, basis: InvoiceBasis
) -> None:
    assert [accounts.tell(basis), accounts.tell(basis)] == [204, 204]

    receipt = ErpReceipt.objects.get()
    assert (receipt.basis, receipt.invoice_number) == (basis, "F-1")
    assert receipt.payable_cents == basis.payable_cents
    page = accounts.app.test_client().get("/").text
    assert basis.label in page
    assert "ja" in page


def test_accounts_refuse_what_we_did_not_sign(accounts: Accounts, basis: InvoiceBasis) -> None:
    assert accounts.tell(basis, secret="whsec_" + "QUFB" * 11) == 401
    assert not ErpReceipt.objects.exists()
    assert basis.label not in accounts.app.test_client().get("/").text


def test_accounts_ask_to_be_told_again_when_the_platform_is_down(
    accounts: Accounts, basis: InvoiceBasis
) -> None:
    accounts.is_down = True
    assert accounts.tell(basis) == 503
    accounts.is_down = False
    assert accounts.tell(basis) == 204
    assert ErpReceipt.objects.get().invoice_number == "F-1", "the invoice of the first time"
