import importlib
import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing.models import BasisLine, InvoiceBasis, Order, Plan, Subscription
from billing.operations import set_price
from companies.models import Company, Membership, Role
from services.models import Entitlement, Seat
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan
from tests.factories.companies import SYSTEM, join_company
from tests.factories.services import make_service

SignIn = Callable[[User], Client]


def hidden_fields(response: HttpResponseBase) -> dict[str, str]:
    """Return what the confirmation form would send."""
    html = getattr(response, "content", b"").decode()
    form = html[html.index('id="confirm-form"') :]
    fields = {}
    for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        assert name
        fields[name[1]] = value[1] if value else ""
    return fields


@pytest.fixture
def portal(alice: User, sign_in: SignIn) -> Client:
    return sign_in(alice)


@pytest.fixture
def buy_url(acme: Company, plan: Plan) -> str:
    return reverse("billing:buy", args=[acme.pk, plan.code])


@pytest.fixture
def confirm_url(acme: Company, plan: Plan) -> str:
    return reverse("billing:confirm_order", args=[acme.pk, plan.code])


@pytest.fixture
def subscription(alice_in_acme: Membership, plan: Plan) -> Subscription:
    return buy(alice_in_acme, plan, quantity=3, now=timezone.now()).subscription


ASKED = {"quantity": "4", "take_seat": "on", "po_number": "PO-77", "reference": "Pia"}


def test_person_buys_by_form_preview_and_confirmation(
    portal: Client, alice: User, acme: Company, buy_url: str, confirm_url: str
) -> None:
    assert portal.get(buy_url).status_code == 200
    preview = portal.post(buy_url, ASKED)
    assert preview.status_code == 200
    assert not Order.objects.exists()

    done = portal.post(confirm_url, hidden_fields(preview))

    assert done.status_code == 302
    assert done["Location"] == reverse("billing:subscriptions", args=[acme.pk])
    order = Order.objects.get()
    assert (order.quantity, order.placed_by) == (4, alice)
    assert (order.subscription.po_number, order.subscription.reference) == ("PO-77", "Pia")
    assert Seat.objects.get().membership.user == alice
    assert InvoiceBasis.objects.get().net_cents == 4 * 14900
    shown = portal.get(done["Location"])
    assert order.plan.service.name in shown.content.decode()


def test_buyer_asks_for_a_basis_of_its_own_in_the_order(
    portal: Client, alice_in_acme: Membership, plan: Plan, buy_url: str, confirm_url: str
) -> None:
    buy(alice_in_acme, make_plan(make_service(slug="lon"), code="lon"), now=timezone.now())

    preview = portal.post(buy_url, {**ASKED, "po_number": "", "has_own_basis": "on"})
    assert 'id="preview-own-basis"' in preview.content.decode()
    assert portal.post(confirm_url, hidden_fields(preview)).status_code == 302

    mine = Subscription.objects.get(plan=plan)
    assert not mine.consolidate
    split = dict(BasisLine.objects.values_list("subscription__plan__code", "basis__split_by"))
    assert split == {"lon": "", plan.code: str(mine.pk)}


def test_buyer_who_asks_for_nothing_shares_a_basis(
    portal: Client, buy_url: str, confirm_url: str
) -> None:
    preview = portal.post(buy_url, ASKED)
    assert 'id="preview-own-basis"' not in preview.content.decode()
    portal.post(confirm_url, hidden_fields(preview))

    assert Subscription.objects.get().consolidate


def test_preview_shows_the_sums_to_the_ore(portal: Client, buy_url: str) -> None:
    html = portal.post(buy_url, ASKED).content.decode().replace("\N{NO-BREAK SPACE}", " ")

    for amount in ("596,00 kr", "149,00 kr", "745,00 kr"):
        assert amount in html


@pytest.mark.parametrize("quantity", ["", "0", "-3", "tre", "10001", "1.5"])
def test_bad_number_is_told_beside_the_field_and_nothing_is_lost(
    portal: Client, buy_url: str, quantity: str
) -> None:
    response = portal.post(buy_url, {**ASKED, "quantity": quantity})

    html = response.content.decode()
    assert response.status_code == 422
    assert 'value="PO-77"' in html
    assert "error-summary" in html
    assert not Order.objects.exists()


