"""Terms of sale: versions that never change, and the one that an order accepted."""

import uuid
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from auditlog.models import Event
from billing.models import Order, Plan, Terms
from billing.operations import (
    BadDateError,
    NotForSaleError,
    PreviewChangedError,
    VersionTakenError,
    buy_plan,
)
from billing.queries import preview_order
from companies.models import Company, Membership
from tests.billing.test_pages import SignIn
from tests.factories.billing import buy, make_terms
from tests.factories.companies import SYSTEM
from vop.lib.clock import local_date


def test_order_keeps_the_text_that_was_accepted(alice_in_acme: Membership, plan: Plan) -> None:
    now = timezone.now()
    order = buy(alice_in_acme, plan, now=now)
    make_terms("2030-01", valid_from=date(2030, 1, 1), now=now)

    order.refresh_from_db()
    assert order.terms is not None
    assert (order.terms_version, order.terms.text_in("sv")) == ("2020-01", "Villkor på svenska.")
    assert order.preview["terms_sha256"] == order.terms.sha256
    assert Event.objects.filter(action="terms.published").count() == 2


def test_new_terms_are_shown_before_they_are_accepted(
    alice_in_acme: Membership, plan: Plan
) -> None:
    now = timezone.now()
    seen = preview_order(alice_in_acme.company, plan, 3, at=now).sha256
    make_terms("ny", valid_from=local_date(now), now=now)

    with pytest.raises(PreviewChangedError):
        buy_plan(
            company=alice_in_acme.company, plan=plan, quantity=3, buyer=alice_in_acme.user,
            preview_sha256=seen, request_key=uuid.uuid4(), actor=SYSTEM, now=now,
        )  # fmt: skip

    assert not Order.objects.exists()


def test_nothing_is_sold_without_terms(
    alice: User, sign_in: SignIn, alice_in_acme: Membership, plan: Plan, acme: Company
) -> None:
    past = timezone.now() - timedelta(days=4000)  # before the first version
    with pytest.raises(NotForSaleError):
        buy_plan(
            company=acme, plan=plan, quantity=3, buyer=alice, preview_sha256="",
            request_key=uuid.uuid4(), actor=SYSTEM, now=past,
        )  # fmt: skip


def test_versions_and_days_are_taken_once_and_never_dated_back(plan: Plan) -> None:
    now = timezone.now()
    make_terms("ny", valid_from=local_date(now), now=now)

    with pytest.raises(VersionTakenError):
        make_terms("annan", valid_from=local_date(now), now=now)
    with pytest.raises(BadDateError):
        make_terms("gammal", valid_from=local_date(now) - timedelta(days=1), now=now)


def test_published_terms_never_change(plan: Plan) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Terms.objects.update(text_sv="Nya villkor.")
    # On SQLite a gate that isn't there refuses as well as a closed one does.
    with pytest.raises(DatabaseError, match=r"never change|vop_retention"), transaction.atomic():
        Terms.objects.all().delete()


def test_buyer_reads_the_terms_in_their_language(
    alice: User, sign_in: SignIn, acme: Company, plan: Plan
) -> None:
    url = reverse("billing:terms", args=[acme.pk, "2020-01"])
    client: Client = sign_in(alice)

    assert "Villkor på svenska." in client.get(url, HTTP_ACCEPT_LANGUAGE="sv").content.decode()
    assert client.get(reverse("billing:terms", args=[acme.pk, "nej"])).status_code == 404
    preview = client.post(reverse("billing:buy", args=[acme.pk, plan.code]), {"quantity": "1"})
    assert url in preview.content.decode()


def test_staff_publishes_terms(staff: User, sign_in_staff: SignIn, plan: Plan) -> None:
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    clerk = sign_in_staff(staff)
    url = reverse("admin:billing_terms_add")
    asked = {
        "version": "2031-01", "valid_from": "2031-01-01", "text_sv": "Ny text", "text_en": "New",
    }  # fmt: skip

    assert clerk.get(url).status_code == 200
    assert clerk.post(url, {**asked, "text_en": ""}).status_code == 422
    assert clerk.post(url, asked).status_code == 302
    assert clerk.post(url, asked).status_code == 422
    assert Terms.objects.get(version="2031-01").sha256
