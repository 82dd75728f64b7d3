"""Who in the firm works for a client: who decides it, how far it goes, how it is carried on."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from auditlog.models import Event
from companies.models import Assignment, Block, Company, Mandate, Membership, Role
from companies.operations import (
    AlreadyBlockedError,
    AssignmentGoneError,
    AssignmentTooLongError,
    BlockedError,
    NoMandateError,
    NotAllowedError,
    NotAssignedError,
    NotBlockedError,
    NotInFirmError,
    OwnAssignmentError,
    block_person,
    end_assignment,
    end_mandate,
    end_membership,
    note_use,
    unblock_person,
)
from services.access import Access, effective_access
from services.models import AssignmentItem, MandateItem, Package, Service
from services.operations import NothingChosenError, WiderThanMandateError, assign_person
from tests.companies.pages import deliver
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company
from tests.factories.mandates import approve, ask_for, assign, make_mandate, owner_of, terms_of
from tests.factories.services import entitle, make_service
from vop.lib.db import use_case

DAY = timedelta(days=1)


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


@pytest.fixture
def moa(byra: Company) -> Membership:
    return join_company(byra, make_user(email="moa@exempel.se", full_name="Moa"), Role.MEMBER)


@pytest.fixture
def leif(byra: Company) -> Membership:
    user = make_user(email="leif@exempel.se", full_name="Leif")
    return join_company(byra, user, Role.ENGAGEMENT_LEAD)


@pytest.fixture
def mandate(acme: Company, byra: Company, service: Service, now: datetime) -> Mandate:
    entitle(acme, service)
    return make_mandate(acme, byra, {service: [Package.OPERATE]}, now=now)


def can(member: Membership, company: Company, service: Service, at: datetime) -> frozenset[str]:
    decision = effective_access(member.user, company, service, at)
    return decision.packages if isinstance(decision, Access) else frozenset()


def test_assigned_person_is_named_to_both_sides(
    acme: Company,
    byra: Company,
    mandate: Mandate,
    moa: Membership,
    service: Service,
    now: datetime,
) -> None:
    assign(mandate, moa, {service: [Package.READ]}, now=now)

    event = Event.objects.get(action="assignment.created")
    assert event.target_id == str(moa.user_id)
    assert {row.company_id for row in event.audience.all()} == {acme.pk, byra.pk}
    assert can(moa, acme, service, now) == {"read"}


def test_lead_assigns_for_own_clients_only_and_nobody_else_does(
    acme: Company,
    other: Company,
    byra: Company,
    mandate: Mandate,
    moa: Membership,
    leif: Membership,
    service: Service,
    now: datetime,
) -> None:
    foreign = make_mandate(other, byra, {service: [Package.READ]}, now=now, lead=leif)
    chosen = {service: [Package.READ]}
    for acting in (leif, owner_of(acme)):
        with pytest.raises(NotAllowedError):
            assign(mandate, moa, chosen, now=now, acting=acting)
    assign(foreign, moa, chosen, now=now, acting=leif)
    another = join_company(byra, make_user(email="lova@exempel.se"), Role.ENGAGEMENT_LEAD)
    with pytest.raises(NotAllowedError):
        assign(foreign, moa, chosen, now=now, acting=another)  # a lead, of other clients
    with pytest.raises(NotAllowedError):
        assign(foreign, leif, chosen, now=now, acting=moa)


def test_nobody_assigns_themselves(
    byra: Company, mandate: Mandate, service: Service, now: datetime
) -> None:
    berit = owner_of(byra)
    with pytest.raises(OwnAssignmentError):
        assign(mandate, berit, {service: [Package.READ]}, now=now, acting=berit)
    with pytest.raises(IntegrityError, match=r"(?i)nobody_assigns"), transaction.atomic():
        Assignment.objects.create(
            mandate=mandate, membership=berit, user=berit.user, assigned_by=berit.user,
            valid_from=now, valid_until=now + DAY,
        )  # fmt: skip


def test_lead_named_in_the_text_is_assigned_by_the_clients_yes(
    acme: Company, byra: Company, service: Service, now: datetime
) -> None:
    """So a firm of one person can work: its owner asks, and the client's owner lets them in."""
    entitle(acme, service)
    berit = owner_of(byra)
    terms = terms_of(acme, byra, now=now, lead=berit)
    mandate = ask_for(terms, {service: [Package.SIGN]}, acting=berit, now=now)
    assert can(berit, acme, service, now) == frozenset()

    approve(mandate, now=now)

    assert can(berit, acme, service, now) == {"read", "operate", "sign"}
    assert Assignment.objects.get().assigned_by == owner_of(acme).user


