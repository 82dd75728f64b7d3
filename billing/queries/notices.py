"""Which renewals a company is to be told of, and when."""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from accounts.queries import find_active_person
from auditlog.actors import Actor
from billing import engine
from billing.models import Plan, RenewalNotice, Subscription
from billing.queries.catalogue import PriceBook, load_price_book
from billing.queries.subscriptions import count_taken, list_due_discounts, load_state
from companies.models import Company, Role
from companies.queries import get_company_details, list_people_with

STAGES: Final = (60, 30, 7)
_SHORTEST_MONTH: Final = 28
_HALF_A_MONTH: Final = 15


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice that nobody has sent yet: what renews, when, and what it costs then."""

    subscription: Subscription
    renews_on: date
    days_ahead: int
    quantity: int
    net_cents: int
    unused: int

    @property
    def currency(self) -> str:
        """What it is paid in."""
        return self.subscription.plan.currency


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is told of something, and the company in which they can look at it."""

    person: User
    company: Company


def stages_of(months: int) -> tuple[int, ...]:
    """Return how many days ahead renewals of a plan are told: never more than half its period.

    By the month 7 days, by the quarter 30 and 7, from half a year on 60, 30 and 7.
    """
    return tuple(days for days in STAGES if days <= months * _HALF_A_MONTH)


def list_payers_to_tell(day: date) -> Sequence[uuid.UUID]:
    """List who pays for subscriptions that may have a notice to send on a day, by id."""
    due = _list_candidates(day)
    return list(due.values_list("payer_id", flat=True).order_by("payer_id").distinct())


def list_due_notices(
    payers: Mapping[uuid.UUID, Company], *, day: date, at: datetime
) -> Sequence[DueNotice]:
    """List the notices to send on a day of what companies pay for, by payer and date.

    A renewal that is told of late is told once, at the stage that has come.
    """
    rows = list(
        _list_candidates(day)
        .filter(payer_id__in=payers.keys())
        .select_related("company", "payer", "plan__service", "next_plan", "price", "entitlement")
        .order_by("payer_id", "billed_through", "pk")
    )
    book = load_price_book()
    discounts = list_due_discounts(payers.keys())
    taken = count_taken([row.entitlement_id for row in rows], at)
    found = [
        notice
        for row in rows
        for notice in _foresee(
            row,
            load_state(row, payer=payers[row.payer_id], discounts=discounts.get(row.pk, ())),
            book,
            day,
            taken,
        )
    ]
    told = _list_told({notice.subscription.pk for notice in found})
    return [one for one in found if not _is_told(one, told)]


def list_people_to_tell(company_id: uuid.UUID, *, at: datetime) -> Sequence[User]:
    """List whom a company's notices go to: its main contact, and who has its billing role."""
    people = {user.pk: user for user in list_people_with(Role.BILLING, company_id, at=at)}
    contact = get_company_details(company_id).main_contact.user
    if contact.is_active:
        people[contact.pk] = contact
    return sorted(people.values(), key=lambda user: (user.full_name, user.pk))


def list_readers_of_change(
    subscription: Subscription, doer: User | None, *, at: datetime
) -> Sequence[Reader]:
    """List whom a purchase or a change is confirmed to, each once, as a reader of one company.

    That is who did it, and whoever gets the notices of the company and of who pays.
    """
    company, payer = subscription.company, subscription.payer
    readers = {} if doer is None else {doer.pk: Reader(doer, company)}
    for reader in dict.fromkeys([company, payer]):
        for person in list_people_to_tell(reader.pk, at=at):
            readers.setdefault(person.pk, Reader(person, reader))
    return list(readers.values())


def find_doer(actor: Actor) -> User | None:
    """Return the person who acts, or nothing when the system does."""
    return find_active_person(uuid.UUID(actor.id)) if actor.kind == "person" else None


def _list_candidates(day: date) -> QuerySet[Subscription]:
    """Select who has a renewal within reach of a stage, and no notice of that stage."""
    by_months: dict[int, list[uuid.UUID]] = {}
    for plan in Plan.objects.order_by("pk"):
        by_months.setdefault(plan.months, []).append(plan.pk)
    wanted = Q(pk__in=[])
    for months, plans in by_months.items():
        for stage in stages_of(months):
            until = day + timedelta(days=stage)
            told = RenewalNotice.objects.filter(
                subscription=OuterRef("pk"),
                days_ahead__lte=stage,
                renews_on__gt=until - timedelta(days=_SHORTEST_MONTH * months),
            )
            wanted |= Q(plan__in=plans, billed_through__lte=until) & ~Q(Exists(told))
    running = Subscription.objects.running().filter(cancel_on=None, entitlement__valid_until=None)
    return running.filter(wanted)


def _foresee(
    row: Subscription,
    state: engine.Subscription,
    book: PriceBook,
    day: date,
    taken: Mapping[uuid.UUID, int],
) -> Iterator[DueNotice]:
    """Return what a subscription's next renewals are, and the stage that has come for each."""
    stages = stages_of(row.plan.months)
    try:
        lines = engine.renew(book.catalogue, state, as_of=day + timedelta(days=stages[0])).lines
    except engine.EngineError:  # a run parks it, and staff see why
        return
    for line in lines:
        left = (line.period.start - day).days
        stage = min((days for days in stages if days >= left), default=stages[0])
        is_new = (line.period.start - row.bought_on).days <= stage and row.price_id is None
        if not is_new:  # a trial as short as that was told of when it was bought
            unused = max(0, row.quantity - taken.get(row.entitlement_id, 0))
            yield DueNotice(
                row,
                line.period.start,
                stage,
                row.quantity,
                line.net_cents,
                unused if row.plan.is_per_seat else 0,
            )


def _list_told(ids: Collection[uuid.UUID]) -> set[tuple[uuid.UUID, date, int]]:
    rows = RenewalNotice.objects.filter(subscription_id__in=ids).order_by("pk")
    return set(rows.values_list("subscription_id", "renews_on", "days_ahead"))


def _is_told(notice: DueNotice, told: Collection[tuple[uuid.UUID, date, int]]) -> bool:
    return any(
        (notice.subscription.pk, notice.renews_on, stage) in told
        for stage in STAGES
        if stage <= notice.days_ahead
    )
