"""A firm pays for a purchase from its first line on: with its consent, previewed, told to both."""

import uuid
from datetime import date, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from auditlog.models import Event
from billing.models import BasisLine, InvoiceBasis, Order, Plan, Subscription, SubscriptionPayer
from billing.operations import (
    NotAgreedError,
    PreviewChangedError,
    buy_plan,
    run_billing,
    withdraw_payer_consent,
)
from billing.queries import preview_order
from companies.models import Company, Mandate, Membership
from companies.operations import end_mandate
from tests.billing.test_pages import ASKED, SignIn, hidden_fields
from tests.billing.test_payer import agree, make_firm, mandate_of
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.billing import make_plan, make_seller, make_vat_rate, tell_of_all_renewals
from tests.factories.companies import SYSTEM, make_company
from tests.factories.services import make_service
from vop.lib import jobs


@pytest.fixture
def firm(db: None) -> Company:
    return make_firm("Siffra Redovisning AB", "5569876542")


@pytest.fixture
def mandate(acme: Company, firm: Company, plan: Plan, now: datetime) -> Mandate:
    return mandate_of(acme, firm, plan, now=now)


def buy_for(
    member: Membership, plan: Plan, payer: Company, *, now: datetime, shown: str | None = None
) -> Order:
    company = member.company
    if shown is None:
        shown = preview_order(company, plan, 3, payer=payer, at=now).sha256
    return buy_plan(
        company=company,
        plan=plan,
        quantity=3,
        payer=payer,
        buyer=member.user,
        preview_sha256=shown,
        request_key=uuid.uuid4(),
        actor=SYSTEM,
        now=now,
    )


def test_firm_pays_from_the_first_line_on(
    alice_in_acme: Membership, plan: Plan, mandate: Mandate, firm: Company, now: datetime
) -> None:
    acme = alice_in_acme.company
    consent = agree(firm, acme, now=now)

    subscription = buy_for(alice_in_acme, plan, firm, now=now).subscription
    tell_of_all_renewals(subscription, now=now)
    run_billing(as_of=date(2026, 12, 23), actor=SYSTEM, now=now + timedelta(days=30))

    assert (subscription.company, subscription.payer) == (acme, firm)
    row = SubscriptionPayer.objects.get()
    assert (row.payer, row.consent, row.valid_from, row.valid_to) == (
        firm, consent, subscription.bought_on, None,
    )  # fmt: skip
    lines = BasisLine.objects.order_by("period_start").values_list("reason", "basis__company")
    assert list(lines) == [("new", firm.pk), ("renewal", firm.pk)], "no day in between"
    for action in ("order.placed", "subscription.created"):
        [event] = Event.objects.for_company(firm.pk).filter(action=action)
        assert event.data["payer"] == firm.name
    basis = InvoiceBasis.objects.order_by("billing_date")[0]
    assert basis.customer_snapshot["name"] == firm.name
    jobs.run_all(now=timezone.now())
    told = {message.to[0]: message.body for message in mail.outbox if "order" in message.subject
            or "beställning" in message.subject}  # fmt: skip
    assert set(told) == {alice_in_acme.user.email, firm.main_contact.user.email}
    assert all(firm.name in body for body in told.values())
    assert reverse("billing:bases", args=[firm.pk]) in told[firm.main_contact.user.email]


def test_vat_follows_who_pays(
    alice_in_acme: Membership, plan: Plan, mandate: Mandate, firm: Company, now: datetime
) -> None:
    """The firm is in Germany with a number of its own: it accounts for the VAT itself."""
    Company.objects.filter(pk=firm.pk).update(country="DE", vat_number="DE136695976")
    firm.refresh_from_db()
    agree(firm, alice_in_acme.company, now=now)

    buy_for(alice_in_acme, plan, firm, now=now)

    line = BasisLine.objects.get()
    assert line.vat_category == "reverse_charge"
    assert not line.vat_rate


