"""What a company asks of everybody who works for it."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.queries import list_places, without_second_factor
from auditlog.actors import Actor
from auditlog.operations import audit
from companies import signals
from companies.events import CompanyEvent
from companies.models import Company, Membership, Permission, Proof, Shortfall, is_within
from companies.operations.rules import check_may, lock_company
from vop.lib.db import use_case
from vop.lib.errors import DomainError, StaleError

NAMED = 20  # people whom a page of consequences names; the others it counts
_SESSIONS_LOOKED_AT = 2000


class OwnNetworkError(DomainError):
    message = _(
        "The address you have right now is in none of these networks: you'd shut yourself out."
    )


class OwnSecondFactorError(DomainError):
    message = _("Sign in with a second factor yourself first: without one you'd shut yourself out.")


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """The rules, as `parse_domains` and `parse_networks` return them; empty means no rule."""

    requires_second_factor: bool
    session_minutes: int | None
    email_domains: list[str]
    networks: list[str]


def check_own_way_in(facts: PolicyFacts, proof: Proof, *, at: datetime) -> None:
    """Refuse rules that would shut out whoever sets them; an old session is only asked again.

    Raises: OwnNetworkError, OwnSecondFactorError.
    """
    shortfall = Company(**asdict(facts)).find_shortfall(proof, at=at)
    if shortfall == Shortfall.NETWORK:
        raise OwnNetworkError
    if shortfall == Shortfall.SECOND_FACTOR:
        raise OwnSecondFactorError


@use_case
def change_policy(
    *,
    company: Company,
    facts: PolicyFacts,
    version: int,
    proof: Proof,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Company:
    """Set what a company asks from now on, as seen at a version, also of sessions that are open.

    Raises: NotAllowedError, OwnNetworkError, OwnSecondFactorError, StaleError.
    """
    company = lock_company(company.pk)
    check_may(acting, company, Permission.POLICY_UPDATE, at=now)
    check_own_way_in(facts, proof, at=now)
    wanted = asdict(facts)
    changes = {
        name: [_write(getattr(company, name)), _write(value)]
        for name, value in wanted.items()
        if getattr(company, name) != value
    }
    if not changes:
        return company
    if company.version != version:
        raise StaleError
    for name in changes:
        setattr(company, name, wanted[name])
    company.version = version + 1
    company.save(update_fields=[*changes, "version"])
    audit(
        CompanyEvent.POLICY_CHANGED,
        actor=actor,
        now=now,
        company=company.ref,
        data={"fields": sorted(changes), "changes": changes},
    )
    signals.policy_changed.send(sender=Company, company=company, actor=actor, now=now)
    return company


def _write(value: Any) -> str:
    """Return a rule as the log shows it."""
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value).lower()


@dataclass(frozen=True, slots=True)
class Met:
    """People whom a rule would meet: how many, and the first of them by name."""

    count: int
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class Consequences:
    """Whom security rules would meet as things are: nobody is told, nothing is changed."""

    without_second_factor: Met
    outside_networks: Met
    with_other_addresses: Met


def find_consequences(
    company_id: uuid.UUID, *, domains: Collection[str], networks: Collection[str], at: datetime
) -> Consequences:
    """Find whom security rules would meet; without domains or networks nobody is outside them."""
    people = User.objects.filter(
        is_active=True,
        pk__in=Membership.objects.in_force(at).filter(company_id=company_id).values("user_id"),
    )
    own = Q()
    for domain in domains:
        own |= Q(email__iendswith=f"@{domain}")
    return Consequences(
        without_second_factor=_meet(without_second_factor(people)),
        outside_networks=_meet_outside(people, networks, at),
        with_other_addresses=_meet(people.exclude(own)) if domains else Met(0, []),
    )


def _meet(people: QuerySet[User]) -> Met:
    first = people.order_by("full_name", "email", "pk")[:NAMED]
    return Met(people.count(), [user.display_name for user in first])


def _meet_outside(people: QuerySet[User], networks: Collection[str], at: datetime) -> Met:
    """Find who is signed in right now from an address outside of some networks, and only there."""
    if not networks:
        return Met(0, [])
    inside: dict[str, bool] = {}
    for user, ip in list_places(people, at=at, limit=_SESSIONS_LOOKED_AT):
        name = user.display_name
        inside[name] = inside.get(name, False) or is_within(ip, networks)
    outside = sorted(name for name, is_in in inside.items() if not is_in)
    return Met(len(outside), outside[:NAMED])