def test_assignment_is_never_wider_or_longer_than_the_mandate(
    mandate: Mandate, moa: Membership, service: Service, now: datetime
) -> None:
    lon = make_service(slug="lon", name="Lön")
    for chosen in ({service: [Package.SIGN]}, {service: [Package.ADMIN]}, {lon: [Package.READ]}):
        with pytest.raises(WiderThanMandateError):
            assign(mandate, moa, chosen, now=now)
    chosen = {service: [Package.READ]}
    with pytest.raises(AssignmentTooLongError):
        assign(mandate, moa, chosen, now=now, until=mandate.valid_until + DAY)
    with pytest.raises(AssignmentTooLongError):
        assign(mandate, moa, chosen, now=now, until=now)
    with pytest.raises(NothingChosenError):
        assign(mandate, moa, {}, now=now)
    assert not Assignment.objects.exists()


def test_database_refuses_items_of_another_mandate(
    other: Company,
    byra: Company,
    mandate: Mandate,
    moa: Membership,
    service: Service,
    now: datetime,
) -> None:
    foreign = make_mandate(other, byra, {service: [Package.SIGN]}, now=now)
    assignment = assign(mandate, moa, {service: [Package.READ]}, now=now)
    item = MandateItem.objects.get(mandate=foreign, package=Package.SIGN)

    with pytest.raises(IntegrityError), transaction.atomic():
        AssignmentItem.objects.create(assignment=assignment, item=item)
    with pytest.raises(IntegrityError), transaction.atomic():
        AssignmentItem.objects.filter(assignment=assignment).update(item=item)
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.filter(pk=assignment.pk).update(valid_until=now + 900 * DAY)


def test_only_active_members_of_the_firm_are_assigned(
    acme: Company, byra: Company, mandate: Mandate, moa: Membership, bob: User, service: Service,
    now: datetime,
) -> None:  # fmt: skip
    chosen = {service: [Package.READ]}
    stranger = Membership.objects.get(user=bob)
    with pytest.raises(NotInFirmError):
        assign(mandate, stranger, chosen, now=now)
    User.objects.filter(pk=moa.user_id).update(is_active=False)
    with pytest.raises(NotInFirmError):
        assign(mandate, moa, chosen, now=now)
    User.objects.filter(pk=moa.user_id).update(is_active=True)
    Membership.objects.filter(pk=moa.pk).update(valid_until=now + 30 * DAY)
    with pytest.raises(AssignmentTooLongError):
        assign(mandate, moa, chosen, now=now, until=now + 31 * DAY)
    assert assign(mandate, moa, chosen, now=now, until=now + 30 * DAY).valid_until == now + 30 * DAY
    end_membership(membership=moa, acting=owner_of(byra), actor=SYSTEM, now=now)
    with pytest.raises(NotInFirmError):
        assign(mandate, moa, chosen, now=now)


