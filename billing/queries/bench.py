"""A firm's clients in one list: mandates, who works for them, and what needs a hand.

What the client's own mandate doesn't open stays shut: seats and invoice bases are told only where
the person who looks is assigned with the right to administer. It stands here because the bases do.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from accounts.queries import without_second_factor
from billing.models import InvoiceBasis
from companies.models import MANDATE_STATE_LABELS, Assignment, Mandate, MandateState, Membership
from companies.queries import list_mandates_held
from services.queries import (
    CoveredService,
    SeatCount,
    administers,
    has_unused_seats,
    map_administered_seats,
    map_covered,
)
from vop.lib.clock import local_date

RECENT: Final = timedelta(days=30)
NAMED: Final = 3
_CHUNK: Final = 500
_TONES: Final[Mapping[MandateState, str]] = {
    MandateState.ACTIVE: "good",
    MandateState.REQUESTED: "info",
    MandateState.FROZEN: "warn",
}
_ORDERS: Final[Mapping[str, Sequence[str]]] = {
    "name": ("client__name", "-requested_at", "pk"),
    "end": ("valid_until", "client__name", "pk"),
    "newest": ("-requested_at", "client__name", "pk"),
    "lead": ("lead__user__full_name", "client__name", "pk"),
}


@dataclass(frozen=True, slots=True)
class ClientFilter:
    """Which clients to list, and in which order; what is left out narrows nothing."""

    text: str = ""
    due_days: int | None = None  # the mandate ends within as many days
    people: str = ""  # "mine", "nobody", "second_factor"
    seats: str = ""  # "free"
    basis: str = ""  # "open", "recent"
    order: str = "name"


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One client of a firm; `seats` and `basis` are None where the person may not know."""

    mandate: Mandate
    covered: list[CoveredService]
    people: Sequence[User]
    without_second_factor: int
    seats: SeatCount | None
    basis: InvoiceBasis | None
    state: MandateState

    @property
    def people_text(self) -> str:
        """Who works for the client: the first few by name, and how many more."""
        names = ", ".join(user.display_name for user in self.people[:NAMED])
        more = len(self.people) - NAMED
        return f"{names} +{more}" if more > 0 else names or "–"

    @property
    def state_label(self) -> str:
        """Where the mandate stands, as people read it."""
        return str(MANDATE_STATE_LABELS[self.state])

    @property
    def tone(self) -> str:
        """The tone of its badge."""
        return _TONES.get(self.state, "neutral")

    @property
    def can_assign(self) -> bool:
        """Whether people can be assigned under the mandate now."""
        return self.state in {MandateState.ACTIVE, MandateState.APPROVED}


def find_clients(
    acting: Membership, chosen: ClientFilter, *, at: datetime
) -> QuerySet[Mandate, Mandate]:
    """List the clients of a member's firm, narrowed and in the order that they chose."""
    rows = list_mandates_held(acting.company_id, chosen.text, at=at)
    if chosen.due_days is not None:
        end = at + timedelta(days=chosen.due_days)
        rows = rows.filter(approved_at__isnull=False, valid_until__lte=end)
    rows = _narrow_people(rows, acting, chosen.people, at)
    if chosen.seats == "free":
        rows = rows.filter(has_unused_seats(acting.user, at))
    if chosen.basis:
        rows = rows.filter(administers(acting.user, at), _has_basis(chosen.basis, at))
    return rows.order_by(*_ORDERS[chosen.order])


def describe_clients(
    mandates: Collection[Mandate], viewer: User, *, at: datetime
) -> list[ClientRow]:
    """Return what the list says of each client. Six queries, whatever their number."""
    covered = map_covered(mandates)
    assigned = _map_assigned(mandates, at)
    seats = map_administered_seats(viewer, mandates, at=at)
    told = [mandate.client_id for mandate in mandates if mandate.pk in seats]
    bases = _map_latest_bases(told)
    return [
        ClientRow(
            mandate=mandate,
            covered=covered[mandate.pk],
            people=[row.user for row in assigned[mandate.pk]],
            without_second_factor=sum(row.is_exposed for row in assigned[mandate.pk]),
            seats=seats.get(mandate.pk),
            basis=bases.get(mandate.client_id) if mandate.pk in seats else None,
            state=mandate.state_at(at),
        )
        for mandate in mandates
    ]


def iterate_clients(
    acting: Membership, chosen: ClientFilter, *, at: datetime
) -> Iterator[ClientRow]:
    """Yield every client of a list, some hundred at a time."""
    part: list[Mandate] = []
    for mandate in find_clients(acting, chosen, at=at).iterator(chunk_size=_CHUNK):
        part.append(mandate)
        if len(part) == _CHUNK:
            yield from describe_clients(part, acting.user, at=at)
            part = []
    yield from describe_clients(part, acting.user, at=at)


def _narrow_people(
    rows: QuerySet[Mandate, Mandate], acting: Membership, people: str, at: datetime
) -> QuerySet[Mandate, Mandate]:
    assigned = Assignment.objects.not_ended(at).filter(mandate=OuterRef("pk"))
    if people == "mine":
        works = Exists(assigned.of_person(acting.user_id))
        return rows.filter(Q(lead_id=acting.pk) | Q(works))
    if people == "nobody":
        return rows.filter(~Exists(assigned))
    if people == "second_factor":
        colleagues = User.objects.filter(memberships__company=acting.company_id)
        exposed = without_second_factor(colleagues).values("pk")
        return rows.filter(Exists(assigned.filter(user__in=exposed)))
    return rows


def _has_basis(kind: str, at: datetime) -> Exists:
    bases = InvoiceBasis.objects.for_company(OuterRef("client"))
    if kind == "open":
        return Exists(bases.drafts())
    return Exists(bases.filter(billing_date__gte=local_date(at) - RECENT))


def _map_assigned(mandates: Collection[Mandate], at: datetime) -> Mapping[uuid.UUID, list[Any]]:
    """Map mandates to their assignments, each with whether its person has no second factor."""
    exposed = without_second_factor(User.objects.filter(pk=OuterRef("user")))
    found: dict[uuid.UUID, list[Any]] = {mandate.pk: [] for mandate in mandates}
    rows = Assignment.objects.not_ended(at).filter(mandate__in=mandates)
    for row in rows.select_related("user").annotate(is_exposed=Exists(exposed)).by_person():
        found[row.mandate_id].append(row)
    return found


def _map_latest_bases(company_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, InvoiceBasis]:
    """Map companies to their newest basis, in one query."""
    own = InvoiceBasis.objects.for_company(OuterRef("company")).newest_first()
    rows = InvoiceBasis.objects.filter(company__in=company_ids, pk=own.values("pk")[:1])
    return {row.company_id: row for row in rows.order_by("pk")}
