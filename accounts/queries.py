"""What is known of a person's proofs and sessions."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from allauth.account.authentication import (
    AUTHENTICATION_METHODS_SESSION_KEY,
    get_authentication_records,
)
from allauth.account.internal.stagekit import LOGIN_SESSION_KEY
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db.models import CharField, DateTimeField, Q, QuerySet, UUIDField
from django.http import HttpRequest  # noqa: TID251 (what a session proves is known by its request)

from accounts.models import Session, User
from vop.lib.statements import Parameter, Query

SESSION_FACTS = "vop_session"  # the key in the session: ref, at, ip, user_agent
ACR_ONE_FACTOR = "urn:vop:acr:one-factor"
ACR_TWO_FACTORS = "urn:vop:acr:two-factors"
_AMR = {"password": "pwd", "password_reset": "pwd", "code": "otp", "mfa": "otp"}


@dataclass(frozen=True, slots=True)
class Authentication:
    """When and how the person of a session proved who they are.

    `amr` has the values of RFC 8176, `mfa` among them once two kinds of proof were given;
    `acr` sums them up.
    """

    auth_time: datetime
    amr: tuple[str, ...]
    acr: str
    second_factor_at: datetime | None = None

    @property
    def has_second_factor(self) -> bool:
        """Tell whether two kinds of proof were given."""
        return "mfa" in self.amr


def get_authentication(request: HttpRequest) -> Authentication:
    """Return when and how the signed-in person of this session proved who they are.

    The library's records alone aren't enough: they are empty after a sign-up.
    """
    facts = request.session.get(SESSION_FACTS, {})
    records = get_authentication_records(request, request.user)
    times = [facts.get("at", 0.0), *(record["at"] for record in records)]
    seconds = [record["at"] for record in records if record["method"] == "mfa"]
    kinds = {_AMR[record["method"]] for record in records if record["method"] in _AMR}
    amr = (*sorted(kinds), "mfa") if len(kinds) > 1 else tuple(kinds)
    return Authentication(
        auth_time=datetime.fromtimestamp(max(times), UTC),
        amr=amr,
        acr=ACR_TWO_FACTORS if "mfa" in amr else ACR_ONE_FACTOR,
        second_factor_at=datetime.fromtimestamp(max(seconds), UTC) if seconds else None,
    )


def last_proof(session: Mapping[str, Any]) -> datetime:
    """Return when the person of a session last proved who they are, by what stands in it."""
    records = session.get(AUTHENTICATION_METHODS_SESSION_KEY, ())
    times = [session[SESSION_FACTS]["at"], *(record["at"] for record in records)]
    return datetime.fromtimestamp(max(times), UTC)


def get_session_ref(request: HttpRequest) -> str:
    """Return the opaque, stable name of this session, or nothing before anybody signed in."""
    ref: str = request.session.get(SESSION_FACTS, {}).get("ref", "")
    return ref


def read_sign_in_target(request: HttpRequest) -> str:
    """Return where the sign-in leads that waits for its next step, or nothing when none does."""
    waiting = request.session.get(LOGIN_SESSION_KEY)
    return (waiting.get("redirect_url") or "") if isinstance(waiting, dict) else ""


def has_fresh_proof(request: HttpRequest, *, now: datetime, within: timedelta) -> bool:
    """Tell whether the person of this session proved who they are that recently."""
    age: timedelta = now - get_authentication(request).auth_time
    return age < within


_FACTORS = Query(
    lambda: Authenticator.objects.filter(user_id=Parameter("user_id", UUIDField())).values_list(
        "type"
    )
)


def list_factors(user: User) -> frozenset[str]:
    """List the types of second factors that a person has."""
    return frozenset(kind for (kind,) in _FACTORS.all(user_id=user.pk))


def has_totp(user: User) -> bool:
    """Tell whether a person has an authenticator app."""
    return Authenticator.Type.TOTP in list_factors(user)


def without_second_factor(people: QuerySet[User]) -> QuerySet[User]:
    """Narrow people to those who have no authenticator app."""
    totp = Authenticator.objects.filter(type=Authenticator.Type.TOTP)
    return people.exclude(pk__in=totp.values("user_id"))


def list_places(people: QuerySet[User], *, at: datetime, limit: int) -> Sequence[tuple[User, str]]:
    """List from where some people are signed in now, the last seen first."""
    rows = Session.of_people.live(at).filter(user__in=people).exclude(ip=None)
    found = rows.select_related("user").defer("session_data").order_by("-seen_at", "session_key")
    return [(row.user, row.ip) for row in found[:limit] if row.user and row.ip]


def count_recovery_codes(user: User) -> int:
    """Count the recovery codes that a person hasn't used."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    return len(row.wrap().get_unused_codes()) if row else 0


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A session as its owner sees it."""

    row: Session
    is_current: bool


def list_sessions(user: User, *, current: str, now: datetime) -> list[OwnSession]:
    """List where a person is signed in: here first, then the last used."""
    rows = Session.of_people.live(now).filter(user=user).defer("session_data")
    found = [
        OwnSession(row, is_current=str(row.ref) == current)
        for row in rows.order_by("-seen_at", "session_key")
    ]
    return sorted(found, key=lambda session: not session.is_current)


# Asked at every page of a signed-in person: compiled once (docs/performance.md).
_SESSION = Query(
    lambda: Session.of_people.filter(
        session_key=Parameter("key", CharField()), expire_date__gt=Parameter("at", DateTimeField())
    )
)


_PERSON_FIELDS = (
    "sub", "email", "full_name", "language", "password", "is_active", "is_staff",
)  # fmt: skip
_ACTIVE_PERSON = Query(
    lambda: User.objects.filter(pk=Parameter("key", UUIDField()), is_active=True)
)


# A session with its person, to be read along with what a request is about.
SESSION_OF_PERSON: Query[Session] = Query(
    lambda: (
        Session.of_people.filter(
            session_key=Parameter("key", CharField()),
            expire_date__gt=Parameter("at", DateTimeField()),
            user__is_active=True,
        )
        .select_related("user")
        .only("session_data", "seen_at", *(f"user__{name}" for name in _PERSON_FIELDS))
    )
)


def is_session_key(text: str) -> bool:
    """Tell whether it looks like a key: a cookie may hold anything, NUL included."""
    return text.isascii() and text.isalnum()


def find_active_person(key: uuid.UUID) -> User | None:
    """Return the person of a session, as long as nobody disabled them."""
    return _ACTIVE_PERSON.first(key=key)


_ADDRESS = Query(
    lambda: EmailAddress.objects.filter(email=Parameter("email", CharField())).select_related(
        "user"
    )
)
_PERSON = Query(lambda: User.objects.filter(email=Parameter("email", CharField())))


def list_people_signing_in(email: str) -> Sequence[User]:
    """List whose address this is: who proved it, else everybody who may prove it yet.

    Each knows the address already, so that the later steps of the sign-in don't ask for it.
    """
    email = email.lower()
    rows = _ADDRESS.all(email=email)
    proved = [row for row in rows if row.verified]
    people = {}
    for row in proved or rows:
        user = cast("User", row.user)
        EmailAddress.objects.fill_cache_for_user(user, [row])
        people[user.pk] = user
    if not proved:
        for user in _PERSON.all(email=email):
            people.setdefault(user.pk, user)
    return list(people.values())


def find_session(key: str, *, at: datetime) -> Session | None:
    """Return the session of a browser's cookie as long as it hasn't run out."""
    return _SESSION.first(key=key, at=at)


def find_person(email: str) -> User | None:
    """Return the person of an address, whatever its case."""
    return User.objects.filter(email__iexact=email).first()


def watches_over_staff(user_id: str) -> bool:
    """Tell whether a member of staff may deal with colleagues' accounts."""
    rows = User.objects.filter(pk=user_id, is_active=True, is_staff=True)
    return rows.filter(Q(is_superuser=True) | Q(groups__name="security_ops")).exists()