def test_mandate_that_waits_or_ended_has_no_assignments(
    acme: Company, other: Company, byra: Company, mandate: Mandate, moa: Membership,
    service: Service, now: datetime,
) -> None:  # fmt: skip
    chosen = {service: [Package.READ]}
    waiting = ask_for(terms_of(other, byra, now=now), chosen, acting=owner_of(byra), now=now)
    with pytest.raises(NoMandateError):
        assign(waiting, moa, chosen, now=now)
    end_mandate(mandate=mandate, acting=owner_of(acme), actor=SYSTEM, now=now)
    with pytest.raises(NoMandateError):
        assign(mandate, moa, chosen, now=now)


def test_new_assignment_takes_the_place_of_the_former(
    acme: Company, mandate: Mandate, moa: Membership, service: Service, now: datetime
) -> None:
    first = assign(mandate, moa, {service: [Package.OPERATE]}, now=now)
    assign(mandate, moa, {service: [Package.READ]}, now=now + DAY)

    first.refresh_from_db()
    assert first.ended_at == now + DAY
    assert can(moa, acme, service, now + DAY / 2) == {"read", "operate"}
    assert can(moa, acme, service, now + DAY) == {"read"}


def test_assignment_is_ended_once(
    mandate: Mandate, byra: Company, moa: Membership, service: Service, now: datetime
) -> None:
    assignment = assign(mandate, moa, {service: [Package.READ]}, now=now)
    berit = owner_of(byra)
    with pytest.raises(NotAllowedError):
        end_assignment(assignment=assignment, acting=moa, actor=SYSTEM, now=now)
    end_assignment(assignment=assignment, acting=berit, actor=SYSTEM, now=now)
    with pytest.raises(AssignmentGoneError):
        end_assignment(assignment=assignment, acting=berit, actor=SYSTEM, now=now)


def test_new_mandate_carries_its_people_over_as_far_as_it_goes(
    acme: Company, byra: Company, mandate: Mandate, moa: Membership, leif: Membership,
    service: Service, now: datetime,
) -> None:  # fmt: skip
    assign(mandate, moa, {service: [Package.OPERATE]}, now=now)
    assign(mandate, leif, {service: [Package.READ]}, now=now, until=now + 350 * DAY)
    later = now + 300 * DAY
    lon = make_service(slug="lon", name="Lön")
    terms = terms_of(acme, byra, now=later)
    chosen = {service: [Package.READ], lon: [Package.SIGN]}
    heir = approve(ask_for(terms, chosen, acting=owner_of(byra), now=later), now=later)

    assert can(moa, acme, service, later) == {"read"}
    assert can(moa, acme, service, later - DAY) == {"read", "operate"}
    carried = {a.user.full_name: a for a in heir.assignments.with_names()}
    assert carried["Moa"].valid_until == heir.valid_until
    assert carried["Leif"].valid_until == now + 350 * DAY
    assert not mandate.assignments.filter(ended_at=None).exists()


# --- Blocks ---------------------------------------------------------------------------------------


def test_client_blocks_one_person_and_the_firm_is_told(
    acme: Company, byra: Company, mandate: Mandate, moa: Membership, leif: Membership,
    service: Service, now: datetime,
) -> None:  # fmt: skip
    for member in (moa, leif):
        assign(mandate, member, {service: [Package.READ]}, now=now)
    deliver()
    owner = owner_of(acme)
    block = block_person(company=acme, user=moa.user, acting=owner, actor=SYSTEM, now=now + DAY)

    assert can(moa, acme, service, now + DAY) == frozenset()
    assert can(leif, acme, service, now + DAY) == {"read"}
    [mail] = deliver()
    assert mail.to == ["berit@exempel.se"]
    event = Event.objects.get(action="assignment.blocked")
    assert {row.company_id for row in event.audience.all()} == {acme.pk, byra.pk}
    with pytest.raises(AlreadyBlockedError):
        block_person(company=acme, user=moa.user, acting=owner, actor=SYSTEM, now=now + DAY)
    with pytest.raises(BlockedError):
        assign(mandate, moa, {service: [Package.READ]}, now=now + DAY)

    unblock_person(block=block, acting=owner, actor=SYSTEM, now=now + 2 * DAY)
    assert can(moa, acme, service, now + 2 * DAY) == {"read"}
    with pytest.raises(NotBlockedError):
        unblock_person(block=block, acting=owner, actor=SYSTEM, now=now + 2 * DAY)


