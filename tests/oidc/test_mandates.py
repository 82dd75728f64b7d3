"""A firm's person in a client's service: what the service learns, and every way it ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.utils import timezone

from companies.models import Assignment, Company, Mandate, Membership, Role
from companies.operations import (
    block_person,
    end_assignment,
    end_mandate,
    end_membership,
    settle_overdue,
    suspend_member,
)
from oidc.models import Grant
from oidc.operations.grants import end_lapsed_grants
from oidc.queries import list_grants_in_doubt
from services.models import Package, Service
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company
from tests.factories.mandates import approve, ask_for, assign, make_mandate, owner_of, terms_of
from tests.factories.oidc import make_client
from tests.factories.services import entitle
from tests.oidc.conftest import SignIn
from tests.oidc.listener import Listener, listen
from tests.oidc.relying_party import RelyingParty
from vop.lib import jobs


@dataclass
class Desk:
    """Moa of the firm, signed in to a client's service under its mandate."""

    rp: RelyingParty
    acme: Company
    firm: Company
    service: Service
    moa: Membership
    mandate: Mandate
    assignment: Assignment
    tokens: dict[str, Any]


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listen() as server:
        yield server


@pytest.fixture
def desk(
    bookkeeping: Service, acme: Company, byra: Company, sign_in: SignIn, listener: Listener
) -> Desk:
    entitle(acme, bookkeeping)
    begun = timezone.now() - timedelta(days=10)
    user = make_user(email="moa@exempel.se", full_name="Moa Mattsson")
    moa = join_company(byra, user, Role.MEMBER)
    mandate = make_mandate(acme, byra, {bookkeeping: [Package.OPERATE]}, now=begun)
    assignment = assign(mandate, moa, {bookkeeping: [Package.OPERATE]}, now=begun)
    profile, secret = make_client(bookkeeping, backchannel_logout_uri=listener.url)
    rp = RelyingParty(profile, secret, sign_in(user))
    tokens = rp.get_tokens(company=str(acme.pk), scope="openid offline_access")
    return Desk(rp, acme, byra, bookkeeping, moa, mandate, assignment, tokens)


def test_service_learns_of_the_packages_the_mandate_and_the_firm(desk: Desk) -> None:
    claims = jwt.decode(desk.tokens["id_token"], options={"verify_signature": False})
    told = desk.rp.post("introspect", token=desk.tokens["access_token"]).json()

    for said in (claims, told, desk.rp.userinfo(desk.tokens["access_token"]).json()):
        assert said["company"]["id"] == str(desk.acme.pk)
        assert said["packages"] == ["operate", "read"]
        assert said["roles"] == []
        assert said["via"] == f"mandate:{desk.mandate.pk}"
        assert said["act"] == {"sub": str(desk.moa.user.sub), "company": str(desk.firm.pk)}


def test_client_sees_when_the_person_last_was_there(desk: Desk) -> None:
    desk.assignment.refresh_from_db()

    assert desk.assignment.last_used_at is not None


def test_living_grant_of_a_mandate_is_not_in_doubt(desk: Desk) -> None:
    assert list_grants_in_doubt(at=timezone.now()) == []


def end_the_mandate(desk: Desk) -> None:
    owner = owner_of(desk.acme)
    end_mandate(mandate=desk.mandate, acting=owner, actor=SYSTEM, now=timezone.now())


def end_the_assignment(desk: Desk) -> None:
    berit = owner_of(desk.firm)
    end_assignment(assignment=desk.assignment, acting=berit, actor=SYSTEM, now=timezone.now())


def block(desk: Desk) -> None:
    owner, user = owner_of(desk.acme), desk.moa.user
    block_person(company=desk.acme, user=user, acting=owner, actor=SYSTEM, now=timezone.now())


def leave(desk: Desk) -> None:
    berit = owner_of(desk.firm)
    end_membership(membership=desk.moa, acting=berit, actor=SYSTEM, now=timezone.now())


def suspend(desk: Desk) -> None:
    berit = owner_of(desk.firm)
    suspend_member(membership=desk.moa, acting=berit, actor=SYSTEM, now=timezone.now())


def let_roles_run_out(desk: Desk) -> None:
    desk.moa.role_grants.update(valid_until=timezone.now())
    end_lapsed_grants(now=timezone.now())


def close_the_firm(desk: Desk) -> None:
    Company.objects.filter(pk=desk.firm.pk).update(closed_at=timezone.now())
    end_lapsed_grants(now=timezone.now())


def end_it_tomorrow_and_wait(desk: Desk) -> None:
    now = timezone.now()
    at = now + timedelta(seconds=1)
    end_mandate(mandate=desk.mandate, acting=owner_of(desk.acme), actor=SYSTEM, now=now, at=at)
    settle_overdue(now=at)


ENDINGS: list[Callable[[Desk], None]] = [
    end_the_mandate,
    end_the_assignment,
    block,
    leave,
    suspend,
    let_roles_run_out,
    close_the_firm,
    end_it_tomorrow_and_wait,
]


@pytest.mark.parametrize("ending", ENDINGS, ids=[ending.__name__ for ending in ENDINGS])
def test_ended_access_is_dead_and_the_service_is_told(
    desk: Desk, listener: Listener, ending: Callable[[Desk], None]
) -> None:
    ending(desk)
    jobs.run_all(now=timezone.now())

    assert desk.rp.refresh(desk.tokens["refresh_token"]).status_code in {400, 401}
    assert desk.rp.userinfo(desk.tokens["access_token"]).status_code == 401
    assert len(listener.tokens) == 1


def test_mandate_that_runs_out_ends_the_grant_by_its_date_alone(desk: Desk) -> None:
    """Whether or not anybody has settled the mandate by then."""
    assert end_lapsed_grants(now=desk.mandate.valid_until - timedelta(seconds=1)) == 0
    assert end_lapsed_grants(now=desk.mandate.valid_until) == 1


def test_extended_mandate_signs_nobody_out(desk: Desk) -> None:
    now = timezone.now()
    terms = terms_of(desk.acme, desk.firm, now=now)
    chosen = {desk.service: [Package.READ]}
    approve(ask_for(terms, chosen, acting=owner_of(desk.firm), now=now), now=now)

    assert Grant.objects.live().count() == 1
    assert desk.rp.userinfo(desk.tokens["access_token"]).json()["packages"] == ["read"]


def test_assigned_person_chooses_among_firm_and_clients(desk: Desk, other: Company) -> None:
    """Without a company in the request, the choice has the clients too."""
    entitle(other, desk.service)
    now = timezone.now()
    mandate = make_mandate(other, desk.firm, {desk.service: [Package.READ]}, now=now)
    assign(mandate, desk.moa, {desk.service: [Package.READ]}, now=now)
    page = desk.rp.authorize().content.decode()

    for company in (desk.acme, desk.firm, other):
        assert company.name in page
