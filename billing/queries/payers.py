"""Who pays for whom, who has agreed to, and since when."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from billing.models import PayerConsent, Subscription, SubscriptionPayer
from companies.models import Company, Mandate


def get_payer_consent(firm: Company, client: Company) -> PayerConsent | None:
    """Return a firm's open consent to pay for a client."""
    consents = PayerConsent.objects.open().between(firm.pk, client.pk)
    return consents.select_related("firm", "client", "given_by").first()


def is_client_of(client: Company, firm: Company, *, at: datetime) -> bool:
    """Whether a firm has a mandate from a company."""
    return Mandate.objects.in_force(at).filter(client=client, firm=firm).exists()


def list_paid_for(client: Company, *, by: Company) -> Sequence[Subscription]:
    """List a client's running subscriptions that a firm pays for, by id."""
    return list(Subscription.objects.running().filter(company=client, payer=by).order_by("pk"))


def find_consent_of(payer: Company, client: Company, *, at: datetime) -> PayerConsent | None:
    """Return the consent under which a firm may pay for a client: none without a mandate."""
    return get_payer_consent(payer, client) if is_client_of(client, payer, at=at) else None


def list_possible_payers(company: Company, *, at: datetime) -> Sequence[Company]:
    """List who may pay for a company: itself, and its firms that have agreed to."""
    agreed = PayerConsent.objects.open().filter(client=company)
    under_mandate = Mandate.objects.in_force(at).filter(client=company)
    firms = Company.objects.filter(
        pk__in=agreed.values("firm"), mandates_held__in=under_mandate
    ).distinct()
    return [company, *firms.order_by("name", "pk")]


def list_payer_history(subscription: Subscription) -> QuerySet[SubscriptionPayer]:
    """List who else pays or paid for a subscription, the latest first."""
    rows = SubscriptionPayer.objects.filter(subscription=subscription).select_related("payer")
    return rows.order_by("-valid_from", "pk")


def list_mandates_to_pay_under(firm: Company, *, at: datetime) -> QuerySet[Mandate]:
    """List the mandates that a firm holds, by client, with what it pays for (`paid`, a count)."""
    paid = Count(
        "client__subscriptions",
        filter=Q(client__subscriptions__payer=firm, client__subscriptions__ended_on=None),
    )
    mandates = Mandate.objects.in_force(at).filter(firm=firm).select_related("client")
    return mandates.annotate(paid=paid).order_by("client__name", "pk")


def list_agreed_clients(firm: Company) -> frozenset[uuid.UUID]:
    """Return the clients that a firm has agreed to pay for."""
    agreed = PayerConsent.objects.open().filter(firm=firm).order_by("pk")
    return frozenset(agreed.values_list("client_id", flat=True))
