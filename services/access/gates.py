"""The gates from an address to a service, a seat or a mandate."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from companies.models import Company
from services.access.decision import Access, Decision, NoAccess, effective_access_to_each
from services.access.grounds import Refusal
from services.models import Seat, Service
from services.queries import (
    Subscribed,
    get_seat,
    get_service,
    get_subscribed,
    list_offered_services,
)
from vop.lib.errors import NotFound


@dataclass(frozen=True, slots=True)
class Offer:
    """A service of the catalogue and what a person may do with it in one company."""

    service: Service
    decision: Decision

    @property
    def is_open(self) -> bool:
        """Whether the person may open it."""
        return isinstance(self.decision, Access)

    @property
    def is_bought(self) -> bool:
        """Whether the company has it."""
        return self.is_open or self.decision == NoAccess(Refusal.NO_SEAT)


def list_offers(person: User, company: Company, *, at: datetime) -> list[Offer]:
    """List the catalogue with the decision about each service.

    Two queries, three for who may act for others.
    """
    decisions = effective_access_to_each(person, company, list_offered_services(), at)
    return [Offer(service, decision) for service, decision in decisions]


def get_service_for(slug: str) -> Service:
    """Return a service of the catalogue by the short name in an address.

    Raises: NotFound.
    """
    service = get_service(slug)
    if service is None:
        raise NotFound
    return service


def get_subscribed_for(company: Company, slug: str, *, at: datetime) -> Subscribed:
    """Return a service that the company of a page has.

    Raises: NotFound.
    """
    subscribed = get_subscribed(company.pk, slug, at=at)
    if subscribed is None:
        raise NotFound
    return subscribed


def get_seat_for(company: Company, slug: str, seat_id: uuid.UUID) -> Seat:
    """Return a seat in a service of the company of a page.

    Raises: NotFound.
    """
    seat = get_seat(company.pk, slug, seat_id)
    if seat is None:
        raise NotFound
    return seat
