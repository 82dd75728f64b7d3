"""Two at once on one mandate: one comes first, and nothing is left half done."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import User
from auditlog.models import Event
from companies.models import Assignment, Company, Mandate, Membership, Role
from companies.operations import (
    AlreadyRequestedError,
    MandateGoneError,
    NotInFirmError,
    decline_mandate,
    end_mandate,
    remind_of_ends,
    settle_overdue,
    suspend_member,
    withdraw_mandate,
)
from companies.signals import mandate_ended
from services.access import Access, effective_access
from services.models import Package, Service
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.mandates import (
    approve,
    ask_for,
    assign,
    make_mandate,
    owner_of,
    terms_of,
)
from tests.factories.services import entitle, make_service

pytestmark = pytest.mark.django_db(transaction=True)


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def client_company() -> Company:
    anna = make_user(email="anna@exempel.se", full_name="Anna")
    return make_company(name="Race AB", owner=anna, org_number="5560160680")


@pytest.fixture
def firm() -> Company:
    berit = make_user(email="berit@exempel.se", full_name="Berit")
    return make_company(
        name="Byrån AB", owner=berit, org_number="5590000302", firm_kind="accounting"
    )


@pytest.fixture
def service() -> Service:
    return make_service()


@pytest.fixture
def moa(firm: Company) -> Membership:
    return join_company(firm, make_user(email="moa@exempel.se"), Role.MEMBER)


def ask(client_company: Company, firm: Company, service: Service) -> Mandate:
    now = clock()
    terms = terms_of(client_company, firm, now=now)
    return ask_for(terms, {service: [Package.READ]}, acting=owner_of(firm), now=now)


def test_request_is_answered_once(client_company: Company, firm: Company, service: Service) -> None:
    mandate = ask(client_company, firm, service)
    owner, berit = owner_of(client_company), owner_of(firm)

    ends = at_once(
        lambda: approve(mandate, now=clock()),
        lambda: decline_mandate(mandate=mandate, acting=owner, actor=SYSTEM, now=clock()),
        lambda: withdraw_mandate(mandate=mandate, acting=berit, actor=SYSTEM, now=clock()),
    )

    assert ends == [MandateGoneError.__name__] * 2 + ["done"]
    answers = ["mandate.approved", "mandate.declined", "mandate.withdrawn"]
    assert Event.objects.filter(action__in=answers).count() == 1


def test_firm_asks_once(client_company: Company, firm: Company, service: Service) -> None:
    ends = at_once(*[lambda: ask(client_company, firm, service)] * 2)

    assert ends == [AlreadyRequestedError.__name__, "done"]
    assert Mandate.objects.count() == 1


def test_mandate_is_ended_once_and_told_of_once(
    client_company: Company, firm: Company, service: Service
) -> None:
    mandate = make_mandate(client_company, firm, {service: [Package.READ]}, now=clock())
    heard: list[Mandate] = []

    def hear(mandate: Mandate, **kwargs: object) -> None:
        heard.append(mandate)

    mandate_ended.connect(hear)
    owner, berit = owner_of(client_company), owner_of(firm)
    ends = at_once(
        lambda: end_mandate(mandate=mandate, acting=owner, actor=SYSTEM, now=clock()),
        lambda: end_mandate(mandate=mandate, acting=berit, actor=SYSTEM, now=clock()),
    )

    assert ends == [MandateGoneError.__name__, "done"]
    assert heard == [mandate]


def test_nobody_is_assigned_under_a_mandate_that_ends_meanwhile(
    client_company: Company, firm: Company, service: Service, moa: Membership
) -> None:
    entitle(client_company, service)
    mandate = make_mandate(client_company, firm, {service: [Package.READ]}, now=clock())
    owner = owner_of(client_company)

    at_once(
        lambda: end_mandate(mandate=mandate, acting=owner, actor=SYSTEM, now=clock()),
        lambda: assign(mandate, moa, {service: [Package.READ]}, now=clock()),
    )

    assert not Assignment.objects.filter(ended_at=None).exists()
    assert not opens(moa.user, client_company, service)


def test_nobody_is_assigned_who_is_suspended_meanwhile(
    client_company: Company, firm: Company, service: Service, moa: Membership
) -> None:
    mandate = make_mandate(client_company, firm, {service: [Package.READ]}, now=clock())
    berit = owner_of(firm)

    ends = at_once(
        lambda: suspend_member(membership=moa, acting=berit, actor=SYSTEM, now=clock()),
        lambda: assign(mandate, moa, {service: [Package.READ]}, now=clock()),
    )

    assert ends in (["done", "done"], [NotInFirmError.__name__, "done"])
    assert not Assignment.objects.filter(ended_at=None).exists()


def test_one_assignment_is_left_of_two_at_once(
    client_company: Company, firm: Company, service: Service, moa: Membership
) -> None:
    mandate = make_mandate(client_company, firm, {service: [Package.OPERATE]}, now=clock())

    ends = at_once(
        lambda: assign(mandate, moa, {service: [Package.READ]}, now=clock()),
        lambda: assign(mandate, moa, {service: [Package.OPERATE]}, now=clock()),
    )

    assert ends == ["done", "done"]
    assert Assignment.objects.filter(ended_at=None).count() == 1


def test_settling_and_reminding_twice_at_once_does_it_once(
    client_company: Company, firm: Company, service: Service
) -> None:
    mandate = make_mandate(client_company, firm, {service: [Package.READ]}, now=clock())
    near = mandate.valid_until - timedelta(days=6)

    at_once(*[lambda: remind_of_ends(now=near)] * 2)
    at_once(*[lambda: settle_overdue(now=mandate.valid_until)] * 2)

    assert Event.objects.filter(action="mandate.expiry_warned").count() == 1
    assert Event.objects.filter(action="mandate.expired").count() == 1


def opens(user: User, company: Company, service: Service) -> bool:
    return isinstance(effective_access(user, company, service, clock()), Access)
