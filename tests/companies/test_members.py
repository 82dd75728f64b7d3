"""Who is in a company: what the operations change, log and refuse."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.dispatch import Signal

from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event
from companies import signals
from companies.models import Company, Invitation, Membership, Permission, Role
from companies.operations import (
    AlreadyMemberError,
    FirmRoleError,
    LastOwnerError,
    MainContactError,
    MemberGoneError,
    NoRoleError,
    NotAllowedError,
    OwnerOnlyError,
    OwnMembershipError,
    OwnRolesError,
    change_main_contact,
    change_roles,
    choose_company,
    end_membership,
    invite_person,
    leave_company,
    reactivate_member,
    suspend_member,
)
from companies.queries import list_people_who_may
from tests.factories.accounts import make_user
from tests.factories.companies import join_company, make_company

Facts = dict[str, Any]


@pytest.fixture
def owner(acme: Company, alice: User) -> Membership:
    return Membership.objects.get(company=acme, user=alice)


@pytest.fixture
def member(acme: Company, bob: User) -> Membership:
    return Membership.objects.get(company=acme, user=bob)


@pytest.fixture
def admin(acme: Company) -> Membership:
    user = make_user(email="adam@exempel.se", full_name="Adam Admin")
    return join_company(acme, user, Role.ADMIN)


@pytest.fixture
def by_owner(owner: Membership, system: Actor, now: datetime) -> Facts:
    return {"acting": owner, "actor": system, "now": now}


@pytest.fixture
def by_admin(admin: Membership, system: Actor, now: datetime) -> Facts:
    return {"acting": admin, "actor": system, "now": now}


@pytest.fixture
def heard() -> Iterator[Callable[[Signal], list[Membership]]]:
    """What a signal told, for as long as a test runs."""
    connected = []

    def _listen(signal: Signal) -> list[Membership]:
        told: list[Membership] = []

        def receiver(membership: Membership, **_kwargs: Any) -> None:
            told.append(membership)

        signal.connect(receiver, weak=False)
        connected.append((signal, receiver))
        return told

    yield _listen
    for signal, receiver in connected:
        signal.disconnect(receiver)


def set_roles(membership: Membership, *roles: Role, **facts: Any) -> Membership:
    return change_roles(membership=membership, roles=roles, **{"auditor_until": None, **facts})


def roles_of(membership: Membership, at: datetime) -> frozenset[Role]:
    return Membership.objects.get(pk=membership.pk).roles_at(at)


def test_roles_are_exactly_what_was_asked_for_and_logged(
    member: Membership, by_owner: Facts, now: datetime
) -> None:
    set_roles(member, Role.BILLING, Role.SECURITY, **by_owner)

    assert roles_of(member, now) == {Role.BILLING, Role.SECURITY}
    told = Event.objects.filter(occurred_at=now).order_by("pk")
    assert [(e.action, e.data["role"]) for e in told] == [
        ("member.role_revoked", "member"),
        ("member.role_granted", "billing"),
        ("member.role_granted", "security"),
    ]


def test_roles_that_stay_the_same_leave_no_trace(
    member: Membership, by_owner: Facts, now: datetime
) -> None:
    set_roles(member, Role.MEMBER, **by_owner)

    assert not Event.objects.filter(occurred_at=now).exists()


def test_role_taken_back_was_held_until_then(
    member: Membership, by_owner: Facts, now: datetime
) -> None:
    set_roles(member, Role.BILLING, **by_owner)

    assert roles_of(member, now - timedelta(seconds=1)) == {Role.MEMBER}


def test_auditor_has_sixty_days_unless_told_otherwise(
    member: Membership, by_owner: Facts, now: datetime
) -> None:
    set_roles(member, Role.AUDITOR, **by_owner)

    assert roles_of(member, now + timedelta(days=59)) == {Role.AUDITOR}
    assert roles_of(member, now + timedelta(days=60)) == frozenset()


def test_auditor_gets_another_end(member: Membership, by_owner: Facts, now: datetime) -> None:
    set_roles(member, Role.AUDITOR, **by_owner)
    later = now + timedelta(days=90)

    set_roles(member, Role.AUDITOR, **by_owner, auditor_until=later)

    assert roles_of(member, later - timedelta(seconds=1)) == {Role.AUDITOR}
    assert roles_of(member, later) == frozenset()
    assert Event.objects.filter(action="member.expiry_set").count() == 1


def test_nobody_changes_their_own_roles(owner: Membership, by_owner: Facts) -> None:
    with pytest.raises(OwnRolesError):
        set_roles(owner, Role.OWNER, Role.BILLING, **by_owner)


def test_member_always_has_a_role(member: Membership, by_owner: Facts) -> None:
    with pytest.raises(NoRoleError):
        set_roles(member, **by_owner)


def test_firm_roles_are_for_firms(member: Membership, by_owner: Facts) -> None:
    with pytest.raises(FirmRoleError):
        set_roles(member, Role.CLIENT_ADMIN, **by_owner)


def test_admin_makes_nobody_an_owner(member: Membership, by_admin: Facts, now: datetime) -> None:
    with pytest.raises(OwnerOnlyError):
        set_roles(member, Role.OWNER, **by_admin)

    assert roles_of(member, now) == {Role.MEMBER}


def test_admin_does_not_touch_an_owner(owner: Membership, by_admin: Facts) -> None:
    with pytest.raises(OwnerOnlyError):
        set_roles(owner, Role.OWNER, Role.BILLING, **by_admin)
    with pytest.raises(OwnerOnlyError):
        suspend_member(membership=owner, **by_admin)
    with pytest.raises(OwnerOnlyError):
        end_membership(membership=owner, **by_admin)


def test_member_changes_nobody(
    member: Membership, admin: Membership, system: Actor, now: datetime
) -> None:
    facts: Facts = {"acting": member, "actor": system, "now": now}

    with pytest.raises(NotAllowedError):
        set_roles(admin, Role.MEMBER, **facts)
    with pytest.raises(NotAllowedError):
        suspend_member(membership=admin, **facts)
    with pytest.raises(NotAllowedError):
        end_membership(membership=admin, **facts)
    with pytest.raises(NotAllowedError):
        change_main_contact(membership=member, **facts)


def test_admin_who_was_suspended_meanwhile_changes_nobody(
    member: Membership, admin: Membership, by_owner: Facts, by_admin: Facts
) -> None:
    suspend_member(membership=admin, **by_owner)

    with pytest.raises(NotAllowedError):
        suspend_member(membership=member, **by_admin)


def test_last_owner_stays(
    owner: Membership, admin: Membership, by_owner: Facts, system: Actor, now: datetime
) -> None:
    change_main_contact(membership=admin, **by_owner)

    with pytest.raises(LastOwnerError):
        leave_company(membership=owner, actor=system, now=now)
    with pytest.raises(LastOwnerError):
        end_membership(membership=owner, **by_owner)


def test_owner_who_cannot_sign_in_does_not_count(
    owner: Membership, member: Membership, by_owner: Facts, system: Actor, now: datetime
) -> None:
    set_roles(member, Role.OWNER, **by_owner)
    User.objects.filter(pk=member.user_id).update(is_active=False)

    with pytest.raises(LastOwnerError):
        leave_company(membership=owner, actor=system, now=now)


def test_owner_leaves_when_there_is_another(
    owner: Membership, member: Membership, by_owner: Facts, system: Actor, now: datetime
) -> None:
    set_roles(member, Role.OWNER, **by_owner)
    change_main_contact(membership=member, **by_owner)

    ended = leave_company(membership=owner, actor=system, now=now)

    assert ended.valid_until == now
    assert Event.objects.get(action="member.ended").data == {"reason": "left"}


def test_suspended_member_is_out_until_let_in_again(
    member: Membership, by_admin: Facts, now: datetime, heard: Callable[[Signal], list[Membership]]
) -> None:
    suspended = heard(signals.membership_suspended)
    resumed = heard(signals.membership_resumed)

    suspend_member(membership=member, **by_admin)
    assert not Membership.objects.in_force(now).filter(pk=member.pk).exists()
    reactivate_member(membership=member, **by_admin)

    assert Membership.objects.in_force(now).filter(pk=member.pk).exists()
    assert roles_of(member, now) == {Role.MEMBER}
    assert (suspended, resumed) == ([member], [member])
    actions = Event.objects.filter(occurred_at=now).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["member.deactivated", "member.reactivated"]


def test_suspending_twice_is_said_once(member: Membership, by_admin: Facts) -> None:
    suspend_member(membership=member, **by_admin)
    suspend_member(membership=member, **by_admin)

    assert Event.objects.filter(action="member.deactivated").count() == 1


def test_letting_in_who_is_in_says_nothing(member: Membership, by_admin: Facts) -> None:
    reactivate_member(membership=member, **by_admin)

    assert not Event.objects.filter(action="member.reactivated").exists()


def test_role_lost_earlier_keeps_its_end_when_the_member_leaves(
    member: Membership, by_owner: Facts, now: datetime
) -> None:
    set_roles(member, Role.BILLING, **by_owner)
    later: Facts = {**by_owner, "now": now + timedelta(days=30)}

    end_membership(membership=member, **later)

    ends = {grant.role: grant.valid_until for grant in member.role_grants.all()}
    assert ends == {"member": now, "billing": now + timedelta(days=30)}


def test_same_end_for_an_auditor_says_nothing(
    member: Membership, by_owner: Facts, now: datetime
) -> None:
    until = now + timedelta(days=30)
    set_roles(member, Role.AUDITOR, **by_owner, auditor_until=until)
    set_roles(member, Role.AUDITOR, **by_owner, auditor_until=until)

    assert not Event.objects.filter(action="member.expiry_set").exists()


def test_nobody_suspends_themselves(admin: Membership, by_admin: Facts) -> None:
    with pytest.raises(OwnMembershipError):
        suspend_member(membership=admin, **by_admin)


def test_suspended_owner_is_let_in_by_owners_only(
    admin: Membership, member: Membership, by_owner: Facts, by_admin: Facts
) -> None:
    set_roles(member, Role.OWNER, **by_owner)
    suspend_member(membership=member, **by_owner)

    with pytest.raises(OwnerOnlyError):
        reactivate_member(membership=member, **by_admin)


def test_ended_member_loses_roles_and_others_are_told(
    member: Membership, by_admin: Facts, now: datetime, heard: Callable[[Signal], list[Membership]]
) -> None:
    told = heard(signals.membership_ended)

    end_membership(membership=member, **by_admin)

    assert not Membership.objects.in_force(now).filter(pk=member.pk).exists()
    assert roles_of(member, now) == frozenset()
    assert roles_of(member, now - timedelta(seconds=1)) == {Role.MEMBER}
    assert told == [member]
    assert Event.objects.get(action="member.ended").data == {"reason": "removed"}


def test_member_who_is_gone_cannot_be_changed(
    member: Membership, by_admin: Facts, system: Actor, now: datetime
) -> None:
    end_membership(membership=member, **by_admin)

    for operation in (suspend_member, reactivate_member, end_membership, change_main_contact):
        with pytest.raises(MemberGoneError):
            operation(membership=member, **by_admin)
    with pytest.raises(MemberGoneError):
        set_roles(member, Role.ADMIN, **by_admin)
    with pytest.raises(MemberGoneError):
        leave_company(membership=member, actor=system, now=now)


def test_suspended_member_does_not_leave(
    member: Membership, by_admin: Facts, system: Actor, now: datetime
) -> None:
    suspend_member(membership=member, **by_admin)

    with pytest.raises(MemberGoneError):
        leave_company(membership=member, actor=system, now=now)


def test_main_contact_is_handed_over_before_going(
    owner: Membership, member: Membership, by_owner: Facts
) -> None:
    change_main_contact(membership=member, **by_owner)

    with pytest.raises(MainContactError):
        end_membership(membership=member, **by_owner)
    with pytest.raises(MainContactError):
        suspend_member(membership=member, **by_owner)


def test_main_contact_changes_once_and_is_logged(
    acme: Company, member: Membership, by_admin: Facts
) -> None:
    change_main_contact(membership=member, **by_admin)
    change_main_contact(membership=member, **by_admin)

    acme.refresh_from_db()
    assert acme.main_contact == member
    event = Event.objects.get(action="company.main_contact_changed")
    assert event.data == {}
    assert event.personal.data == {"before": "Alice Ek", "after": "Bob Berg"}


def test_main_contact_is_an_active_member(member: Membership, by_admin: Facts) -> None:
    suspend_member(membership=member, **by_admin)

    with pytest.raises(MemberGoneError):
        change_main_contact(membership=member, **by_admin)


def test_members_of_another_company_are_out_of_reach(
    other: Company, mallory: User, member: Membership, system: Actor, now: datetime
) -> None:
    """The gate hands over a member of the page's company; the operation relies on its own lock."""
    stranger = Membership.objects.get(company=other, user=mallory)

    with pytest.raises(NotAllowedError):
        end_membership(membership=member, acting=stranger, actor=system, now=now)


