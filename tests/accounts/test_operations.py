import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.dispatch import Signal
from django.test import Client

from accounts import operations, signals
from accounts.models import Session, User
from auditlog.actors import Actor
from auditlog.models import Event
from tests.accounts.pages import post_login
from tests.factories.accounts import PASSWORD, make_user
from vop.lib.db import StepOutsideUseCaseError, in_use_case, use_case


@contextmanager
def heard(signal: Signal) -> Iterator[list[dict[str, Any]]]:
    """Collect what a signal sends, and that it comes inside the transaction."""
    found: list[dict[str, Any]] = []

    def receiver(**kwargs: Any) -> None:
        assert in_use_case()
        found.append(kwargs)

    signal.connect(receiver)
    try:
        yield found
    finally:
        signal.disconnect(receiver)


def create(system: Actor, now: datetime, email: str = "Nils@Exempel.se") -> User:
    return use_case(operations.create_person)(
        email=email, full_name="Nils", language="en", password=None, actor=system, now=now
    )


def test_person_is_created_with_a_verified_address(db: None, system: Actor, now: datetime) -> None:
    user = create(system, now)

    assert (user.email, user.language, user.created_at) == ("nils@exempel.se", "en", now)
    assert not user.has_usable_password()
    address = EmailAddress.objects.get(user=user)
    assert (address.email, address.verified, address.primary) == ("nils@exempel.se", True, True)
    event = Event.objects.get(action="person.created")
    assert (event.actor_kind, event.target_id) == ("system", str(user.pk))
    assert event.data == {}


def test_person_is_refused_when_the_address_is_taken(
    alice: User, system: Actor, now: datetime
) -> None:
    with pytest.raises(operations.PersonExistsError):
        create(system, now, "ALICE@exempel.se")


def test_person_is_created_only_in_a_use_case(db: None, system: Actor, now: datetime) -> None:
    with pytest.raises(StepOutsideUseCaseError):
        operations.create_person(
            email="x@exempel.se", full_name="", language="sv", password=None, actor=system, now=now
        )


def test_deactivation_ends_sessions_and_tells_the_rooms_above(
    client: Client, alice: User, system: Actor, now: datetime
) -> None:
    post_login(client, alice.email)
    now = Event.objects.get(action="login.succeeded").occurred_at

    with heard(signals.person_deactivated) as told, heard(signals.session_ended) as ended:
        operations.deactivate_person(user=alice, actor=system, now=now)
        operations.deactivate_person(user=alice, actor=system, now=now)

    assert [call["user"] for call in told] == [alice]
    assert len(ended) == 1
    assert not Session.objects.filter(user=alice).exists()
    assert Event.objects.filter(action="person.deactivated").count() == 1
    with heard(signals.person_reactivated) as told:
        operations.reactivate_person(user=alice, actor=system, now=now)
        operations.reactivate_person(user=alice, actor=system, now=now)
    assert [call["user"] for call in told] == [alice]


def test_nobody_deactivates_themselves(alice: User, now: datetime) -> None:
    actor = Actor("person", str(alice.pk), alice.full_name)

    with pytest.raises(operations.OwnAccountError):
        operations.deactivate_person(user=alice, actor=actor, now=now)


def test_sign_in_and_out_tell_the_rooms_above(client: Client, alice: User) -> None:
    came: list[User] = []

    def hear(user: User, **_kwargs: object) -> list[uuid.UUID]:
        came.append(user)
        return [reader]

    reader = uuid.uuid4()
    signals.signing_in.connect(hear)
    with heard(signals.session_ended) as went:
        post_login(client, alice.email)
        client.post("/logout/")
    signals.signing_in.disconnect(hear)

    assert came == [alice]
    [gone] = went
    event = Event.objects.get(action="login.succeeded")
    assert gone["session_ref"] == event.data["session"]
    assert [row.company_id for row in event.audience.all()] == [reader]


def test_sessions_that_ran_out_are_deleted(client: Client, alice: User) -> None:
    post_login(Client(), alice.email)
    post_login(client, alice.email)
    row = Session.objects.filter(user=alice).earliest("seen_at")
    late = row.expire_date + timedelta(hours=1)
    Session.objects.filter(user=alice).exclude(pk=row.pk).update(expire_date=late)

    assert operations.purge_sessions(now=row.expire_date) == 1

    assert not Session.objects.filter(pk=row.pk).exists()
    assert Session.objects.filter(user=alice).count() == 1


@pytest.mark.django_db(transaction=True)
def test_sign_in_is_one_transaction_with_its_event(client: Client) -> None:
    """Outside a test's own transaction: what nests wrongly fails only here."""
    user = User.objects.create_user("eva@exempel.se", PASSWORD, full_name="Eva")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)

    assert post_login(client, user.email).status_code == 302
    answer = client.post(
        "/account/security/password/",
        {"oldpassword": PASSWORD, "password1": "en annan och lika lång lösenfras"},
    )

    assert answer.status_code == 302
    client.post("/logout/")
    actions = list(Event.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["login.succeeded", "password.set", "logout.completed"]


def act_on_colleague(staff: User, group: str, now: datetime) -> User:
    colleague = make_user(email="kim@vop.example", full_name="Kim Kollega", is_staff=True)
    staff.groups.set(Group.objects.filter(name=group))
    actor = Actor("staff", str(staff.pk), staff.full_name)
    return operations.deactivate_person(user=colleague, actor=actor, now=now)


def test_support_shuts_no_colleague_out(staff: User, now: datetime) -> None:
    with pytest.raises(operations.StaffAccountError):
        act_on_colleague(staff, "support_act", now)

    assert User.objects.get(email="kim@vop.example").is_active


def test_security_shuts_a_colleague_out_and_in(staff: User, now: datetime) -> None:
    colleague = act_on_colleague(staff, "security_ops", now)
    assert not colleague.is_active

    stranger = Actor("staff", str(uuid.uuid4()), "Nobody")
    with pytest.raises(operations.StaffAccountError):
        operations.reactivate_person(user=colleague, actor=stranger, now=now)
