"""What would end if a company closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import Subscription
from companies.models import Company, Mandate
from companies.queries import count_members
from services.queries import Subscribed, list_subscribed


@dataclass(frozen=True, slots=True)
class Consequences:
    """What ends with a company, and what must be moved before."""

    members: int
    services: Sequence[Subscribed]
    subscriptions: Sequence[Subscription]
    mandates: Sequence[Mandate]
    paid_for_others: Sequence[Subscription]

    @property
    def seats(self) -> int:
        """How many seats people lose."""
        return sum(service.seats.taken for service in self.services)


def list_consequences(company: Company, *, at: datetime) -> Consequences:
    """Return what would end if a company closed at an instant. Five queries."""
    running = Subscription.objects.running().select_related("plan__service", "company")
    mandates = Mandate.objects.open(at).with_parties()
    given = list(mandates.filter(client=company).by_firm())
    held = list(mandates.filter(firm=company).by_client()) if company.is_firm else []
    return Consequences(
        members=count_members(company.pk, at=at),
        services=list_subscribed(company.pk, at=at),
        subscriptions=list(running.for_company(company.pk).by_service()),
        mandates=[*given, *held],
        paid_for_others=list(running.filter(payer=company).exclude(company=company).by_service()),
    )