def test_invitations_of_somebody_who_may_no_longer_invite_are_withdrawn(
    acme: Company, admin: Membership, by_owner: Facts, by_admin: Facts, now: datetime
) -> None:
    invite_person(
        company=acme, email="ny@exempel.se", full_name="", roles=[Role.MEMBER], **by_admin
    )

    set_roles(admin, Role.MEMBER, **by_owner)

    assert Invitation.objects.get().revoked_at == now
    assert Event.objects.filter(action="person.invite_revoked").count() == 1


def test_former_owner_leaves_no_owner_invitation_behind(
    acme: Company, member: Membership, by_owner: Facts, system: Actor, now: datetime
) -> None:
    set_roles(member, Role.OWNER, **by_owner)
    by_member: Facts = {"acting": member, "actor": system, "now": now}
    invite_person(company=acme, email="a@exempel.se", full_name="", roles=[Role.OWNER], **by_member)
    invite_person(
        company=acme, email="b@exempel.se", full_name="", roles=[Role.MEMBER], **by_member
    )

    set_roles(member, Role.ADMIN, **by_owner)

    assert [i.email for i in Invitation.objects.open()] == ["b@exempel.se"]


def test_person_is_a_member_once(acme: Company, bob: User) -> None:
    with pytest.raises(AlreadyMemberError):
        join_company(acme, bob, Role.ADMIN)


