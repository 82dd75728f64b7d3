"""Billing in the hands of staff, through HTTP."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from auditlog.models import Event
from billing import engine
from billing.models import (
    BasisLine,
    BillingRun,
    Discount,
    InvoiceBasis,
    Plan,
    Price,
    Seller,
    Subscription,
    VatRate,
)
from billing.operations import run_billing, set_price
from billing.queries import preview_price
from companies.models import Company, Membership
from services.models import Service
from tests.factories.accounts import make_user
from tests.factories.billing import buy, copy_line, make_plan
from tests.factories.companies import SYSTEM
from vop.lib import jobs
from vop.lib.clock import local_date


@pytest.fixture
def clerk(staff: User, sign_in_staff: Callable[[User], Client]) -> Client:
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    return sign_in_staff(staff)


@pytest.fixture
def draft(alice_in_acme: Membership, plan: Plan) -> InvoiceBasis:
    buy(alice_in_acme, plan, now=timezone.now())
    return InvoiceBasis.objects.get()


PLAN = {
    "code": "bas-ar",
    "name": "Bas, år",
    "interval": "year",
    "interval_count": "1",
    "pricing": "per_unit",
    "vat_class": "standard",
    "currency": "SEK",
    "trial_days": "0",
    "rank": "1",
    "is_offered": "on",
}


def test_staff_adds_a_plan_and_its_price(clerk: Client, service: Service) -> None:
    added = clerk.post(reverse("admin:billing_plan_add"), {**PLAN, "service": str(service.pk)})
    plan = Plan.objects.get(code="bas-ar")
    today = timezone.localdate()
    priced = clerk.post(
        reverse("admin:billing_price_add"),
        {"plan": str(plan.pk), "unit_price": "1490,50", "valid_from": str(today)},
    )

    assert (added.status_code, priced.status_code) == (302, 302)
    price = Price.objects.get(plan=plan)
    assert (price.unit_price, price.valid_from) == (Decimal("1490.50"), today)
    assert Event.objects.get(action="price.changed", actor_kind="staff").target_id == str(plan.pk)


def test_plan_that_is_sold_keeps_its_terms(clerk: Client, plan: Plan) -> None:
    url = reverse("admin:billing_plan_change", args=[plan.pk])
    assert clerk.get(url).status_code == 200

    clerk.post(url, {"name": "Ny", "trial_days": "0", "rank": "0", "interval": "year"})

    plan.refresh_from_db()
    assert (plan.name, plan.interval, plan.is_offered) == ("Ny", "month", False)


@pytest.mark.parametrize(
    "fields",
    [
        {"unit_price": "-1", "valid_from": "2100-01-01"},
        {"unit_price": "tio", "valid_from": "2100-01-01"},
        {"unit_price": "10", "valid_from": "2021-01-01"},
        {"unit_price": "10", "valid_from": "2020-01-01"},
        {"unit_price": "10", "valid_from": "2100-01-01", "existing_from": "2099-01-01"},
        {"unit_price": "10", "valid_from": ""},
    ],
)
def test_price_that_makes_no_sense_is_told(
    clerk: Client, plan: Plan, fields: dict[str, str]
) -> None:
    told = clerk.post(reverse("admin:billing_price_add"), {"plan": str(plan.pk), **fields})

    assert told.status_code == 422
    assert Price.objects.count() == 1


def test_new_vat_rate_closes_the_one_before(clerk: Client, seller: Seller) -> None:
    url = reverse("admin:billing_vatrate_add")
    asked = {"vat_class": "standard", "country": "SE", "rate": "26", "valid_from": "2030-01-01"}

    assert clerk.post(url, asked).status_code == 302
    assert clerk.post(url, {**asked, "valid_from": "2029-01-01"}).status_code == 422

    ends = VatRate.objects.order_by("valid_from").values_list("rate", "valid_to")
    assert list(ends) == [(Decimal(25), date(2030, 1, 1)), (Decimal(26), None)]


def test_staff_changes_the_seller(clerk: Client, seller: Seller) -> None:
    url = reverse("admin:billing_seller_change", args=[seller.pk])
    asked = {
        "name": "Nya vop AB",
        "org_number": "556703-7485",
        "vat_number": "SE556703748501",
        "street": "Gatan 1",
        "postcode": "111 11",
        "city": "Stockholm",
        "country": "SE",
        "email": "faktura@vop.example",
        "bankgiro": "9912346",
        "payment_days": "20",
        "series_prefix": "U",
    }

    assert clerk.post(url, {**asked, "org_number": "123"}).status_code == 422
    assert clerk.post(url, {**asked, "bankgiro": "991-2347"}).status_code == 422
    assert clerk.post(url, asked).status_code == 302

    seller.refresh_from_db()
    assert (seller.name, seller.org_number) == ("Nya vop AB", "5567037485")
    assert (seller.bankgiro, seller.payment_days) == ("991-2346", 20)


def test_staff_approves_a_draft(clerk: Client, draft: InvoiceBasis, acme: Company) -> None:
    url = reverse("admin:billing_invoicebasis_changelist")
    asked = {"action": "approve", "_selected_action": [str(draft.pk)]}

    for _click in range(2):
        assert clerk.post(url, asked).status_code == 302

    draft.refresh_from_db()
    assert draft.number == 1
    [event] = Event.objects.for_company(acme.pk).filter(action="basis.approved")
    assert event.actor_kind == "staff"


def test_staff_prepares_a_run_and_somebody_else_approves_it(
    clerk: Client,
    alice_in_acme: Membership,
    plan: Plan,
    sign_in_staff: Callable[[User], Client],
) -> None:
    buy(alice_in_acme, plan, now=timezone.now() - timedelta(days=40))
    prepare = reverse("admin:billing_billingrun_prepare")
    assert clerk.get(prepare).status_code == 200

    made = clerk.post(prepare)

    run = BillingRun.objects.get()
    page = made.headers["Location"]
    assert page == reverse("admin:billing_billingrun_change", args=[run.pk])
    assert run.preview_sha256 in clerk.get(page).content.decode()
    approve = reverse("admin:billing_billingrun_approve", args=[run.pk])
    clerk.post(approve, {"preview_sha256": run.preview_sha256})
    run.refresh_from_db()
    assert run.state == "preview", "its maker can't approve it"

    beata = make_user(email="beata@vop.example", is_staff=True, is_superuser=True)
    other = sign_in_staff(beata)
    other.post(approve, {"preview_sha256": "0" * 64})
    run.refresh_from_db()
    assert run.state == "preview", "what was seen is something else"
    other.post(approve, {"preview_sha256": run.preview_sha256})
    jobs.run_all(now=timezone.now())

    run.refresh_from_db()
    assert run.state == "issued"
    assert InvoiceBasis.objects.filter(run=run).exclude(number=None).count() == 1
    assert "Avviker" not in other.get(page).content.decode()


@pytest.mark.parametrize(
    "name", ["plan", "price", "vatrate", "seller", "subscription", "invoicebasis", "billingrun"]
)
def test_lists_open(clerk: Client, draft: InvoiceBasis, name: str) -> None:
    assert clerk.get(reverse(f"admin:billing_{name}_changelist")).status_code == 200


def test_basis_and_subscription_are_read_only(clerk: Client, draft: InvoiceBasis) -> None:
    subscription = Subscription.objects.get()
    for name, thing in [("invoicebasis", draft), ("subscription", subscription)]:
        url = reverse(f"admin:billing_{name}_change", args=[thing.pk])
        assert clerk.get(url).status_code == 200
        assert clerk.post(url, {}).status_code == 403
        assert (
            clerk.post(
                reverse(f"admin:billing_{name}_delete", args=[thing.pk]), {"post": "yes"}
            ).status_code
            == 403
        )


def test_lines_of_a_long_basis_stand_page_by_page(clerk: Client, draft: InvoiceBasis) -> None:
    copy_line(draft, 119)
    address = reverse("admin:billing_invoicebasis_change", args=[draft.pk])

    first, second = (clerk.get(address, {"page": page}).content.decode() for page in (1, 2))

    assert first.count('class="field-position"') == 100
    assert 'href="?page=2#lines-group"' in first
    assert second.count('class="field-position"') == 20
    assert "2 / 2" in second


def test_staff_without_the_right_runs_nothing(
    staff: User, sign_in_staff: Callable[[User], Client], draft: InvoiceBasis
) -> None:
    client = sign_in_staff(staff)

    assert client.post(reverse("admin:billing_billingrun_prepare")).status_code == 403
    assert client.get(reverse("admin:billing_plan_add")).status_code == 403


# --- Tiers, discounts, and whom a price meets -----------------------------------------------------


def test_staff_sets_a_tiered_price(clerk: Client, service: Service) -> None:
    tiered = make_plan(service, code="niva", pricing="tiered", price=None)
    url = reverse("admin:billing_price_add")
    asked = {"plan": str(tiered.pk), "unit_price": "490", "valid_from": str(timezone.localdate())}

    for wrong in ("", "5", "5 99 kr", "20 79\n5 99"):
        assert clerk.post(url, {**asked, "tiers": wrong}).status_code == 422
    assert clerk.post(url, {**asked, "tiers": "5 99,00\r\n20 79.50\r\n"}).status_code == 302

    assert Price.objects.get(plan=tiered).tiers == [[5, "99.00"], [20, "79.50"]]


def test_staff_gives_a_discount_and_ends_it(clerk: Client, draft: InvoiceBasis) -> None:
    subscription = Subscription.objects.get()
    chosen = clerk.post(
        reverse("admin:billing_subscription_changelist"),
        {"action": "discount", "_selected_action": [str(subscription.pk)]},
    )
    assert clerk.get(chosen["Location"]).status_code == 200
    today = timezone.localdate()
    asked = {
        "name": "Jubileum", "kind": "percent", "value": "12,5", "valid_from": str(today),
        "valid_to": str(today + timedelta(days=60)),
    }  # fmt: skip

    assert clerk.post(chosen["Location"], asked).status_code == 422
    named = {**asked, "subscription": str(subscription.pk)}
    assert clerk.post(chosen["Location"], named).status_code == 302
    assert clerk.post(chosen["Location"], named).status_code == 422

    discount = Discount.objects.get()
    assert (discount.subscription, discount.value) == (subscription, Decimal("12.5"))
    clerk.post(
        reverse("admin:billing_discount_changelist"),
        {"action": "end", "_selected_action": [str(discount.pk)]},
    )
    discount.refresh_from_db()
    assert discount.valid_to == today


def test_price_shows_whom_it_meets_before_it_is_set(
    clerk: Client, draft: InvoiceBasis, plan: Plan
) -> None:
    renews = Subscription.objects.get().billed_through
    asked = {
        "plan": str(plan.pk),
        "unit_price": "159",
        "valid_from": str(timezone.localdate()),
        "existing_from": str(renews),
    }
    url = reverse("admin:billing_price_add")

    shown = clerk.post(url, asked)

    assert (shown.status_code, Price.objects.count()) == (200, 1)
    change = shown.context["change"]
    [meeting] = change.shown
    assert (meeting.on, meeting.old_cents, meeting.new_cents) == (renews, 447_00, 477_00)
    assert (change.count, change.difference_cents) == (1, 30_00)
    assert draft.company.name in shown.content.decode()

    other = clerk.post(url, {**asked, "unit_price": "169", "seen": change.sha256})
    assert (other.status_code, Price.objects.count()) == (200, 1)
    assert clerk.post(url, {**asked, "seen": change.sha256}).status_code == 302
    assert Price.objects.count() == 2


def test_price_for_new_buyers_alone_meets_nobody(
    clerk: Client, draft: InvoiceBasis, plan: Plan
) -> None:
    asked = {
        "plan": str(plan.pk), "unit_price": "159",
        "valid_from": str(timezone.localdate() + timedelta(days=1)),
    }  # fmt: skip

    assert clerk.post(reverse("admin:billing_price_add"), asked).status_code == 302


def test_preview_of_a_price_is_what_the_run_bills(
    alice_in_acme: Membership, plan: Plan, service: Service
) -> None:
    now = timezone.now()
    subscription = buy(alice_in_acme, plan, now=now).subscription
    later = subscription.billed_through + timedelta(days=40)
    price = engine.Price(Decimal("159.95"), timezone.localdate(), later)
    [meeting] = preview_price(plan, price, at=now).shown

    set_price(
        plan=plan, unit_price=price.unit_price, valid_from=price.valid_from, existing_from=later,
        actor=SYSTEM, now=now,
    )  # fmt: skip
    run_billing(as_of=meeting.on, actor=SYSTEM, now=now + timedelta(days=120))

    line = BasisLine.objects.order_by("-period_start").first()
    assert line is not None
    assert (line.period_start, line.net_cents) == (meeting.on, meeting.new_cents)


def test_preview_says_whom_it_cant_bill_and_what_to_do(
    clerk: Client, alice_in_acme: Membership, plan: Plan, service: Service
) -> None:
    now = timezone.now()
    today = local_date(now)
    unpriced = make_plan(service, code="utan-pris", price=None)
    subscription = buy(alice_in_acme, plan, now=now).subscription
    Subscription.objects.filter(pk=subscription.pk).update(
        plan=unpriced, price=None, billed_through=today, anchor=today
    )

    prepare = reverse("admin:billing_billingrun_prepare")
    page = clerk.post(prepare, follow=True).content.decode()

    assert alice_in_acme.company.name in page
    assert "Planen har inget pris för perioden" in page
    assert "utan-pris" in page
    set_price(
        plan=unpriced,
        unit_price=Decimal("99.00"),
        valid_from=today,
        existing_from=today,
        actor=SYSTEM,
        now=now,
    )
    again = clerk.post(prepare, follow=True).content.decode()
    assert "Planen har inget pris" not in again
    assert "297,00" in again, "three seats, billed once the price is there"
