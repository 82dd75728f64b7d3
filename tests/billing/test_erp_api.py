"""The API of the accounts: read bases, say which invoice came of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from auditlog.models import Event
from billing import http
from billing.models import BillingRun, ErpConnection, ErpKey, ErpReceipt, InvoiceBasis, Plan
from billing.operations import approve_basis, disable_connection, issue_erp_key
from billing.queries import count_exports, list_approved
from companies.models import Company, Membership
from tests.billing.accounts import Erp, connect
from tests.billing.einvoice import find_faults
from tests.factories.billing import buy, make_plan
from tests.factories.companies import SYSTEM
from tests.factories.services import make_service


@pytest.fixture
def erp_connection(db: None) -> ErpConnection:
    return connect()


@pytest.fixture
def erp(erp_connection: ErpConnection) -> Erp:
    return Erp.of(erp_connection)


@pytest.fixture
def basis(alice_in_acme: Membership, plan: Plan, now: datetime) -> InvoiceBasis:
    buy(alice_in_acme, plan, now=now)
    return approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=now)


@pytest.fixture
def bases(basis: InvoiceBasis, alice_in_acme: Membership, now: datetime) -> list[InvoiceBasis]:
    for days in (1, 2):
        later = now + timedelta(days=days)
        service = make_service(slug=f"tjanst-{days}", name=f"Tjänst {days}")
        buy(alice_in_acme, make_plan(service, code=f"tjanst-{days}"), now=later)
        approve_basis(basis=InvoiceBasis.objects.drafts().get(), actor=SYSTEM, now=later)
    return list(InvoiceBasis.objects.order_by("number"))


def numbers(answer: Any) -> list[str]:
    return [basis["number"] for basis in answer.json()["bases"]]


def test_list_leads_through_all_bases(erp: Erp, bases: list[InvoiceBasis]) -> None:
    first = erp.get("api_bases", limit="2")
    assert numbers(first) == ["U2026-1", "U2026-2"]

    second = erp.client.get(first.json()["next"], headers={"Authorization": f"Bearer {erp.key}"})

    assert numbers(second) == ["U2026-3"]
    assert second.json()["next"] is None
    assert numbers(erp.get("api_bases", series="U2025")) == []
    assert numbers(erp.get("api_bases", after="U2026-2")) == ["U2026-3"]
    assert numbers(erp.get("api_bases", after="U2025-99")) == ["U2026-1", "U2026-2", "U2026-3"]


def test_draft_is_nobodys_business(
    erp: Erp, alice_in_acme: Membership, plan: Plan, now: datetime
) -> None:
    buy(alice_in_acme, plan, now=now)
    draft = InvoiceBasis.objects.get()

    assert numbers(erp.get("api_bases")) == []
    for name in ("api_basis", "api_ubl", "api_receipt"):
        assert erp.get(name, draft.pk).status_code == 404
    assert erp.acknowledge(draft).status_code == 404


def test_basis_is_told_in_full(erp: Erp, basis: InvoiceBasis) -> None:
    answer = erp.get("api_basis", basis.pk)
    told = answer.json()

    assert (told["number"], told["payable"], told["currency"]) == ("U2026-1", "559.00", "SEK")
    assert (told["net"], told["vat"], told["rounding"]) == ("447.00", "111.75", "0.25")
    assert told["sha256"] == basis.content_sha256
    assert told["due_date"] == str(basis.billing_date + timedelta(days=30))
    assert told["content"]["lines"][0]["net_cents"] == 44700
    assert told["receipt"] is None
    assert answer.headers["Cache-Control"] == "no-store"
    assert find_faults(erp.get("api_ubl", basis.pk).content) == []


def test_receipt_is_taken_once_and_never_changes(
    erp: Erp, basis: InvoiceBasis, acme: Company
) -> None:
    assert numbers(erp.get("api_bases", state="unacknowledged")) == ["U2026-1"]

    answers = [erp.acknowledge(basis, ocr="12345 67806") for _time in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    receipt = ErpReceipt.objects.get()
    assert (receipt.invoice_number, receipt.payable_cents) == ("F-1001", 55900)
    assert receipt.ocr == "1234567806"
    assert erp.acknowledge(basis, invoice_number="F-1002").status_code == 409
    assert ErpReceipt.objects.get().invoice_number == "F-1001"
    assert numbers(erp.get("api_bases", state="unacknowledged")) == []
    assert erp.get("api_basis", basis.pk).json()["receipt"]["invoice_number"] == "F-1001"
    event = Event.objects.for_company(acme.pk).get(action="basis.acknowledged")
    assert (event.actor_kind, event.target_id) == ("client", str(basis.pk))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"payable": "558.99"}, 409),
        ({"currency": "EUR"}, 409),
        ({"ocr": "1234567807"}, 409),
        ({"payable": "mycket"}, 400),
        ({"payable": "1e30"}, 400),
        ({"payable": "NaN"}, 400),
        ({"payable": "559.001"}, 400),
        ({"currency": "XXX"}, 400),
        ({"invoice_number": ""}, 400),
        ({"invoice_number": "F" * 41}, 400),
        ({"invoice_number": "F\x00"}, 400),
        ({"invoice_number": ["F-1"]}, 400),
        ({"payable": 559.00}, 400),
        ({"ocr": None}, 400),
    ],
)
def test_receipt_that_does_not_fit_is_refused(
    erp: Erp, basis: InvoiceBasis, changes: dict[str, object], status: int
) -> None:
    answer = erp.acknowledge(basis, **changes)

    assert answer.status_code == status
    assert not ErpReceipt.objects.exists()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_invoice_number_is_used_once(erp: Erp, bases: list[InvoiceBasis]) -> None:
    assert erp.acknowledge(bases[0]).status_code == 200
    assert erp.acknowledge(bases[1]).status_code == 409


def test_database_refuses_to_change_a_receipt(erp: Erp, basis: InvoiceBasis) -> None:
    erp.acknowledge(basis)
    receipt = ErpReceipt.objects.get()

    for change in (
        lambda: ErpReceipt.objects.filter(pk=receipt.pk).update(invoice_number="F-2"),
        receipt.delete,
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"a=b", "application/x-www-form-urlencoded", 415),
    ],
)
def test_body_that_is_no_receipt_is_refused(
    erp: Erp, basis: InvoiceBasis, body: bytes, content_type: str, status: int
) -> None:
    answer = erp.client.put(
        reverse("billing:api_receipt", args=[basis.pk]),
        body,
        content_type=content_type,
        headers={"Authorization": f"Bearer {erp.key}"},
    )

    assert answer.status_code == status


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"after": "U2026"}, {"after": "-1"},
        {"state": "lost"}, {"after": "U2026-99999999999"}, {"series": "U\x00"},
    ],
)  # fmt: skip
def test_question_that_makes_no_sense_is_refused(erp: Erp, query: dict[str, str]) -> None:
    answer = erp.get("api_bases", **query)

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(next(iter(query)))


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "x" * 5000])
def test_without_a_key_nothing_is_told(db: None, client: Client, shown: str) -> None:
    headers = {"Authorization": shown} if shown else {}
    answer = client.get(reverse("billing:api_bases"), headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="vop"'


def test_session_of_a_person_opens_nothing(
    client: Client, alice_in_acme: Membership, basis: InvoiceBasis
) -> None:
    client.force_login(alice_in_acme.user, backend="accounts.adapter.SignInBackend")

    assert client.get(reverse("billing:api_basis", args=[basis.pk])).status_code == 401


def test_key_stands_as_a_digest_alone(erp: Erp) -> None:
    key = ErpKey.objects.get()

    assert erp.key.startswith(key.hint)
    assert erp.key not in {key.digest, key.hint}
    assert Event.objects.get(action="erp.key_issued").data == {"hint": key.hint}


def test_earlier_key_holds_two_weeks_more(erp_connection: ErpConnection, erp: Erp) -> None:
    now = timezone.now()
    newer = Erp(Client(), issue_erp_key(connection=erp_connection, actor=SYSTEM, now=now))
    assert erp.get("api_bases").status_code == 200

    with time_machine.travel(now + timedelta(days=15)):
        assert erp.get("api_bases").status_code == 401
        assert newer.get("api_bases").status_code == 200


def test_disabled_connection_opens_nothing(erp_connection: ErpConnection, erp: Erp) -> None:
    disable_connection(connection=erp_connection, actor=SYSTEM, now=datetime.now(UTC))

    assert erp.get("api_bases").status_code == 401


def test_reader_acknowledges_nothing(basis: InvoiceBasis) -> None:
    reader = Erp.of(connect(name="Lager", may_acknowledge=False))

    assert reader.get("api_basis", basis.pk).status_code == 200
    assert reader.acknowledge(basis).status_code == 409
    assert not ErpReceipt.objects.exists()


def test_other_methods_are_refused(erp: Erp, basis: InvoiceBasis) -> None:
    headers = {"Authorization": f"Bearer {erp.key}"}
    answer = erp.client.post(reverse("billing:api_receipt", args=[basis.pk]), headers=headers)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, PUT")


def test_too_many_calls_are_told_to_slow_down(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CALLS_A_MINUTE", 2)
    answers = [erp.get("api_bases") for _call in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "60"


def test_too_many_wrong_keys_are_told_to_slow_down(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "FAILURES_A_WINDOW", 2)
    stranger = Erp(Client(), "vop_erp_wrong")

    assert [stranger.get("api_bases").status_code for _call in range(3)] == [401, 401, 429]


def test_list_asks_the_database_alike_for_one_and_many(
    erp: Erp, bases: list[InvoiceBasis], django_assert_max_num_queries: Any
) -> None:
    erp.acknowledge(bases[0])
    with django_assert_max_num_queries(2):  # the key, the bases
        assert len(numbers(erp.get("api_bases"))) == 3


def test_counts_say_how_far_bases_have_come(erp: Erp, bases: list[InvoiceBasis]) -> None:
    erp.acknowledge(bases[0])
    counts = count_exports(list_approved())

    assert (counts.approved, counts.exported, counts.acknowledged) == (3, 1, 1)
    assert not counts.is_acknowledged
    assert BillingRun.objects.count() == 0
