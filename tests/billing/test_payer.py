"""A firm pays in its client's place: with its consent, from a day on, until something ends it."""

import hashlib
import re
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.urls import reverse

from accounts.models import User
from auditlog.models import Event
from billing.models import BasisLine, InvoiceBasis, PayerConsent, Plan, Subscription
from billing.models import SubscriptionPayer as Payer
from billing.operations import (
    AgreedAlreadyError,
    ConsentTextChangedError,
    NoMandateError,
    NotAgreedError,
    SamePayerError,
    give_payer_consent,
    run_billing,
    set_payer,
    withdraw_payer_consent,
)
from billing.rendering import make_payer_consent
from companies.models import Company, Mandate, Membership
from companies.operations import end_mandate
from companies.signals import firm_replaced
from services.models import Package
from services.operations import Answer
from tests.billing.test_pages import SignIn
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan, make_seller, make_vat_rate, set_seats
from tests.factories.companies import SYSTEM, make_company
from tests.factories.mandates import make_mandate
from tests.factories.services import make_service

AT = datetime(2026, 12, 3, 9, 30, tzinfo=UTC)
RENEWED = datetime(2026, 12, 23, 5, tzinfo=UTC)


@pytest.fixture
def subscription(alice_in_acme: Membership, plan: Plan, now: datetime) -> Subscription:
    """3 seats at 149 kr, 23 November to 23 December."""
    return buy(alice_in_acme, plan, quantity=3, now=now).subscription


def make_firm(name: str, org_number: str) -> Company:
    """An accounting firm with an owner of its own."""
    owner = make_user(email=f"{org_number}@byra.example")
    return make_company(name=name, owner=owner, org_number=org_number, firm_kind="accounting")


@pytest.fixture
def firm(db: None) -> Company:
    return make_firm("Siffra Redovisning AB", "5569876542")


@pytest.fixture
def mandate(acme: Company, firm: Company, plan: Plan, now: datetime) -> Mandate:
    return mandate_of(acme, firm, plan, now=now)


def mandate_of(client: Company, firm: Company, plan: Plan, *, now: datetime) -> Mandate:
    return make_mandate(client, firm, {plan.service: [Package.READ]}, now=now)


def agree(firm: Company, client: Company, *, now: datetime = AT) -> PayerConsent:
    contact = firm.main_contact
    assert contact is not None
    read = make_payer_consent(firm, client, method="pwd")
    return give_payer_consent(
        firm=firm,
        client=client,
        answer=Answer(read.sha256, read.method),
        person=contact.user,
        actor=SYSTEM,
        now=now,
    )


def pay(subscription: Subscription, payer: Company, *, now: datetime = AT) -> Subscription:
    return set_payer(subscription=subscription, payer=payer, actor=SYSTEM, now=now)


def test_firm_pays_from_the_day_and_what_was_billed_stays(
    subscription: Subscription, mandate: Mandate, firm: Company, acme: Company
) -> None:
    consent = agree(firm, acme)
    pay(subscription, firm)
    set_seats(subscription, 4, now=AT)
    run_billing(as_of=date(2026, 12, 23), actor=SYSTEM, now=RENEWED)

    payers = InvoiceBasis.objects.order_by("billing_date").values_list("company", "billing_date")
    assert [payer for payer, _day in payers] == [acme.pk, firm.pk, firm.pk]
    row = Payer.objects.get()
    assert (row.payer, row.consent, row.valid_from, row.valid_to) == (
        firm, consent, date(2026, 12, 3), None,
    )  # fmt: skip
    [event] = Event.objects.for_company(acme.pk).filter(action="subscription.payer_changed")
    assert event.data["changes"]["payer"] == [acme.name, firm.name]
    assert Event.objects.for_company(firm.pk).filter(pk=event.pk).exists()


def test_period_that_began_before_stays_with_who_paid_then(
    subscription: Subscription, mandate: Mandate, firm: Company, acme: Company
) -> None:
    late = RENEWED + timedelta(days=2)  # no run has billed the 23rd
    agree(firm, acme)
    pay(subscription, firm, now=late)
    run_billing(as_of=date(2027, 1, 23), actor=SYSTEM, now=RENEWED + timedelta(days=31))

    lines = BasisLine.objects.order_by("period_start").values_list("period_start", "basis__company")
    assert list(lines) == [
        (date(2026, 11, 23), acme.pk),
        (date(2026, 12, 23), acme.pk),
        (date(2027, 1, 23), firm.pk),
    ]