def test_blocked_person_comes_back_through_no_new_mandate(
    acme: Company, byra: Company, mandate: Mandate, moa: Membership, service: Service,
    now: datetime,
) -> None:  # fmt: skip
    assign(mandate, moa, {service: [Package.READ]}, now=now)
    block_person(company=acme, user=moa.user, acting=owner_of(acme), actor=SYSTEM, now=now)
    terms = terms_of(acme, byra, now=now, lead=moa)
    approve(ask_for(terms, {service: [Package.SIGN]}, acting=owner_of(byra), now=now), now=now)

    assert can(moa, acme, service, now) == frozenset()


def test_only_somebody_of_a_firm_is_blocked_and_only_by_the_client(
    acme: Company, byra: Company, mandate: Mandate, moa: Membership, bob: User, service: Service,
    now: datetime,
) -> None:  # fmt: skip
    assign(mandate, moa, {service: [Package.READ]}, now=now)
    with pytest.raises(NotAssignedError):
        block_person(company=acme, user=bob, acting=owner_of(acme), actor=SYSTEM, now=now)
    for acting in (Membership.objects.get(user=bob), owner_of(byra)):
        with pytest.raises(NotAllowedError):
            block_person(company=acme, user=moa.user, acting=acting, actor=SYSTEM, now=now)
    assert not Block.objects.exists()


def test_leaving_the_firm_ends_the_work_and_the_lead(
    acme: Company, byra: Company, mandate: Mandate, leif: Membership, service: Service,
    now: datetime,
) -> None:  # fmt: skip
    terms = terms_of(acme, byra, now=now, lead=leif)
    heir = approve(
        ask_for(terms, {service: [Package.READ]}, acting=owner_of(byra), now=now), now=now
    )
    assert can(leif, acme, service, now) == {"read"}
    end_membership(membership=leif, acting=owner_of(byra), actor=SYSTEM, now=now + DAY)

    assert can(leif, acme, service, now + DAY) == frozenset()
    heir.refresh_from_db()
    assert heir.lead is None
    assert heir.assignments.get().ended_at == now + DAY


def test_work_that_ran_out_by_its_date_ended_then_whenever_it_is_written_down(
    byra: Company, mandate: Mandate, moa: Membership, service: Service, now: datetime
) -> None:
    held = assign(mandate, moa, {service: [Package.READ]}, now=now, until=now + DAY)

    end_membership(membership=moa, acting=owner_of(byra), actor=SYSTEM, now=now + 3 * DAY)

    held.refresh_from_db()
    assert held.ended_at == now + DAY


def test_client_is_told_of_work_for_itself_alone(
    acme: Company, other: Company, byra: Company, mandate: Mandate, moa: Membership,
    service: Service, now: datetime,
) -> None:  # fmt: skip
    chosen = {service: [Package.READ]}
    mine = assign(mandate, moa, chosen, now=now)
    theirs = assign(make_mandate(other, byra, chosen, now=now), moa, chosen, now=now)

    use_case(note_use)(user=moa.user, company=acme, now=now + DAY)

    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.last_used_at, theirs.last_used_at) == (now + DAY, None)


def test_assign_person_takes_the_packages_as_they_are(
    acme: Company, byra: Company, mandate: Mandate, moa: Membership, service: Service,
    now: datetime,
) -> None:  # fmt: skip
    assign_person(
        mandate=mandate,
        membership=moa,
        chosen={service: [Package.OPERATE]},
        valid_until=now + DAY,
        acting=owner_of(byra),
        actor=SYSTEM,
        now=now,
    )
    assert can(moa, acme, service, now) == {"operate"}
