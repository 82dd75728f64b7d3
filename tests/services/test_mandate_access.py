"""What a mandate opens in any history: never wider, not outside its dates, the past stays."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from companies.models import (
    Assignment,
    Block,
    Company,
    Mandate,
    MandateConsent,
    Membership,
    Role,
    RoleGrant,
)
from companies.operations import (
    block_person,
    end_assignment,
    end_mandate,
    open_support,
    suspend_member,
)
from services.access import Access, Decision, NoAccess, Refusal, effective_access
from services.models import INCLUDED, AssignmentItem, Entitlement, MandateItem, Package, Service
from tests.factories.accounts import make_user
from tests.factories.companies import LONG_AGO, SYSTEM, join_company
from tests.factories.mandates import assign, make_mandate, owner_of
from tests.factories.services import entitle, make_service, seat

HOURS = 12
hours = st.integers(min_value=0, max_value=HOURS)
with_rows = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PARTS = ("mandate", "assignment", "membership", "role", "entitlement")


@dataclass(frozen=True)
class Interval:
    """Hours after LONG_AGO, half-open."""

    start: int
    end: int

    def holds(self, hour: int) -> bool:
        return self.start <= hour < self.end


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    start = draw(st.integers(min_value=0, max_value=HOURS - 1))
    return Interval(start, draw(st.integers(min_value=start + 1, max_value=HOURS + 1)))


@dataclass(frozen=True)
class History:
    mandate: Interval
    assignment: Interval
    membership: Interval
    role: Interval
    entitlement: Interval
    block: Interval | None
    approved: int
    closed: int | None

    def allows(self, hour: int) -> bool:
        return (
            all(getattr(self, part).holds(hour) for part in PARTS)
            and self.approved <= hour
            and not (self.block and self.block.holds(hour))
            and (self.closed is None or hour < self.closed)
        )

    def end_of(self, part: str, hour: int) -> "History":
        interval: Interval = getattr(self, part)
        if not interval.holds(hour) or hour == interval.start:
            return self
        shorter: dict[str, Any] = {part: Interval(interval.start, hour)}
        return replace(self, **shorter)


histories = st.builds(
    History,
    *(intervals() for _part in PARTS),
    block=st.none() | intervals(),
    approved=hours,
    closed=st.none() | hours,
)


@dataclass
class Rows:
    """Moa of the firm and what she may do for acme, set to whatever history a test draws.

    The rows are written anew each time: the database lets nobody change what was agreed.
    """

    moa: User
    acme: Company
    firm: Company
    service: Service
    member: Membership
    entitlement: uuid.UUID

    def live(self, history: History) -> None:
        forget_mandates()
        Membership.objects.filter(pk=self.member.pk).update(**dates(history.membership))
        RoleGrant.objects.filter(membership=self.member).update(**dates(history.role))
        Entitlement.objects.filter(pk=self.entitlement).update(**dates(history.entitlement))
        closed = None if history.closed is None else at(history.closed)
        Company.objects.filter(pk=self.firm.pk).update(closed_at=closed)
        owner, berit = owner_of(self.acme).user, owner_of(self.firm).user
        mandate = Mandate.objects.create(
            client=self.acme, firm=self.firm, requested_side="firm", requested_by=berit,
            requested_at=LONG_AGO, answer_by=at(99), **dates(history.mandate),
        )  # fmt: skip
        item = MandateItem.objects.create(
            mandate=mandate, service=self.service, package=Package.READ
        )
        mandate.approved_at, mandate.approved_by = at(history.approved), owner
        mandate.save()
        assignment = Assignment.objects.create(
            mandate=mandate, membership=self.member, user=self.moa, assigned_by=berit,
            **dates(history.assignment),
        )  # fmt: skip
        AssignmentItem.objects.create(assignment=assignment, item=item)
        if history.block:
            Block.objects.create(
                company=self.acme, user=self.moa, blocked_by=owner, **dates(history.block)
            )

    def ask(self, hour: int) -> Decision:
        return effective_access(self.moa, self.acme, self.service, at(hour))

    def answers(self) -> list[bool]:
        return [isinstance(self.ask(hour), Access) for hour in range(HOURS + 1)]


def forget_mandates() -> None:
    for model in (AssignmentItem, Assignment, MandateItem, MandateConsent, Mandate, Block):
        model.objects.all().delete()


def at(hour: int) -> datetime:
    return LONG_AGO + timedelta(hours=hour)


def dates(interval: Interval) -> dict[str, Any]:
    return {"valid_from": at(interval.start), "valid_until": at(interval.end)}


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


@pytest.fixture
def moa(byra: Company) -> Membership:
    user = make_user(email="moa@exempel.se", full_name="Moa Mattsson")
    return join_company(byra, user, Role.MEMBER)


@pytest.fixture
def rows(acme: Company, byra: Company, moa: Membership, service: Service) -> Rows:
    return Rows(moa.user, acme, byra, service, moa, entitle(acme, service).pk)


@with_rows
@given(history=histories)
def test_access_holds_exactly_while_all_it_rests_on_holds(rows: Rows, history: History) -> None:
    rows.live(history)

    assert rows.answers() == [history.allows(hour) for hour in range(HOURS + 1)]


@with_rows
@given(history=histories, hour=hours)
def test_access_never_outlives_what_it_says(rows: Rows, history: History, hour: int) -> None:
    rows.live(history)
    decision = rows.ask(hour)

    if isinstance(decision, Access):
        ends = [getattr(history, part).end for part in PARTS if part != "role"]
        assert decision.until == at(min(ends))
        assert not isinstance(rows.ask(min(ends)), Access)


@with_rows
@given(history=histories, part=st.sampled_from(PARTS), hour=hours)
def test_ending_anything_shrinks_access_and_leaves_the_past(
    rows: Rows, history: History, part: str, hour: int
) -> None:
    rows.live(history)
    before = rows.answers()
    shorter = history.end_of(part, hour)
    rows.live(shorter)
    after = rows.answers()

    assert after[:hour] == before[:hour]
    assert all(was for was, is_now in zip(before, after, strict=True) if is_now)
    if shorter != history:
        assert not any(after[hour:])


# --- How wide it is -------------------------------------------------------------------------------

SLUGS = ("bokforing", "lon", "tid")
choices = st.dictionaries(
    st.sampled_from(SLUGS), st.sets(st.sampled_from(Package), min_size=1), min_size=1
)


@dataclass
class World:
    acme: Company
    firm: Company
    moa: Membership
    services: Mapping[str, Service]


@pytest.fixture
def wide(acme: Company, byra: Company, moa: Membership) -> World:
    services = {slug: make_service(slug=slug, name=slug.title()) for slug in SLUGS}
    for service in list(services.values())[:2]:  # the client has two of the three
        entitle(acme, service)
    return World(acme, byra, moa, services)


@settings(with_rows, max_examples=25)
@given(agreed=choices, wanted=choices)
def test_nobody_gets_more_than_the_mandate_and_the_assignment_say(
    wide: World, agreed: dict[str, set[Package]], wanted: dict[str, set[Package]]
) -> None:
    forget_mandates()
    mandate = make_mandate(
        wide.acme, wide.firm, {wide.services[s]: list(p) for s, p in agreed.items()}, now=LONG_AGO
    )
    open_to = {s: included(agreed.get(s, set())) & included(p) for s, p in wanted.items()}
    narrowed = {wide.services[s]: list(p) for s, p in open_to.items() if p}
    if narrowed:
        assign(mandate, wide.moa, narrowed, now=LONG_AGO)

    for slug, service in wide.services.items():
        decision = effective_access(wide.moa.user, wide.acme, service, LONG_AGO)
        packages = open_to.get(slug, frozenset())
        if isinstance(decision, Access):
            assert decision.packages == packages <= included(agreed[slug])
            assert decision.roles == frozenset()
            assert decision.ground == f"mandate:{mandate.pk}"
            assert decision.firm_id == wide.firm.pk
            assert slug != "tid"
        else:
            assert not packages or slug == "tid"


def included(packages: set[Package]) -> frozenset[Package]:
    return frozenset().union(*(INCLUDED[each] for each in packages))


# --- Reasons, and grounds beside each other -------------------------------------------------------


def test_reasons_for_a_no(
    acme: Company, byra: Company, moa: Membership, service: Service, now: datetime
) -> None:
    other_service = make_service(slug="lon", name="Lön")
    mandate = make_mandate(acme, byra, {service: [Package.READ]}, now=now)
    assert ask(moa, acme, service, now) == NoAccess(Refusal.NOT_A_MEMBER)
    assign(mandate, moa, {service: [Package.READ]}, now=now)
    assert ask(moa, acme, service, now) == NoAccess(Refusal.NOT_ENTITLED)
    assert ask(moa, acme, other_service, now) == NoAccess(Refusal.NOT_IN_MANDATE)
    entitle(acme, service)
    assert isinstance(ask(moa, acme, service, now), Access)
    block_person(company=acme, user=moa.user, acting=owner_of(acme), actor=SYSTEM, now=now)
    assert ask(moa, acme, service, now) == NoAccess(Refusal.BLOCKED)


def test_who_assigns_and_who_administers_clients_gets_nothing_by_it(
    acme: Company, byra: Company, moa: Membership, service: Service, now: datetime
) -> None:
    entitle(acme, service)
    mandate = make_mandate(acme, byra, {service: [Package.SIGN]}, now=now)
    klara = join_company(byra, make_user(email="klara@exempel.se"), Role.CLIENT_ADMIN)
    assign(mandate, moa, {service: [Package.READ]}, now=now, acting=klara)

    for person in (klara.user, owner_of(byra).user):
        decision = effective_access(person, acme, service, now)
        assert decision == NoAccess(Refusal.NOT_A_MEMBER)


def test_membership_and_mandate_add_up_and_the_membership_is_named_first(
    acme: Company, byra: Company, moa: Membership, service: Service, now: datetime
) -> None:
    entitlement = entitle(acme, service)
    mandate = make_mandate(acme, byra, {service: [Package.OPERATE]}, now=now)
    assign(mandate, moa, {service: [Package.OPERATE]}, now=now)
    seat(entitlement, join_company(acme, moa.user, Role.MEMBER))
    decision = ask(moa, acme, service, now)

    assert isinstance(decision, Access)
    assert [ground.name for ground in decision.grounds] == ["membership", f"mandate:{mandate.pk}"]
    assert decision.roles == {"user"}
    assert decision.packages == {"read", "operate"}
    assert decision.ground == "membership"
    assert decision.firm_id is None
    block_person(company=acme, user=moa.user, acting=owner_of(acme), actor=SYSTEM, now=now)
    decision = ask(moa, acme, service, now)
    assert isinstance(decision, Access)
    assert decision.packages == frozenset()  # the block is about firms, the membership stands


@pytest.mark.parametrize("ending", ["mandate", "assignment", "block", "suspension", "firm", "role"])
def test_every_ending_ends_it_at_once_and_leaves_the_past(
    acme: Company, byra: Company, moa: Membership, service: Service, now: datetime, ending: str
) -> None:
    entitle(acme, service)
    mandate = make_mandate(acme, byra, {service: [Package.READ]}, now=LONG_AGO)
    assignment = assign(mandate, moa, {service: [Package.READ]}, now=LONG_AGO)
    owner, berit = owner_of(acme), owner_of(byra)
    now = LONG_AGO + timedelta(days=5)
    match ending:
        case "mandate":
            end_mandate(mandate=mandate, acting=owner, actor=SYSTEM, now=now)
        case "assignment":
            end_assignment(assignment=assignment, acting=berit, actor=SYSTEM, now=now)
        case "block":
            block_person(company=acme, user=moa.user, acting=owner, actor=SYSTEM, now=now)
        case "suspension":
            suspend_member(membership=moa, acting=berit, actor=SYSTEM, now=now)
        case "firm":
            Company.objects.filter(pk=byra.pk).update(closed_at=now)
        case "role":
            RoleGrant.objects.filter(membership=moa).update(valid_until=now)

    assert isinstance(ask(moa, acme, service, now), NoAccess)
    assert isinstance(ask(moa, acme, service, now - timedelta(seconds=1)), Access)


def test_support_that_is_let_in_opens_nothing_for_a_firms_person(
    acme: Company, byra: Company, moa: Membership, service: Service, now: datetime
) -> None:
    lon = make_service(slug="lon", name="Lön")
    for each in (service, lon):
        entitle(acme, each)
    mandate = make_mandate(acme, byra, {lon: [Package.READ]}, now=now)
    assign(mandate, moa, {lon: [Package.READ]}, now=now)

    open_support(
        company=acme, reason="Ärende", days=7, acting=owner_of(acme), actor=SYSTEM, now=now
    )

    assert ask(moa, acme, service, now) == NoAccess(Refusal.NOT_IN_MANDATE)


@pytest.mark.parametrize("ending", ["mandate", "membership"])
def test_access_says_when_it_ends_before_the_assignment(
    acme: Company, byra: Company, moa: Membership, service: Service, now: datetime, ending: str
) -> None:
    entitle(acme, service)
    mandate = make_mandate(acme, byra, {service: [Package.READ]}, now=now)
    assign(mandate, moa, {service: [Package.READ]}, now=now)
    last = now + timedelta(days=10)

    if ending == "mandate":
        end_mandate(mandate=mandate, acting=owner_of(acme), actor=SYSTEM, now=now, at=last)
    else:
        Membership.objects.filter(pk=moa.pk).update(valid_until=last)

    decision = ask(moa, acme, service, now)
    assert isinstance(decision, Access)
    assert decision.until == last


def test_decision_takes_two_queries_for_an_assigned_person(
    acme: Company,
    byra: Company,
    moa: Membership,
    service: Service,
    now: datetime,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    entitle(acme, service)
    mandate = make_mandate(acme, byra, {service: [Package.SIGN]}, now=now)
    assign(mandate, moa, {service: [Package.SIGN]}, now=now)

    with django_assert_num_queries(2):
        assert isinstance(ask(moa, acme, service, now), Access)


def ask(member: Membership, company: Company, service: Service, now: datetime) -> Decision:
    return effective_access(member.user, company, service, now)