def test_nobody_pays_without_having_agreed(
    subscription: Subscription, mandate: Mandate, firm: Company, acme: Company
) -> None:
    other = make_firm("Utan Fullmakt AB", "5561112227")

    with pytest.raises(NotAgreedError):
        pay(subscription, firm)
    with pytest.raises(SamePayerError):
        pay(subscription, acme)
    with pytest.raises(NoMandateError):
        agree(other, acme)
    agree(firm, acme)
    with pytest.raises(AgreedAlreadyError):
        agree(firm, acme)

    subscription.refresh_from_db()
    assert subscription.payer == acme


def test_consent_keeps_the_text_that_was_shown(
    mandate: Mandate, firm: Company, acme: Company
) -> None:
    consent = agree(firm, acme)

    assert firm.name in consent.text
    assert acme.formatted_org_number in consent.text
    assert consent.text_sha256 == hashlib.sha256(consent.text.encode()).hexdigest()
    assert (consent.method, consent.language) == ("pwd", "sv")
    with pytest.raises(IntegrityError), transaction.atomic():
        PayerConsent.objects.update(text="Byrån betalar allt.", text_sha256="0" * 64)
    with pytest.raises(DatabaseError, match=r"never changes|vop_retention"), transaction.atomic():
        PayerConsent.objects.all().delete()
    withdraw_payer_consent(firm=firm, client=acme, actor=SYSTEM, now=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        PayerConsent.objects.update(withdrawn_at=None)


def test_consent_to_another_text_than_was_read_is_refused(
    mandate: Mandate, firm: Company, acme: Company
) -> None:
    read = make_payer_consent(firm, acme, method="pwd")
    Company.objects.filter(pk=acme.pk).update(name="Acme i likvidation AB")

    with pytest.raises(ConsentTextChangedError):
        give_payer_consent(
            firm=firm,
            client=acme,
            answer=Answer(read.sha256, read.method),
            person=firm.main_contact.user,
            actor=SYSTEM,
            now=AT,
        )

    assert not PayerConsent.objects.exists()


def test_withdrawn_consent_lets_the_client_pay_again(
    subscription: Subscription, mandate: Mandate, firm: Company, acme: Company
) -> None:
    agree(firm, acme)
    pay(subscription, firm)

    withdraw_payer_consent(firm=firm, client=acme, actor=SYSTEM, now=AT + timedelta(days=1))

    subscription.refresh_from_db()
    assert subscription.payer == acme
    assert Payer.objects.get().valid_to == date(2026, 12, 4)
    with pytest.raises(NotAgreedError):
        withdraw_payer_consent(firm=firm, client=acme, actor=SYSTEM, now=AT)


def test_ended_mandate_ends_the_firms_paying(
    subscription: Subscription, mandate: Mandate, firm: Company, alice_in_acme: Membership
) -> None:
    agree(firm, alice_in_acme.company)
    pay(subscription, firm)

    end_mandate(mandate=mandate, acting=alice_in_acme, actor=SYSTEM, now=AT)

    subscription.refresh_from_db()
    assert subscription.payer == alice_in_acme.company
    assert not PayerConsent.objects.open().exists()


@pytest.mark.parametrize("has_agreed", [True, False])
def test_new_firm_pays_the_same_day_if_it_has_agreed(
    subscription: Subscription,
    mandate: Mandate,
    firm: Company,
    acme: Company,
    plan: Plan,
    *,
    has_agreed: bool,
) -> None:
    heir = make_firm("Ny Byrå AB", "5562223338")
    new = mandate_of(acme, heir, plan, now=AT)
    agree(firm, acme)
    pay(subscription, firm)
    if has_agreed:
        agree(heir, acme)

    with transaction.atomic():
        firm_replaced.send(sender=Mandate, old=mandate, new=new, actor=SYSTEM, now=AT)

    subscription.refresh_from_db()
    assert subscription.payer == (heir if has_agreed else acme)
    ended = Payer.objects.get(payer=firm)
    assert ended.valid_to == date(2026, 12, 3)
    assert Payer.objects.filter(payer=heir, valid_from=ended.valid_to).count() == has_agreed


def test_database_refuses_two_payers_on_a_day(
    subscription: Subscription, mandate: Mandate, firm: Company, acme: Company
) -> None:
    consent = agree(firm, acme)
    given = {"subscription": subscription, "payer": firm, "consent": consent}
    first, last = date(2026, 12, 1), date(2026, 12, 20)
    Payer.objects.create(**given, valid_from=first, valid_to=last)

    with pytest.raises(IntegrityError), transaction.atomic():
        Payer.objects.create(**given, valid_from=last - timedelta(days=1))
    Payer.objects.create(**given, valid_from=last)


def test_recorded_changes_still_never_change(subscription: Subscription) -> None:
    """The migration that lets payers change rebuilds their table."""
    with pytest.raises(IntegrityError), transaction.atomic():
        subscription.changes.update(payload={})


def test_firm_agrees_and_client_chooses_on_their_pages(
    alice: User, sign_in: SignIn, subscription: Subscription, mandate: Mandate, firm: Company
) -> None:
    page = reverse("billing:payer", args=[subscription.company_id, subscription.pk])
    payments = reverse("billing:payments", args=[firm.pk])
    agreeing = reverse("billing:give_consent", args=[firm.pk, mandate.pk])

    client = sign_in(alice)
    assert firm.name not in client.get(page).content.decode()
    assert client.post(page, {"payer": str(firm.pk)}).status_code == 422

    browser = sign_in(firm.main_contact.user)
    assert mandate.client.name in browser.get(payments).content.decode()
    assert browser.post(agreeing).status_code == 422, "nobody agrees to what was not shown"
    page_of_consent = browser.get(agreeing).content.decode()
    assert mandate.client.name in page_of_consent
    shown = re.search(r'name="text_sha256" value="([0-9a-f]{64})"', page_of_consent)
    assert shown
    assert browser.post(agreeing, {"text_sha256": shown[1]})["Location"] == payments
    assert PayerConsent.objects.get().text_sha256 == shown[1]
    assert shown[1] in browser.get(agreeing).content.decode(), "what was agreed stays to be read"

    client = sign_in(alice)
    assert firm.name in client.get(page).content.decode()
    assert client.post(page, {"payer": str(firm.pk)}).status_code == 302
    subscription.refresh_from_db()
    assert subscription.payer == firm
    own = reverse("billing:subscriptions", args=[subscription.company_id])
    assert firm.name in client.get(own).content.decode()

    sign_in(firm.main_contact.user).post(
        reverse("billing:withdraw_consent", args=[firm.pk, mandate.pk])
    )
    subscription.refresh_from_db()
    assert subscription.payer_id == subscription.company_id


# --- At once --------------------------------------------------------------------------------------


@pytest.fixture
def paid_by_firm(transactional_db: None, now: datetime) -> SimpleNamespace:
    """A client, its firm that has agreed to pay, and a subscription."""
    make_vat_rate()
    make_seller()
    plan = make_plan(make_service())
    client = make_company(
        name="Klient AB", owner=make_user(email="k@exempel.se"), org_number="5560160680"
    )
    firm = make_firm("Siffra Redovisning AB", "5569876542")
    mandate_of(client, firm, plan, now=now)
    agree(firm, client, now=now)
    subscription = buy(client.main_contact, plan, now=now).subscription
    return SimpleNamespace(client=client, firm=firm, subscription=subscription)


@pytest.mark.django_db(transaction=True)
def test_payer_changes_and_run_at_once_bill_each_day_once(paid_by_firm: SimpleNamespace) -> None:
    firm, subscription = paid_by_firm.firm, paid_by_firm.subscription
    ends = at_once(
        lambda: run_billing(as_of=date(2026, 12, 23), actor=SYSTEM, now=RENEWED),
        lambda: pay(subscription, firm, now=RENEWED),
    )

    # What moved to another payer while the run went by waits for the next one.
    run_billing(as_of=date(2026, 12, 24), actor=SYSTEM, now=RENEWED + timedelta(days=1))

    assert ends == ["done", "done"]
    line = BasisLine.objects.select_related("basis").get(reason="renewal")
    assert line.basis.company_id in {firm.pk, paid_by_firm.client.pk}
    subscription.refresh_from_db()
    assert (subscription.payer, subscription.billed_through) == (firm, date(2027, 1, 23))


@pytest.mark.django_db(transaction=True)
def test_consent_withdrawn_while_it_is_used_leaves_nobody_paying_without_one(
    paid_by_firm: SimpleNamespace,
) -> None:
    firm, client = paid_by_firm.firm, paid_by_firm.client
    ends = at_once(
        lambda: pay(paid_by_firm.subscription, firm),
        lambda: withdraw_payer_consent(firm=firm, client=client, actor=SYSTEM, now=AT),
    )

    assert set(ends) <= {"done", "NotAgreedError"}
    paid_by_firm.subscription.refresh_from_db()
    assert paid_by_firm.subscription.payer == client
    assert not Payer.objects.filter(valid_to=None).exists()


@pytest.mark.django_db(transaction=True)
def test_two_choices_of_the_firm_at_once_make_it_pay_once(paid_by_firm: SimpleNamespace) -> None:
    firm, subscription = paid_by_firm.firm, paid_by_firm.subscription

    ends = at_once(*[lambda: pay(subscription, firm)] * 3)

    assert ends == ["SamePayerError", "SamePayerError", "done"]
    assert Payer.objects.count() == 1