def test_nobody_is_made_to_pay_without_consent_and_mandate(
    alice_in_acme: Membership, plan: Plan, mandate: Mandate, firm: Company, now: datetime
) -> None:
    acme = alice_in_acme.company
    with pytest.raises(NotAgreedError):
        buy_for(alice_in_acme, plan, firm, now=now)
    agree(firm, acme, now=now)
    withdraw_payer_consent(firm=firm, client=acme, actor=SYSTEM, now=now)
    with pytest.raises(NotAgreedError):
        buy_for(alice_in_acme, plan, firm, now=now)
    agree(firm, acme, now=now)
    end_mandate(mandate=mandate, acting=alice_in_acme, actor=SYSTEM, now=now)
    with pytest.raises(NotAgreedError):
        buy_for(alice_in_acme, plan, firm, now=now)

    assert not Subscription.objects.exists()
    assert not InvoiceBasis.objects.exists()


def test_confirmation_must_name_the_payer_that_was_shown(
    alice_in_acme: Membership, plan: Plan, mandate: Mandate, firm: Company, now: datetime
) -> None:
    agree(firm, alice_in_acme.company, now=now)
    shown = preview_order(alice_in_acme.company, plan, 3, at=now).sha256

    with pytest.raises(PreviewChangedError):
        buy_for(alice_in_acme, plan, firm, now=now, shown=shown)

    assert not Order.objects.exists()


def test_buyer_chooses_who_pays_and_the_preview_says_so(
    portal: Client,
    sign_in: SignIn,
    alice: User,
    acme: Company,
    plan: Plan,
    mandate: Mandate,
    firm: Company,
    now: datetime,
) -> None:
    buy_url = reverse("billing:buy", args=[acme.pk, plan.code])
    confirm_url = reverse("billing:confirm_order", args=[acme.pk, plan.code])
    assert firm.name not in portal.get(buy_url).content.decode(), "it hasn't agreed"
    refused = portal.post(buy_url, {**ASKED, "payer": str(firm.pk)})
    assert refused.status_code == 422
    assert "PO-77" in refused.content.decode(), "nothing typed is lost"
    agree(firm, acme, now=now)
    assert firm.name in portal.get(buy_url).content.decode()

    preview = portal.post(buy_url, {**ASKED, "payer": str(firm.pk)})
    assert 'id="preview-payer"' in preview.content.decode()
    confirmed = portal.post(confirm_url, hidden_fields(preview))

    assert confirmed.status_code == 302
    assert Subscription.objects.get().payer == firm
    assert InvoiceBasis.objects.get().company == firm


def test_consent_withdrawn_while_the_preview_was_open_is_told(
    portal: Client, acme: Company, plan: Plan, mandate: Mandate, firm: Company, now: datetime
) -> None:
    agree(firm, acme, now=now)
    buy_url = reverse("billing:buy", args=[acme.pk, plan.code])
    preview = portal.post(buy_url, {**ASKED, "payer": str(firm.pk)})
    withdraw_payer_consent(firm=firm, client=acme, actor=SYSTEM, now=now)

    confirm_url = reverse("billing:confirm_order", args=[acme.pk, plan.code])
    answer = portal.post(confirm_url, hidden_fields(preview))

    assert answer.status_code == 422
    assert "Byrån har inte gått med på att betala" in answer.content.decode()
    assert not Order.objects.exists()


@pytest.fixture
def portal(alice: User, sign_in: SignIn) -> Client:
    return sign_in(alice)


@pytest.mark.django_db(transaction=True)
def test_consent_withdrawn_during_a_purchase_leaves_nobody_paying_without_one(
    now: datetime,
) -> None:
    make_vat_rate()
    make_seller()
    plan = make_plan(make_service())
    client = make_company(
        name="Klient AB", owner=make_user(email="k@exempel.se"), org_number="5560160680"
    )
    firm = make_firm("Siffra Redovisning AB", "5569876542")
    mandate_of(client, firm, plan, now=now)
    agree(firm, client, now=now)
    buyer = Membership.objects.select_related("company", "user").get(company=client)

    ends = at_once(
        lambda: buy_for(buyer, plan, firm, now=now),
        lambda: withdraw_payer_consent(firm=firm, client=client, actor=SYSTEM, now=now),
    )

    assert ends in (["NotAgreedError", "done"], ["done", "done"])
    payers = set(Subscription.objects.values_list("payer", flat=True))
    assert payers <= {client.pk}, "withdrawn: the client pays what was bought"
    assert not SubscriptionPayer.objects.filter(valid_to=None).exists()
