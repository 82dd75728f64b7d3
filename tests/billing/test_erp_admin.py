"""The systems that bases go to, in the hands of staff, through HTTP."""

from collections.abc import Callable
from datetime import date, datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.models import BasisDelivery, ErpConnection, ErpKey, InvoiceBasis, Plan
from billing.operations import approve_basis
from companies.models import Membership
from tests.billing.accounts import Erp, connect
from tests.factories.billing import buy
from tests.factories.companies import SYSTEM
from vop.lib.clock import local_midnight


@pytest.fixture
def clerk(staff: User, sign_in_staff: Callable[[User], Client]) -> Client:
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    return sign_in_staff(staff)


def act(desk: Client, model: str, action: str, *ids: object) -> str:
    url = reverse(f"admin:billing_{model}_changelist")
    asked = {"action": action, "_selected_action": [str(one) for one in ids]}
    return desk.post(url, asked, follow=True).content.decode()


def test_staff_adds_a_connection_and_gives_it_a_key(clerk: Client, now: datetime) -> None:
    add = reverse("admin:billing_erpconnection_add")
    asked = {"name": "Fortnox", "webhook_url": "https://erp.example/hook", "may_acknowledge": "on"}
    assert clerk.post(add, {**asked, "since": "2026-01-01"}).status_code == 302
    connection = ErpConnection.objects.get()
    assert connection.told_through == local_midnight(date(2026, 1, 1))

    page = act(clerk, "erpconnection", "issue_key", connection.pk)
    key = page.partition('<code id="secret">')[2].partition("<")[0]

    assert Erp(Client(), key).get("api_bases").status_code == 200
    listed = clerk.get(reverse("admin:billing_erpconnection_changelist")).content.decode()
    assert key not in listed
    assert ErpKey.objects.get().hint in listed


def test_signing_secret_is_shown_once(clerk: Client) -> None:
    connection = connect()
    page = act(clerk, "erpconnection", "renew_secret", connection.pk)

    assert "whsec_" in page
    change = clerk.get(reverse("admin:billing_erpconnection_change", args=[connection.pk]))
    assert "whsec_" not in change.content.decode()


def test_one_connection_at_a_time(clerk: Client) -> None:
    pks = [connect(name=name).pk for name in ("A", "B")]
    act(clerk, "erpconnection", "issue_key", *pks)

    assert not ErpKey.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "Taken"},
        {"webhook_url": "http://erp.example/hook"},
        {"webhook_url": "https:///hook"},
        {"webhook_url": "https://[x/hook"},
        {"since": "i går"},
    ],
)
def test_connection_that_makes_no_sense_is_told(clerk: Client, fields: dict[str, str]) -> None:
    connect(name="Taken")
    asked = {"name": "Fortnox", "webhook_url": "", **fields}

    assert clerk.post(reverse("admin:billing_erpconnection_add"), asked).status_code == 422
    assert ErpConnection.objects.count() == 1


def test_staff_changes_and_disables_a_connection(clerk: Client) -> None:
    connection = connect()
    url = reverse("admin:billing_erpconnection_change", args=[connection.pk])
    assert clerk.get(url).status_code == 200
    assert clerk.post(url, {"name": "Visma"}).status_code == 302

    act(clerk, "erpconnection", "disable", connection.pk)

    connection.refresh_from_db()
    assert (connection.name, connection.may_acknowledge) == ("Visma", False)
    assert connection.disabled_at is not None
    assert clerk.post(url, {"name": "Ny"}).status_code == 422
    act(clerk, "erpconnection", "issue_key", connection.pk)
    assert not ErpKey.objects.exists()


@pytest.fixture
def delivery(alice_in_acme: Membership, plan: Plan, now: datetime) -> BasisDelivery:
    buy(alice_in_acme, plan, now=now)
    basis = approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=now)
    return BasisDelivery.objects.create(
        connection=connect(webhook_url="https://erp.example/hook"),
        basis=basis,
        created_at=now,
        given_up_at=now,
    )


def test_staff_reads_deliveries_and_hands_over_again(
    clerk: Client, delivery: BasisDelivery
) -> None:
    for url in (
        reverse("admin:billing_basisdelivery_changelist"),
        reverse("admin:billing_basisdelivery_change", args=[delivery.pk]),
        reverse("admin:billing_erpreceipt_changelist"),
    ):
        assert clerk.get(url).status_code == 200

    act(clerk, "basisdelivery", "replay", delivery.pk)

    delivery.refresh_from_db()
    assert (delivery.round, delivery.is_open) == (2, True)


def test_staff_who_only_look_change_nothing(
    staff: User, sign_in_staff: Callable[[User], Client], delivery: BasisDelivery
) -> None:
    desk = sign_in_staff(staff)

    assert desk.get(reverse("admin:billing_erpconnection_add")).status_code == 403
    act(desk, "basisdelivery", "replay", delivery.pk)
    act(desk, "erpconnection", "issue_key", delivery.connection_id)
    delivery.refresh_from_db()
    assert delivery.round == 1
    assert not ErpKey.objects.exists()
