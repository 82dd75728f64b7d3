"""Compiled statements do what the ORM's own do, on both databases."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import CharField, DateTimeField, F, Q, UUIDField, Value

from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event, EventAudience, EventPersonal
from auditlog.operations import describe_event
from companies.events import CompanyEvent
from companies.models import Company, Membership
from vop.lib.statements import (
    Parameter,
    Query,
    RowVersion,
    Together,
    Update,
    copy_new,
    fetch,
    new_row,
    write,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_AT = Parameter("at", DateTimeField())
_MEMBERSHIPS = Query(
    lambda: (
        Membership.objects.filter(
            Q(valid_from__lte=_AT) & (Q(valid_until=None) | Q(valid_until__gt=_AT)),
            user=Parameter("user", UUIDField()),
        )
        .select_related("company", "user")
        .order_by("company__name")
    )
)
_EMAILS = Query(
    lambda: (
        User.objects.filter(full_name=Parameter("name", CharField()))
        .order_by("email")
        .values_list("email", "created_at")
    )
)
_MEMBER = Query(
    lambda: (
        User.objects.filter(email=Parameter("email", CharField()))
        .annotate(user_id=F("pk"), asked=Value("50 %", output_field=CharField()))
        .only("email")
    )
)
_COMPANIES = Query(
    lambda: (
        Membership.objects.filter(
            Q(valid_from__lte=_AT),
            ~Q(company__name__contains="100 %"),
            user_id=Parameter("user_id", UUIDField()),
        )
        .order_by("company__name")
        .values_list("company__name", "valid_from")
    )
)
_MEMBER_WITH_COMPANIES = Together(_MEMBER, _COMPANIES)
_RENAME = Update(
    lambda: Company.objects.filter(pk=Parameter("pk", UUIDField())).exclude(name="100 %"),
    name=Parameter("name", CharField()),
)
SYSTEM = Actor.system("tests")


def describe(company: Company | None = None) -> list[Any]:
    ref = company.ref if company else None
    return list(describe_event(CompanyEvent.REGISTERED, actor=SYSTEM, now=NOW, company=ref))


def test_query_gives_instances_with_what_they_refer_to(acme: Company, alice: User) -> None:
    found = _MEMBERSHIPS.all(at=NOW, user=alice.pk)
    expected = list(Membership.objects.filter(user=alice).order_by("company__name"))
    assert found == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "cursor", None)  # nothing more is read
        assert [(row.company.name, row.user.email) for row in found] == [("Acme AB", alice.email)]


def test_query_takes_the_values_of_each_call(acme: Company, alice: User, bob: User) -> None:
    assert _MEMBERSHIPS.first(at=NOW, user=alice.pk) is not None
    assert _MEMBERSHIPS.first(at=NOW, user=uuid.uuid4()) is None
    assert _MEMBERSHIPS.first(at=datetime(2001, 1, 1, tzinfo=UTC), user=alice.pk) is None
    assert _EMAILS.all(name=bob.full_name) == [(bob.email, bob.created_at)]
    assert _EMAILS.all(name="' OR 1=1 --") == []


def test_together_gives_a_row_and_what_belongs_to_it(
    acme: Company, alice: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 2):
        found = _MEMBER_WITH_COMPANIES.first(email=alice.email, at=NOW)
    assert found == (alice, _COMPANIES.all(user_id=alice.pk, at=NOW))
    assert [name for name, _since in found[1]] == ["Acme AB"]


def test_together_gives_a_row_that_nothing_belongs_to(acme: Company, alice: User) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    assert _MEMBER_WITH_COMPANIES.first(email=alice.email, at=long_ago) == (alice, [])
    assert _MEMBER_WITH_COMPANIES.first(email="nobody@example.test", at=NOW) is None


def test_update_counts_what_it_changed(acme: Company) -> None:
    assert _RENAME.run(pk=acme.pk, name="100 %") == 1
    assert _RENAME.run(pk=acme.pk, name="Other") == 0
    assert Company.objects.get(pk=acme.pk).name == "100 %"


def test_write_links_rows_by_the_key_that_the_database_makes(acme: Company) -> None:
    event, *_beside = rows = describe(acme)
    assert isinstance(event, Event)
    assert write(*rows)
    stored = Event.objects.get(pk=event.pk)
    assert stored.personal.actor_label == "tests"
    assert [row.company_id for row in stored.audience.all()] == [acme.pk]
    assert stored.data == event.data


def test_write_makes_as_many_rows_of_a_kind_as_it_gets(acme: Company) -> None:
    rows = describe(acme)
    assert isinstance(rows[0], Event)
    other = EventAudience(event=rows[0], company_id=uuid.uuid4())
    assert write(*rows, other)
    assert rows[0].audience.count() == 2


def test_write_does_nothing_when_its_update_changes_nothing(acme: Company) -> None:
    before = Event.objects.count(), EventPersonal.objects.count()
    assert write(*describe(), when=_RENAME, pk=acme.pk, name="100 %")
    assert not write(*describe(), when=_RENAME, pk=acme.pk, name="New")
    assert (Event.objects.count(), EventPersonal.objects.count()) == (before[0] + 1, before[1] + 1)


def test_new_row_is_what_the_model_makes(acme: Company, alice: User) -> None:
    given: dict[str, Any] = {"company": acme, "user": alice, "valid_from": NOW}
    made, plain = new_row(Membership, **given), Membership(**given)

    assert made.company is acme
    assert made._state.adding
    assert made.pk != plain.pk
    for field in Membership._meta.concrete_fields:
        if field is not Membership._meta.pk:
            assert getattr(made, field.attname) == getattr(plain, field.attname), field.name


def test_new_row_refuses_what_its_model_does_not_have() -> None:
    with pytest.raises(TypeError, match="Membership has no seats"):
        new_row(Membership, seats=3)


def test_nothing_runs_in_a_transaction_that_failed(alice: User) -> None:
    asked = {"name": alice.full_name}
    assert _EMAILS.all(**asked)  # compiled, and its plan kept

    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            _EMAILS.all(**asked)
        transaction.set_rollback(False)


@pytest.mark.django_db(transaction=True)
def test_write_is_all_or_nothing(acme: Company) -> None:
    event, beside, *audience = describe(acme)
    assert isinstance(beside, EventPersonal)
    before = Event.objects.count()
    beside.actor_label = None  # type: ignore[assignment]
    with pytest.raises(DatabaseError):
        write(event, beside, *audience, when=_RENAME, pk=acme.pk, name="Half")
    assert Event.objects.count() == before
    assert Company.objects.get(pk=acme.pk).name == "Acme AB"


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL measures texts")
def test_write_refuses_what_is_too_long_instead_of_cutting_it() -> None:
    rows = describe()
    assert isinstance(rows[0], Event)
    rows[0].action = "x" * 61
    with pytest.raises(DatabaseError), transaction.atomic():
        write(*rows)


@pytest.mark.django_db(transaction=True)
def test_statements_are_prepared_anew_on_a_new_connection(alice: User) -> None:
    assert len(_EMAILS.all(name=alice.full_name)) == 1
    connection.close()
    assert len(_EMAILS.all(name=alice.full_name)) == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a server closes connections")
@pytest.mark.django_db(transaction=True)
def test_connection_that_the_server_closed_is_noticed_without_asking(alice: User) -> None:
    connection.ensure_connection()
    assert connection.is_usable()
    pid = connection.connection.get_backend_pid()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()
    assert not connection.is_usable()
    connection.close()
    assert connection.is_usable() is False
    assert User.objects.filter(pk=alice.pk).exists()


def test_fetched_rows_are_those_of_the_query(acme: Company) -> None:
    contact = acme.main_contact
    query = (
        Membership.objects.filter(pk=contact.pk)
        .select_related("company")
        .only("valid_from", "company__name")
    )

    [found] = fetch(query)

    assert (found, found.valid_from) == (contact, contact.valid_from)
    assert found.company.name == acme.name
    assert found.user_id == contact.user_id  # left out, so looked up
    assert fetch(Membership.objects.none()) == []


@pytest.mark.django_db
def test_copied_row_is_new_and_has_columns_of_its_own() -> None:
    blank = User(full_name="Nils Ny", email="a@exempel.se", created_at=NOW)

    made = copy_new(blank, id=uuid.uuid4(), sub=uuid.uuid4(), email="b@exempel.se")
    made.save()
    blank.save()

    assert list(User.objects.order_by("email").values_list("email", "full_name")) == [
        ("a@exempel.se", "Nils Ny"),
        ("b@exempel.se", "Nils Ny"),
    ]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite tells no versions of rows")
def test_version_of_rows_changes_with_each_of_them(acme: Company, alice: User) -> None:
    seen = Query(
        lambda: Membership.objects.filter(user=Parameter("user", UUIDField())).values_list(
            RowVersion("company__name", "user__email")
        )
    )

    def look() -> str:
        [(version,)] = seen.all(user=alice.pk)
        return str(version)

    versions = [look(), look()]
    Company.objects.filter(pk=acme.pk).update(name="Another")
    versions.append(look())
    User.objects.filter(pk=alice.pk).update(language="en")
    versions += [look(), look()]
    Company.objects.filter(pk=acme.pk).update(name="Another")  # the same again is a change, too
    versions.append(look())
    assert [versions[0] == versions[1], versions[3] == versions[4]] == [True, True]
    assert len(set(versions)) == 4