def test_change_shows_the_form_as_it_was_filled_in(portal: Client, buy_url: str) -> None:
    preview = portal.post(buy_url, {**ASKED, "has_own_basis": "on", "take_seat": ""})

    again = portal.post(buy_url, hidden_fields(preview))

    html = again.content.decode()
    assert again.status_code == 200
    for filled in ('value="4"', 'value="PO-77"', 'value="Pia"'):
        assert filled in html
    assert re.search(r'name="has_own_basis"[^>]* checked', html)
    assert not re.search(r'name="take_seat"[^>]* checked', html)


def test_double_click_buys_once(portal: Client, buy_url: str, confirm_url: str) -> None:
    fields = hidden_fields(portal.post(buy_url, ASKED))

    answers = [portal.post(confirm_url, fields).status_code for _click in range(2)]

    assert answers == [302, 302]
    assert Order.objects.count() == BasisLine.objects.count() == 1


def test_price_changed_meanwhile_shows_a_new_preview(
    portal: Client, plan: Plan, buy_url: str, confirm_url: str
) -> None:
    fields = hidden_fields(portal.post(buy_url, ASKED))
    set_price(
        plan=plan,
        unit_price=Decimal("199.00"),
        valid_from=timezone.localdate(),
        existing_from=None,
        actor=SYSTEM,
        now=timezone.now(),
    )

    told = portal.post(confirm_url, fields)
    assert told.status_code == 422
    assert 'id="preview-changed"' in told.content.decode()
    assert not Order.objects.exists()
    renewed = hidden_fields(told)
    assert renewed["request_key"] == fields["request_key"]
    assert portal.post(confirm_url, renewed).status_code == 302
    assert InvoiceBasis.objects.get().net_cents == 4 * 19900


def test_confirmation_that_was_tampered_with_buys_nothing(
    portal: Client, buy_url: str, confirm_url: str
) -> None:
    fields = hidden_fields(portal.post(buy_url, ASKED))

    assert portal.post(confirm_url, {**fields, "quantity": "400"}).status_code == 422
    assert portal.post(confirm_url, {**fields, "request_key": "x"}).status_code == 422
    assert portal.post(confirm_url, {}).status_code == 422
    assert not Order.objects.exists()


def test_service_that_the_company_has_is_refused_with_a_reason(
    portal: Client, subscription: Subscription, buy_url: str, confirm_url: str
) -> None:
    page = portal.get(buy_url)
    assert 'id="order-form"' not in page.content.decode()

    refused = portal.post(confirm_url, hidden_fields(portal.post(buy_url, ASKED)))

    assert refused.status_code == 422
    assert Order.objects.count() == 1


def test_unknown_plan_and_service_without_plans_are_handled(
    portal: Client, acme: Company, plan: Plan
) -> None:
    service = make_service(slug="lon", name="Lön")

    assert portal.get(reverse("billing:buy", args=[acme.pk, "nope"])).status_code == 404
    to_catalogue = portal.get(reverse("billing:buy", args=[acme.pk, service.slug]))
    assert to_catalogue["Location"].endswith("/buy/#lon")


def test_billing_manager_may_buy_and_member_may_not(
    sign_in: SignIn, acme: Company, bob: User, buy_url: str
) -> None:
    karin = make_user(email="karin@exempel.se")
    join_company(acme, karin, Role.BILLING)

    assert sign_in(karin).get(buy_url).status_code == 200
    assert sign_in(bob).get(buy_url).status_code == 403


def test_foreign_ids_do_not_exist(
    sign_in: SignIn, mallory: User, other: Company, subscription: Subscription
) -> None:
    client = sign_in(mallory)
    basis = InvoiceBasis.objects.get()

    for name, thing in [
        ("seats", subscription.pk),
        ("cancel", subscription.pk),
        ("basis", basis.pk),
        ("basis_pdf", basis.pk),
        ("basis", uuid.uuid4()),
    ]:
        own = reverse(f"billing:{name}", args=[other.pk, thing])
        foreign = reverse(f"billing:{name}", args=[subscription.company_id, thing])
        assert client.get(own).status_code == 404, name
        assert client.get(foreign).status_code == 404, name


