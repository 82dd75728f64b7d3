"""Two administrators at once: the rules hold, whoever comes first."""

from datetime import UTC, datetime

import pytest

from accounts.models import User
from auditlog.models import Event
from companies.models import Company, Invitation, Membership, Role
from companies.operations import (
    AlreadyInvitedError,
    InvitationGoneError,
    LastOwnerError,
    MemberGoneError,
    NotAllowedError,
    accept_invitation,
    change_main_contact,
    change_roles,
    end_membership,
    invite_person,
    suspend_member,
)
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def company() -> Company:
    """Its main contact is nobody of those who race."""
    anna = make_user(email="anna@exempel.se", full_name="Anna")
    company = make_company(name="Race AB", owner=anna, org_number="5560160680")
    contact = join_company(company, make_user(email="kim@exempel.se"), Role.MEMBER)
    change_main_contact(
        membership=contact, acting=_find(company, anna), actor=SYSTEM, now=datetime.now(UTC)
    )
    return company


@pytest.fixture
def owners(company: Company) -> list[Membership]:
    bert = make_user(email="bert@exempel.se", full_name="Bert")
    join_company(company, bert, Role.OWNER)
    return list(Membership.objects.owners().filter(company=company).order_by("user__email"))


def _find(company: Company, user: User) -> Membership:
    return Membership.objects.get(company=company, user=user, valid_until=None)


def test_two_last_owners_cannot_remove_each_other(
    company: Company, owners: list[Membership]
) -> None:
    anna, bert = owners

    def remove(target: Membership, acting: Membership) -> object:
        now = datetime.now(UTC)
        return end_membership(membership=target, acting=acting, actor=SYSTEM, now=now)

    ends = at_once(lambda: remove(anna, bert), lambda: remove(bert, anna))

    assert ends == ["NotAllowedError", "done"]
    assert Membership.objects.owners().filter(company=company).count() == 1
    assert Event.objects.filter(action="member.ended").count() == 1


def test_two_last_owners_cannot_demote_each_other(
    company: Company, owners: list[Membership]
) -> None:
    anna, bert = owners

    def demote(target: Membership, acting: Membership) -> object:
        return change_roles(
            membership=target,
            roles=[Role.MEMBER],
            auditor_until=None,
            acting=acting,
            actor=SYSTEM,
            now=datetime.now(UTC),
        )

    ends = at_once(lambda: demote(anna, bert), lambda: demote(bert, anna))

    assert ends == [NotAllowedError.__name__, "done"]
    assert Membership.objects.owners().filter(company=company).count() == 1


def test_two_last_owners_cannot_both_leave(company: Company, owners: list[Membership]) -> None:
    """Each removes themselves: no right is lost meanwhile, only the rule about owners decides."""

    def remove_self(member: Membership) -> object:
        now = datetime.now(UTC)
        return end_membership(membership=member, acting=member, actor=SYSTEM, now=now)

    ends = at_once(*(lambda member=member: remove_self(member) for member in owners))

    assert ends == [LastOwnerError.__name__, "done"]
    assert Membership.objects.owners().filter(company=company).count() == 1


def test_member_is_ended_once(company: Company, owners: list[Membership]) -> None:
    target = join_company(company, make_user(email="bo@exempel.se"), Role.MEMBER)

    def end() -> object:
        now = datetime.now(UTC)
        return end_membership(membership=target, acting=owners[0], actor=SYSTEM, now=now)

    assert at_once(end, end) == [MemberGoneError.__name__, "done"]
    assert Event.objects.filter(action="member.ended").count() == 1


def test_main_contact_is_never_somebody_who_was_shut_out_meanwhile(
    company: Company, owners: list[Membership]
) -> None:
    target = join_company(company, make_user(email="bo@exempel.se"), Role.MEMBER)

    def suspend() -> object:
        now = datetime.now(UTC)
        return suspend_member(membership=target, acting=owners[0], actor=SYSTEM, now=now)

    def promote() -> object:
        now = datetime.now(UTC)
        return change_main_contact(membership=target, acting=owners[1], actor=SYSTEM, now=now)

    ends = at_once(suspend, promote)

    assert "done" in ends
    assert len(set(ends)) == 2
    company.refresh_from_db()
    assert company.main_contact.suspended_at is None


def test_invitation_accepted_twice_at_once_makes_one_membership(
    company: Company, owners: list[Membership]
) -> None:
    now = datetime.now(UTC)
    invitation = invite_person(
        company=company,
        email="ny@exempel.se",
        full_name="Ny",
        roles=[Role.MEMBER],
        acting=owners[0],
        actor=SYSTEM,
        now=now,
    )
    user = make_user(email="ny@exempel.se")

    def accept() -> object:
        return accept_invitation(
            invitation=invitation, user=user, actor=SYSTEM, now=datetime.now(UTC)
        )

    assert at_once(accept, accept) == [InvitationGoneError.__name__, "done"]
    assert Membership.objects.filter(company=company, user=user).count() == 1
    assert Event.objects.filter(action="person.invite_accepted").count() == 1


def test_address_is_invited_once(company: Company, owners: list[Membership]) -> None:
    def invite(acting: Membership) -> object:
        return invite_person(
            company=company,
            email="ny@exempel.se",
            full_name="",
            roles=[Role.MEMBER],
            acting=acting,
            actor=SYSTEM,
            now=datetime.now(UTC),
        )

    ends = at_once(*(lambda acting=owner: invite(acting) for owner in owners))

    assert ends == [AlreadyInvitedError.__name__, "done"]
    assert Invitation.objects.count() == 1
