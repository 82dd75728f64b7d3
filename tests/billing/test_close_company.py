"""A company closes: what ends is shown first, then it ends, and nothing is deleted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from auditlog.models import Event
from billing.models import BasisLine, Subscription
from billing.operations import PaysForOthersError, close_company, run_billing
from companies.models import Company, Invitation, Membership, Role
from companies.operations import NotAllowedError, invite_person
from services.access import NoAccess, effective_access
from services.models import Entitlement, Seat
from tests.companies.pages import deliver, invite
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan, make_seller, make_vat_rate
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.services import make_service, seat

SignIn = Callable[[User], Client]
MembershipOf = Callable[[User, Company], Membership]


@pytest.fixture
def owner(alice: User, acme: Company, membership_of: MembershipOf) -> Membership:
    return membership_of(alice, acme)


@pytest.fixture
def bought(owner: Membership) -> Subscription:
    make_seller()
    make_vat_rate()
    plan = make_plan(make_service(slug="bok", name="Bokföring"))
    order = buy(owner, plan, quantity=2, now=datetime.now(UTC), take_seat=True)
    subscription: Subscription = order.subscription
    return subscription


def close(acting: Membership) -> Company:
    return close_company(acting=acting, actor=SYSTEM, now=datetime.now(UTC))


def test_everything_ends_and_nothing_is_deleted(
    owner: Membership, alice: User, acme: Company, bob: User, bought: Subscription
) -> None:
    seat(bought.entitlement, Membership.objects.get(user=bob), now=datetime.now(UTC))
    invite(acme)
    now = datetime.now(UTC)

    close(owner)

    acme.refresh_from_db()
    assert acme.closed_at is not None
    assert not Entitlement.objects.not_ended(now + timedelta(minutes=1)).exists()
    assert not Seat.objects.not_ended(now + timedelta(minutes=1)).exists()
    assert Seat.objects.count() == 2
    assert not Invitation.objects.open().exists()
    later = datetime.now(UTC)
    assert isinstance(effective_access(alice, acme, bought.plan.service, later), NoAccess)
    assert Event.objects.filter(action="company.closed").count() == 1
    assert Event.objects.filter(action="seat.released").count() == 2
    assert "alice@exempel.se" in [to for mail in deliver() for to in mail.to]


def test_nothing_more_is_billed(owner: Membership, bought: Subscription) -> None:
    lines = BasisLine.objects.count()
    close(owner)

    run_billing(
        as_of=bought.billed_through + timedelta(days=90), actor=SYSTEM, now=datetime.now(UTC)
    )

    bought.refresh_from_db()
    assert BasisLine.objects.count() == lines
    assert bought.ended_on is not None


def test_page_shows_what_ends_and_asks_for_the_number(
    sign_in: SignIn, alice: User, acme: Company, bought: Subscription
) -> None:
    client = sign_in(alice)
    page = f"/c/{acme.pk}/company/close/"

    shown = client.get(page).content.decode()
    refused = [client.post(page, {"org_number": wrong}) for wrong in ("", "x", "556703-7485")]
    assert Company.objects.get().closed_at is None
    done = client.post(page, {"org_number": "556016-0680"})

    assert "Bokföring" in shown
    assert [answer.status_code for answer in refused] == [422, 422, 422]
    assert done["Location"] == "/"
    assert client.get(f"/c/{acme.pk}/").status_code == 404
    assert client.get(page).status_code == 404


def test_only_an_owner_closes(acme: Company) -> None:
    admin = join_company(acme, make_user(email="adam@exempel.se"), Role.ADMIN)

    with pytest.raises(NotAllowedError):
        close(admin)


def test_company_that_pays_for_others_stays_open(
    owner: Membership, acme: Company, other: Company, bought: Subscription
) -> None:
    Subscription.objects.filter(pk=bought.pk).update(company=other)

    with pytest.raises(PaysForOthersError):
        close(owner)

    acme.refresh_from_db()
    assert acme.closed_at is None


def test_page_costs_the_same_for_a_large_company(
    sign_in: SignIn,
    alice: User,
    acme: Company,
    bought: Subscription,
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(30):
        join_company(acme, make_user(email=f"p{number}@exempel.se"), Role.MEMBER)
    client = sign_in(alice)

    with django_assert_max_num_queries(14):
        client.get(f"/c/{acme.pk}/company/close/")


@pytest.mark.django_db(transaction=True)
def test_nobody_is_invited_to_a_company_that_closes() -> None:
    company = make_company(
        name="Race AB", owner=make_user(email="anna@exempel.se"), org_number="5560160680"
    )
    owner = company.main_contact

    def invite_nils() -> object:
        return invite_person(
            company=company,
            email="nils@exempel.se",
            full_name="",
            roles=[Role.MEMBER],
            acting=owner,
            actor=SYSTEM,
            now=datetime.now(UTC),
        )

    ends = at_once(lambda: close(owner), invite_nils)

    assert ends in (["NotAllowedError", "done"], ["done", "done"])
    assert not Invitation.objects.open().exists()


@pytest.mark.django_db(transaction=True)
def test_company_closes_once() -> None:
    company = make_company(
        name="Race AB", owner=make_user(email="anna@exempel.se"), org_number="5560160680"
    )

    ends = at_once(lambda: close(company.main_contact), lambda: close(company.main_contact))

    assert ends == ["NotAllowedError", "done"]
    assert Event.objects.filter(action="company.closed").count() == 1
