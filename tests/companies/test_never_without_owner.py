"""The two rules that the database keeps itself, whoever writes what, and at once."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from companies.models import Company, Membership, Role, RoleGrant
from companies.operations import MainContactError, change_main_contact, end_membership
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.companies import LONG_AGO, SYSTEM, join_company, make_company
from vop.lib.errors import DomainError

OWNER = "always has an owner"
CONTACT = "main contact of an open company"

pytestmark = pytest.mark.django_db(transaction=True)


class RefusedByDatabaseError(DomainError):
    """What `at_once` can tell of a refusal that no operation foresaw."""


@pytest.fixture
def anna() -> Membership:
    """The only owner, and the main contact."""
    company = make_company(
        name="Regel AB", owner=make_user(email="anna@exempel.se"), org_number="5560160680"
    )
    return company.main_contact


@pytest.fixture
def bert(anna: Membership) -> Membership:
    """A member like any other."""
    return join_company(anna.company, make_user(email="bert@exempel.se"), Role.MEMBER)


def end_grants(member: Membership) -> object:
    return RoleGrant.objects.filter(membership=member).update(valid_until=datetime.now(UTC))


def end(member: Membership) -> object:
    return Membership.objects.filter(pk=member.pk).update(valid_until=datetime.now(UTC))


def suspend(member: Membership) -> object:
    return Membership.objects.filter(pk=member.pk).update(suspended_at=datetime.now(UTC))


def demote(member: Membership) -> object:
    return RoleGrant.objects.filter(membership=member).update(role=Role.ADMIN)


def delete_grants(member: Membership) -> object:
    with connection.cursor() as cursor:
        key = member.pk.hex if connection.vendor == "sqlite" else member.pk
        return cursor.execute("DELETE FROM companies_rolegrant WHERE membership_id = %s", [key])


@pytest.mark.parametrize("write", [end_grants, end, suspend, demote])
def test_last_owner_cannot_be_written_away(
    anna: Membership, bert: Membership, write: Callable[[Membership], object]
) -> None:
    Company.objects.filter(pk=anna.company_id).update(main_contact=bert)

    with pytest.raises(DatabaseError, match=OWNER):
        write(anna)

    assert Membership.objects.owners().filter(company=anna.company).exists()


def test_last_owner_cannot_be_deleted(anna: Membership) -> None:
    with pytest.raises(DatabaseError, match=f"{OWNER}|vop_retention"):
        delete_grants(anna)


@pytest.mark.parametrize("write", [end, suspend])
def test_main_contact_cannot_be_written_away(
    anna: Membership, bert: Membership, write: Callable[[Membership], object]
) -> None:
    RoleGrant.objects.create(membership=bert, role=Role.OWNER, valid_from=LONG_AGO)

    with pytest.raises(DatabaseError, match=CONTACT):
        write(anna)


def test_main_contact_is_nobody_who_left(anna: Membership, bert: Membership) -> None:
    end(bert)

    with pytest.raises(DatabaseError, match=CONTACT):
        Company.objects.filter(pk=anna.company_id).update(main_contact=bert)


def test_main_contact_is_nobody_of_another_company(anna: Membership) -> None:
    other = make_company(
        name="Annan AB", owner=make_user(email="m@exempel.se"), org_number="5567037485"
    )
    member = join_company(other, make_user(email="n@exempel.se"), Role.MEMBER)

    with pytest.raises(DatabaseError, match=CONTACT):
        Company.objects.filter(pk=anna.company_id).update(main_contact=member)


def test_closed_company_may_be_emptied_but_not_opened_again(anna: Membership) -> None:
    Company.objects.filter(pk=anna.company_id).update(closed_at=datetime.now(UTC))
    end_grants(anna)
    end(anna)

    with pytest.raises(DatabaseError, match=f"{OWNER}|{CONTACT}"):
        Company.objects.filter(pk=anna.company_id).update(closed_at=None)


def test_new_company_needs_an_owner(anna: Membership) -> None:
    """SQLite looks at each statement, and a company comes before its owner."""
    if connection.vendor == "sqlite":
        pytest.skip("only PostgreSQL looks at the commit")
    company = Company(name="Tom AB", org_number="5567037485")
    member = Membership(company=company, user=anna.user, valid_from=LONG_AGO)
    company.main_contact = member

    def save() -> None:
        with transaction.atomic():
            company.save(force_insert=True)
            member.save(force_insert=True)

    with pytest.raises(DatabaseError, match=OWNER):
        save()


@pytest.mark.parametrize("write", [end, suspend, end_grants])
def test_two_owners_written_away_at_once_leave_one(
    anna: Membership, write: Callable[[Membership], object]
) -> None:
    """Past every operation and its lock: each transaction sees the other owner still there."""
    company = anna.company
    kim = join_company(company, make_user(email="kim@exempel.se"), Role.MEMBER)
    bert = join_company(company, make_user(email="bert@exempel.se"), Role.OWNER)
    Company.objects.filter(pk=company.pk).update(main_contact=kim)

    def attempt(member: Membership) -> None:
        try:
            write(member)
        except DatabaseError as error:
            assert OWNER in str(error)  # noqa: PT017 (it ends in a thread of its own)
            raise RefusedByDatabaseError from error

    ends = at_once(lambda: attempt(anna), lambda: attempt(bert))

    assert ends == ["RefusedByDatabaseError", "done"]
    assert Membership.objects.owners().filter(company=company).count() == 1


def test_main_contact_never_leaves_while_being_chosen(anna: Membership, bert: Membership) -> None:
    def leave() -> object:
        return end_membership(membership=bert, acting=anna, actor=SYSTEM, now=datetime.now(UTC))

    def choose() -> object:
        return change_main_contact(
            membership=bert, acting=anna, actor=SYSTEM, now=datetime.now(UTC)
        )

    ends = at_once(leave, choose)

    assert ends in ([MainContactError.__name__, "done"], ["MemberGoneError", "done"])
    contact = Company.objects.get(pk=anna.company_id).main_contact
    assert contact.valid_until is None