def test_person_comes_back_as_a_new_membership(
    acme: Company, bob: User, member: Membership, by_admin: Facts, now: datetime
) -> None:
    end_membership(membership=member, **by_admin)

    again = join_company(acme, bob, Role.BILLING, now=now)

    assert again != member
    assert again.roles_at(now) == {Role.BILLING}


def test_chosen_company_is_the_next_start(
    acme: Company, alice: User, owner: Membership, system: Actor, now: datetime
) -> None:
    choose_company(membership=owner, actor=system, now=now)

    owner.refresh_from_db()
    assert owner.last_used_at == now
    assert Event.objects.get(action="company.selected").company_id == acme.pk


def test_firm_gives_firm_roles(alice: User, system: Actor, now: datetime) -> None:
    firm = make_company(
        name="Byrån AB", owner=alice, org_number="5567037485", firm_kind="accounting"
    )
    owner = Membership.objects.get(company=firm, user=alice)
    member = join_company(firm, make_user(email="karin@exempel.se"), Role.MEMBER)

    set_roles(member, Role.CLIENT_ADMIN, acting=owner, actor=system, now=now)

    assert roles_of(member, now) == {Role.CLIENT_ADMIN}


def test_people_to_ask_are_those_in_force(
    acme: Company, alice: User, admin: Membership, by_owner: Facts, now: datetime
) -> None:
    assert [u.full_name for u in list_people_who_may(Permission.SEAT_ASSIGN, acme.pk, at=now)] == [
        "Adam Admin",
        "Alice Ek",
    ]
    suspend_member(membership=admin, **by_owner)

    assert list_people_who_may(Permission.SEAT_ASSIGN, acme.pk, at=now) == [alice]