def test_seats_are_changed_by_form_preview_and_confirmation(
    portal: Client, acme: Company, subscription: Subscription
) -> None:
    url = reverse("billing:seats", args=[acme.pk, subscription.pk])
    assert portal.get(url).status_code == 200
    preview = portal.post(url, {"quantity": "6"})
    assert preview.status_code == 200
    back = portal.post(url, hidden_fields(preview))
    assert back.status_code == 200
    assert back.context["form"]["quantity"].value() == "6"

    done = portal.post(
        reverse("billing:confirm_seats", args=[acme.pk, subscription.pk]), hidden_fields(preview)
    )

    assert done.status_code == 302
    subscription.refresh_from_db()
    assert subscription.quantity == 6
    assert Entitlement.objects.get().seat_limit == 6


@pytest.mark.parametrize("quantity", ["", "0", "3", "många"])
def test_seats_that_make_no_sense_are_told(
    portal: Client, acme: Company, subscription: Subscription, quantity: str
) -> None:
    url = reverse("billing:seats", args=[acme.pk, subscription.pk])

    response = portal.post(url, {"quantity": quantity})

    assert response.status_code == 422
    assert f'value="{quantity}"' in response.content.decode() or not quantity


def test_cancel_and_undo(portal: Client, acme: Company, subscription: Subscription) -> None:
    url = reverse("billing:cancel", args=[acme.pk, subscription.pk])
    assert portal.get(url).status_code == 200

    portal.post(url)
    subscription.refresh_from_db()
    assert subscription.cancel_on == subscription.billed_through
    undo = reverse("billing:undo_cancel", args=[acme.pk, subscription.pk])
    assert undo in portal.get(reverse("billing:subscriptions", args=[acme.pk])).content.decode()
    portal.post(undo)
    subscription.refresh_from_db()

    assert subscription.cancel_on is None


def test_basis_page_says_what_made_each_line(
    portal: Client, acme: Company, subscription: Subscription
) -> None:
    basis = InvoiceBasis.objects.get()

    listed = portal.get(reverse("billing:bases", args=[acme.pk])).content.decode()
    shown = portal.get(reverse("billing:basis", args=[acme.pk, basis.pk])).content.decode()
    pdf = portal.get(reverse("billing:basis_pdf", args=[acme.pk, basis.pk]))

    assert str(basis.pk) in listed
    assert "447,00" in shown
    assert str(subscription.bought_on) in shown
    assert pdf["Content-Type"] == "application/pdf"
    assert pdf["Content-Disposition"].startswith("inline; filename=")


def test_empty_company_is_told_what_to_do(portal: Client, acme: Company, plan: Plan) -> None:
    for name in ("subscriptions", "bases", "catalogue"):
        assert portal.get(reverse(f"billing:{name}", args=[acme.pk])).status_code == 200


def test_catalogue_tells_all_that_a_buyer_asks(
    portal: Client, acme: Company, seller: object
) -> None:
    service = make_service()
    service.description = "Kontera och stäm av."
    service.save(update_fields=["description"])
    make_plan(service, trial_days=30)

    page = portal.get(reverse("billing:catalogue", args=[acme.pk])).content.decode()

    for told in ("Kontera och stäm av.", "Användare, Administratör", "30 dagar", "149,00"):
        assert told in page


def test_catalogue_without_a_price_says_so(
    portal: Client, acme: Company, plan: Plan, buy_url: str
) -> None:
    plan.prices.update(valid_from=date(2100, 1, 1))

    assert buy_url not in portal.get(reverse("billing:catalogue", args=[acme.pk])).content.decode()
    assert portal.post(buy_url, ASKED).status_code == 422


def test_day_of_a_purchase_is_stockholms(alice_in_acme: Membership, plan: Plan) -> None:
    order = buy(alice_in_acme, plan, now=datetime(2026, 6, 30, 22, 30, tzinfo=UTC))

    assert order.subscription.bought_on == date(2026, 7, 1)


def test_many_subscriptions_are_shown_page_by_page(
    portal: Client,
    acme: Company,
    alice_in_acme: Membership,
    subscription: Subscription,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    views = importlib.import_module("billing.views.subscriptions")
    monkeypatch.setattr(views, "SUBSCRIPTIONS_PER_PAGE", 1)
    payroll = make_plan(make_service(slug="payroll", name="Löner"), code="payroll")
    buy(alice_in_acme, payroll, quantity=2, now=timezone.now())
    url = reverse("billing:subscriptions", args=[acme.pk])

    pages = [portal.get(url, {"page": number}).content.decode() for number in (1, 2)]

    own = f"/subscriptions/{subscription.pk}/"
    assert sorted(own in page for page in pages) == [False, True]
    assert "page=2" in pages[0]
