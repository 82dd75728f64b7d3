"""The gates from an address to a company's subscriptions and bases."""

import uuid

from billing.models import BillingRun, InvoiceBasis, Plan, Subscription, Terms
from billing.queries import get_plan, get_terms
from companies.models import Company
from services.models import Service
from services.queries import get_service
from vop.lib.errors import NotFound


def get_subscription_for(company: Company, subscription_id: uuid.UUID) -> Subscription:
    """Return a company's own subscription with what its pages show.

    Raises: NotFound.
    """
    subscription = (
        Subscription.objects.for_company(company.pk)
        .select_related("company", "payer", "plan__service", "price", "next_plan", "entitlement")
        .filter(pk=subscription_id)
        .first()
    )
    if subscription is None:
        raise NotFound
    return subscription


def get_basis_for(company: Company, basis_id: uuid.UUID) -> InvoiceBasis:
    """Return a basis that a company is to pay.

    Raises: NotFound.
    """
    basis = (
        InvoiceBasis.objects.for_company(company.pk)
        .select_related("company", "credits")
        .filter(pk=basis_id)
        .first()
    )
    if basis is None:
        raise NotFound
    return basis


def get_issued_basis(basis_id: uuid.UUID) -> InvoiceBasis:
    """Return a basis that has its number, whoever is to pay it: for staff and for the accounts.

    Raises: NotFound.
    """
    basis = InvoiceBasis.objects.filter(pk=basis_id, number__isnull=False).first()
    if basis is None:
        raise NotFound
    return basis


def get_run(run_id: uuid.UUID) -> BillingRun:
    """Return a billing run, for staff.

    Raises: NotFound.
    """
    run = BillingRun.objects.filter(pk=run_id).first()
    if run is None:
        raise NotFound
    return run


def get_offered_plan(code: str) -> Plan:
    """Return a plan that can be bought.

    Raises: NotFound.
    """
    plan = get_plan(code)
    if plan is None:
        raise NotFound
    return plan


def get_published_terms(version: str) -> Terms:
    """Return a version of the terms of sale.

    Raises: NotFound.
    """
    terms = get_terms(version)
    if terms is None:
        raise NotFound
    return terms


def get_service_of_plans(slug: str) -> Service | None:
    """Return the service of that short name, unless a plan has the same one as its code."""
    return None if get_plan(slug) is not None else get_service(slug)
