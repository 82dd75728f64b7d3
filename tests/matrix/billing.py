"""Who may open the addresses of billing."""

from collections.abc import Mapping

from django.utils import timezone

from billing.models import InvoiceBasis, Plan, Seller, Subscription, Terms
from companies.models import Permission
from tests.factories.billing import buy, make_plan, make_seller, make_vat_rate
from tests.factories.services import make_service
from tests.matrix.rules import GET, POST, Lookup, Rule, World, company, firm, provider

RULES: Mapping[str, Rule] = {
    "billing:clients": firm(Permission.MANDATE_VIEW, GET, POST),
    "billing:export_clients": firm(Permission.MANDATE_VIEW, POST),
    "billing:catalogue": company(Permission.ORDER_CREATE),
    "billing:buy": company(Permission.ORDER_CREATE, GET, POST),
    "billing:confirm_order": company(Permission.ORDER_CREATE, POST),
    "billing:close_company": company(Permission.COMPANY_CLOSE, GET, POST),
    "billing:seat_matrix": company(Permission.SEAT_ASSIGN),
    "billing:save_seat_matrix": company(Permission.SEAT_ASSIGN, POST),
    "billing:subscriptions": company(Permission.BILLING_VIEW),
    "billing:seats": company(Permission.ORDER_CREATE, GET, POST),
    "billing:unused_seats": company(Permission.ORDER_CREATE, GET),
    "billing:confirm_seats": company(Permission.ORDER_CREATE, POST),
    "billing:terms": company(Permission.BILLING_VIEW),
    "billing:plan": company(Permission.ORDER_CREATE, GET, POST),
    "billing:confirm_plan": company(Permission.ORDER_CREATE, POST),
    "billing:payer": company(Permission.ORDER_CREATE, GET, POST),
    "billing:payments": firm(Permission.ORDER_CREATE),
    "billing:give_consent": firm(Permission.ORDER_CREATE, GET, POST),
    "billing:withdraw_consent": firm(Permission.ORDER_CREATE, POST),
    "billing:references": company(Permission.ORDER_CREATE, GET, POST),
    "billing:cancel": company(Permission.ORDER_CREATE, GET, POST),
    "billing:undo_cancel": company(Permission.ORDER_CREATE, POST),
    "billing:bases": company(Permission.BASIS_VIEW),
    "billing:basis": company(Permission.BASIS_VIEW),
    "billing:basis_pdf": company(Permission.BASIS_VIEW),
    "billing:basis_csv": company(Permission.BASIS_VIEW),
    "billing:api_bases": provider(),
    "billing:api_basis": provider(),
    "billing:api_ubl": provider(),
    "billing:api_receipt": provider(),
}


def _plan(_world: World) -> Plan:
    if not Seller.objects.exists():
        make_seller()
        make_vat_rate()
    found = Plan.objects.filter(code="matrix").first()
    return found or make_plan(make_service(slug="matris", name="Matris"), code="matrix")


def _subscription(world: World) -> Subscription:
    plan = _plan(world)
    found = Subscription.objects.filter(company=world.company, plan=plan).first()
    return found or buy(world.membership("owner"), plan, now=timezone.now()).subscription


def _terms(world: World) -> Terms:
    _plan(world)
    return Terms.objects.order_by("-valid_from")[0]


def _basis(world: World) -> InvoiceBasis:
    _subscription(world)
    return InvoiceBasis.objects.filter(company=world.company).order_by("pk")[0]


ARGUMENTS: Mapping[str, Lookup] = {
    "version": lambda world: _terms(world).version,
    "plan_code": lambda world: _plan(world).code,
    "subscription_id": lambda world: _subscription(world).pk,
    "basis_id": lambda world: _basis(world).pk,
}
