"""Every change of a person, their proofs and their sessions.

Some are called by the sign-in library's hooks, which decide when they come: those join the
transaction that is open, and open one when there is none.
"""

import functools
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec, TypeVar, cast

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.db.models import CharField, DateTimeField, Model, UUIDField
from django.utils.translation import gettext_lazy as _

from accounts import notifications, signals
from accounts.events import CredentialEvent, PersonEvent, SignInEvent
from accounts.models import Session, User
from accounts.queries import find_person, watches_over_staff
from auditlog.actors import Actor
from auditlog.events import EventType
from auditlog.models import Event
from auditlog.operations import Entry, audit, audit_each, describe_event, show_event_to
from vop.lib.crypto import reseal
from vop.lib.db import in_use_case, step, use_case
from vop.lib.errors import DomainError
from vop.lib.statements import Found, Parameter, Update, write

P = ParamSpec("P")
R = TypeVar("R")


class PersonExistsError(DomainError):
    message = _("There is an account with this address already. Sign in instead.")


class OwnAccountError(DomainError):
    message = _("You can't deactivate your own account.")


class StaffAccountError(DomainError):
    message = _("Only those who watch over security may do this to a colleague's account.")


class SessionGoneError(DomainError):
    message = _("That session had ended already.")


def _joining(operation: Callable[P, R]) -> Callable[P, R]:
    """Run as a step of an open use case, else as a use case of its own."""
    alone = use_case(operation)

    @functools.wraps(operation)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return operation(*args, **kwargs) if in_use_case() else alone(*args, **kwargs)

    return wrapper


# --- People --------------------------------------------------------------------------------------


@step
def create_person(
    *,
    email: str,
    full_name: str,
    language: str,
    password: str | None,
    actor: Actor,
    now: datetime,
) -> User:
    """Register a person with a verified address; an anonymous actor registers themselves.

    Raises: PersonExistsError.
    """
    if find_person(email) is not None:
        raise PersonExistsError
    user = User.objects.create_user(
        email, password, full_name=full_name, language=language, created_at=now
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    if actor.kind == "anonymous":
        actor = Actor(
            "person",
            str(user.pk),
            user.display_name,
            ip=actor.ip,
            user_agent=actor.user_agent,
            request_id=actor.request_id,
        )
    audit(PersonEvent.CREATED, actor=actor, now=now, target=user.ref, data={"email": user.email})
    return user


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody whom others register; they choose a password through a link sent to them."""

    email: str
    full_name: str
    language: str


@step
def create_people(*, people: Sequence[NewPerson], actor: Actor, now: datetime) -> Sequence[User]:
    """Register many people at once, as `create_person` registers one, in a few statements.

    Raises: IntegrityError when somebody of an address exists.
    """
    users = [
        User(
            email=person.email,
            full_name=person.full_name,
            language=person.language,
            password=make_password(None),
            created_at=now,
        )
        for person in people
    ]
    User.objects.bulk_create(users)
    EmailAddress.objects.bulk_create(
        [EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users]
    )
    entries = [Entry(None, user.ref, {"email": user.email}) for user in users]
    audit_each(PersonEvent.CREATED, entries, actor=actor, now=now)
    return users


@use_case
def sign_up(
    *, email: str, full_name: str, language: str, password: str, actor: Actor, now: datetime
) -> User:
    """Register an invited person who chose a password.

    Raises: PersonExistsError.
    """
    return create_person(
        email=email,
        full_name=full_name,
        language=language,
        password=password,
        actor=actor,
        now=now,
    )


@use_case
def update_profile(
    *, user: User, full_name: str, language: str, actor: Actor, now: datetime
) -> User:
    """Change a person's name and language."""
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    wanted = {"full_name": full_name, "language": language}
    changed = {name: value for name, value in wanted.items() if getattr(user, name) != value}
    if not changed:
        return user
    for name, value in changed.items():
        setattr(user, name, value)
    user.save(update_fields=list(changed))
    audit(PersonEvent.UPDATED, actor=actor, now=now, target=user.ref, data=changed)
    return user


@use_case
def deactivate_person(*, user: User, actor: Actor, now: datetime) -> User:
    """Shut a person out everywhere, at once.

    Raises: OwnAccountError, StaffAccountError.
    """
    if actor.id == str(user.pk):
        raise OwnAccountError
    _check_colleague(user, actor)
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    if not user.is_active:
        return user
    user.is_active = False
    user.save(update_fields=["is_active"])
    _end_sessions(user=user, now=now)
    audit(PersonEvent.DEACTIVATED, actor=actor, now=now, target=user.ref)
    signals.person_deactivated.send(sender=User, user=user, actor=actor, now=now)
    return user


@use_case
def reactivate_person(*, user: User, actor: Actor, now: datetime) -> User:
    """Let a person in again, with the access that they have by now.

    Raises: StaffAccountError.
    """
    _check_colleague(user, actor)
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    if user.is_active:
        return user
    user.is_active = True
    user.save(update_fields=["is_active"])
    audit(PersonEvent.REACTIVATED, actor=actor, now=now, target=user.ref)
    signals.person_reactivated.send(sender=User, user=user, actor=actor, now=now)
    return user


def _check_colleague(user: User, actor: Actor) -> None:
    """Keep staff from shutting each other out, or letting somebody back who was removed."""
    if user.is_staff and actor.kind == "staff" and not watches_over_staff(actor.id):
        raise StaffAccountError


# --- Sign-in -------------------------------------------------------------------------------------


_NOTE_SIGN_IN = Update(
    lambda: User.objects.filter(pk=Parameter("user_id", UUIDField())),
    last_login=Parameter("now", DateTimeField()),
)
_READERS_AT_ONCE = 4  # each number of them is a statement by itself


def record_sign_in(
    *,
    user: User,
    session_ref: str,
    methods: tuple[str, ...],
    actor: Actor,
    now: datetime,
    session: Session | None = None,
) -> Event:
    """Log a sign-in, note when it was, and write its session's row unless that is there already.

    The rooms above say which companies may read of it.

    Raises: User.DoesNotExist when the person was deleted meanwhile.
    """
    told: Any = signals.signing_in.send(sender=User, user=user, now=now)
    readers: list[uuid.UUID] = sorted({each for _receiver, found in told for each in found})
    rows = describe_event(
        SignInEvent.SUCCEEDED,
        actor=actor,
        now=now,
        target=user.ref,
        data={"session": session_ref, "methods": list(methods)},
        also_visible_to=readers[:_READERS_AT_ONCE],
    )
    more = readers[_READERS_AT_ONCE:]
    save = _joining(_write_sign_in) if more else _write_sign_in
    save([*rows, session] if session else rows, user=user, more=more, now=now)
    user.last_login = now
    return cast("Event", rows[0])


def _write_sign_in(
    rows: Sequence[Model], *, user: User, more: Sequence[uuid.UUID], now: datetime
) -> None:
    if not write(*rows, when=_NOTE_SIGN_IN, user_id=user.pk, now=now):
        raise User.DoesNotExist
    if more:
        show_event_to(event=cast("Event", rows[0]), company_ids=more)


@_joining
def record_failed_sign_in(*, email: str, reason: str, actor: Actor, now: datetime) -> Event:
    """Log an attempt that didn't get in; the address stands in the personal part only."""
    user = find_person(email)
    return audit(
        SignInEvent.FAILED,
        actor=actor,
        now=now,
        target=user.ref if user else None,
        data={"reason": reason, "email": email},
        outcome=Event.Outcome.DENIED if reason == "throttled" else Event.Outcome.FAILURE,
    )


@_joining
def record_step_up(*, user: User, method: str, actor: Actor, now: datetime) -> Event:
    """Log that a signed-in person proved again who they are."""
    return audit(
        SignInEvent.STEPPED_UP, actor=actor, now=now, target=user.ref, data={"method": method}
    )


@_joining
def record_sign_out(*, user: User, session_ref: str, actor: Actor, now: datetime) -> Event:
    """Log a sign-out and tell the rooms above that the session is over.

    The row goes first: who holds the session (`hold_session`) is waited for, who comes later finds
    none.
    """
    if session_ref:
        Session.objects.filter(ref=session_ref).delete()
    signals.session_ended.send(sender=User, user=user, session_ref=session_ref, now=now)
    return audit(
        SignInEvent.SIGNED_OUT,
        actor=actor,
        now=now,
        target=user.ref,
        data={"session": session_ref},
    )


# --- Sessions ------------------------------------------------------------------------------------


@use_case
def end_session(*, user: User, ref: uuid.UUID, actor: Actor, now: datetime) -> None:
    """End one session of a person.

    Raises: SessionGoneError.
    """
    if not _end_sessions(user=user, now=now, only=ref):
        raise SessionGoneError
    _audit_revoked(user=user, refs=[str(ref)], actor=actor, now=now)


@use_case
def end_other_sessions(*, user: User, keep: str, actor: Actor, now: datetime) -> int:
    """End every session of a person but the one that asks; return how many."""
    ended = _end_sessions(user=user, now=now, keep=keep)
    if ended:
        _audit_revoked(user=user, refs=ended, actor=actor, now=now)
    return len(ended)


# Keeps a session from ending before a transaction does, so that its end finds what it made.
SESSION_HELD = Found(
    lambda: (
        Session.objects.filter(ref=Parameter("session_ref", UUIDField()))
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
        .values_list("pk")[:1]
    )
)


@step
def hold_session(*, session_ref: str) -> None:
    """Keep a session from ending before this transaction does.

    Raises: SessionGoneError.
    """
    if not SESSION_HELD.run(session_ref=session_ref):
        raise SessionGoneError


_SESSION_FIELDS = {
    field.attname: Parameter(field.attname, field)
    for field in Session._meta.concrete_fields
    if not field.primary_key
}
_UPDATE_SESSION = Update(
    lambda: Session.objects.filter(session_key=Parameter("session_key", CharField())),
    **{name.removesuffix("_id"): place for name, place in _SESSION_FIELDS.items()},
)


def update_session(row: Session) -> bool:
    """Write a session's row anew, by one statement; tell whether it was still there."""
    shown = {name: getattr(row, name) for name in _SESSION_FIELDS}
    return bool(_UPDATE_SESSION.run(session_key=row.session_key, **shown))


@_joining
def touch_session(*, session_key: str, now: datetime) -> None:
    """Note that a session is in use. It ends when it would have."""
    Session.objects.filter(session_key=session_key).update(seen_at=now)


@use_case
def purge_sessions(*, now: datetime) -> int:
    """Delete sessions that ran out; return how many."""
    return Session.objects.filter(expire_date__lte=now).delete()[0]


def _end_sessions(
    *, user: User, now: datetime, keep: str = "", only: uuid.UUID | None = None
) -> list[str]:
    rows = Session.of_people.live(now).filter(user=user)
    if only:
        rows = rows.filter(ref=only)
    if keep:
        rows = rows.exclude(ref=keep)
    found = rows.order_by("session_key").values_list("session_key", "ref")
    keys = {key: str(ref) for key, ref in found}
    Session.objects.filter(session_key__in=keys).delete()
    for ref in keys.values():
        signals.session_ended.send(sender=User, user=user, session_ref=ref, now=now)
    return list(keys.values())


def _audit_revoked(*, user: User, refs: list[str], actor: Actor, now: datetime) -> None:
    for ref in refs:
        audit(
            SignInEvent.SESSION_REVOKED,
            actor=actor,
            now=now,
            target=user.ref,
            data={"session": ref},
        )


# --- Proofs --------------------------------------------------------------------------------------


@_joining
def set_password(
    *, user: User, password: str, is_reset: bool, keep_session: str, actor: Actor, now: datetime
) -> None:
    """Give a person a new password and end their other sessions."""
    user.set_password(password)
    user.save(update_fields=["password"])
    kind = CredentialEvent.PASSWORD_RESET if is_reset else CredentialEvent.PASSWORD_SET
    audit(kind, actor=actor, now=now, target=user.ref)
    ended = _end_sessions(user=user, now=now, keep=keep_session)
    _audit_revoked(user=user, refs=ended, actor=actor, now=now)


@_joining
def request_password_reset(*, user: User, url: str, actor: Actor, now: datetime) -> None:
    """Send a person the link that lets them choose a new password."""
    audit(CredentialEvent.PASSWORD_RESET_REQUESTED, actor=actor, now=now, target=user.ref)
    notifications.send_account_mail(
        "password_reset_key", to=user.email, user=user, context={"url": url}
    )


@_joining
def send_account_mail(*, name: str, to: str, user: User | None, context: dict[str, object]) -> None:
    """Send one of the sign-in library's mails, in our words, through the outbox."""
    notifications.send_account_mail(name, to=to, user=user, context=context)


@_joining
def record_email_verified(*, user: User, email: str, actor: Actor, now: datetime) -> None:
    """Log that a person can read an address's mail."""
    audit(
        CredentialEvent.EMAIL_VERIFIED,
        actor=actor,
        now=now,
        target=user.ref,
        data={"email": email},
    )


@_joining
def record_email_changed(
    *, user: User, before: str, after: str, actor: Actor, now: datetime
) -> None:
    """Log that a person signs in with another address."""
    audit(
        CredentialEvent.EMAIL_CHANGED,
        actor=actor,
        now=now,
        target=user.ref,
        data={"before": before, "after": after},
    )


@_joining
def record_second_factor(*, event_type: EventType, user: User, actor: Actor, now: datetime) -> None:
    """Log what happened to an authenticator app or to recovery codes, and tell the person."""
    audit(event_type, actor=actor, now=now, target=user.ref)
    if event_type == CredentialEvent.RECOVERY_CODES_GENERATED and not _had_totp(user, now):
        return  # they came with the app; one mail tells of both
    notifications.send_second_factor_mail(event_type, user=user, actor=actor, now=now)


def _had_totp(user: User, now: datetime) -> bool:
    rows = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP)
    return bool(rows.filter(created_at__lt=now).exists())


@use_case
def reseal_second_factors(*, actor: Actor, now: datetime) -> int:
    """Seal the secrets of authenticator apps and recovery codes with the newest encryption key.

    Returns how many there are. Raises: SealBrokenError.
    """
    count = 0
    rows = Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN)
    for row in rows.select_for_update(of=("self",)).order_by("pk"):
        row.data = {name: _reseal(name, value) for name, value in row.data.items()}
        row.save(update_fields=["data"])
        count += 1
    audit(CredentialEvent.SECOND_FACTORS_RESEALED, actor=actor, now=now, data={"count": count})
    return count


def _reseal(name: str, value: object) -> object:
    if name == "migrated_codes" and isinstance(value, list):
        return [reseal(code) for code in value]
    return reseal(value) if name in {"secret", "seed"} and isinstance(value, str) else value
