"""Mandates with what they cover, and who in the firm may use which part of it.

The parties, dates and rights are decided in the room below (companies.operations), in the same
transaction and under its locks; here the items are written and the text that people agree to.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from auditlog.actors import Actor
from companies.models import Assignment, Mandate, Membership
from companies.operations import (
    BlockedError,
    Consent,
    MandateTerms,
    NotInFirmError,
    OpenedAssignment,
    Replacement,
    announce_end,
    open_assignment,
    open_request,
    place,
    settle,
    take_up,
)
from services.models import AssignmentItem, MandateItem, Package, Service
from services.queries import CoveredService, list_covered, map_assigned
from services.rendering import make_consent
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError


class NothingChosenError(DomainError):
    message = _("Choose at least one service and what may be done in it.")


class ServiceNotOfferedError(DomainError):
    message = _("One of the services is not offered any more.")


class TextChangedError(DomainError):
    message = _("The text of the mandate has changed since you read it. Read it again.")


class WiderThanMandateError(DomainError):
    message = _("The mandate does not cover all of that.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person did with the text in front of them: its hash, and how they are signed in."""

    text_sha256: str
    method: str


@use_case
def request_mandate(
    *,
    terms: MandateTerms,
    covered: Collection[CoveredService],
    answer: Answer,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Mandate:
    """Ask the other side for a mandate over some services, as its text says.

    Raises: NothingChosenError, ServiceNotOfferedError, TextChangedError, and what
    `companies.operations.open_request` does.
    """
    if not any(each.packages for each in covered):
        raise NothingChosenError
    if not all(each.service.is_active for each in covered):
        raise ServiceNotOfferedError
    return send_request(
        terms=terms,
        covered=covered,
        consent=_agree(terms, covered, answer),
        acting=acting,
        actor=actor,
        now=now,
    )


@step
def send_request(
    *,
    terms: MandateTerms,
    covered: Collection[CoveredService],
    consent: Consent,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Mandate:
    """Write a request and what it covers.

    Raises: what `companies.operations.open_request` does.
    """
    mandate = open_request(terms=terms, consent=consent, acting=acting, actor=actor, now=now)
    MandateItem.objects.bulk_create(
        MandateItem(mandate=mandate, service=each.service, package=package)
        for each in covered
        for package in sorted(each.packages)
    )
    return mandate


@use_case
def approve_mandate(
    *,
    mandate: Mandate,
    answer: Answer,
    acting: Membership,
    actor: Actor,
    now: datetime,
    replacement: Replacement | None = None,
) -> Mandate:
    """Say yes to a mandate as its text says; it holds from now or from its start, if later.

    The pair's former mandate ends, and what its people did goes on as far as the new one covers
    it. The lead whom the firm named is assigned by the client's yes. With a `replacement` another
    firm's mandate ends when the overlap is over.

    Raises: TextChangedError, and what `companies.operations.take_up` does.
    """
    consent = _agree(describe_terms(mandate), list_covered(mandate), answer)
    approved, former = take_up(
        mandate=mandate,
        consent=consent,
        replacement=replacement,
        acting=acting,
        actor=actor,
        now=now,
    )
    if former is not None:
        _carry_over(former, approved, actor=actor, now=now)
        settle(former, actor=actor, now=now)
    if approved.lead is not None:
        _assign_lead(approved, approved.lead, assigned_by=acting.user, actor=actor, now=now)
    return approved


@use_case
def assign_person(
    *,
    mandate: Mandate,
    membership: Membership,
    chosen: Mapping[Service, Collection[Package]],
    valid_until: datetime,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Assignment:
    """Have a member of the firm work for a client, in a part of the mandate, until an instant.

    What they had in the mandate before ends with it.

    Raises: NothingChosenError, WiderThanMandateError, and what
    `companies.operations.open_assignment` does.
    """
    return assign_part(
        mandate=mandate,
        membership=membership,
        chosen=chosen,
        valid_until=valid_until,
        acting=acting,
        actor=actor,
        now=now,
    )


@step
def assign_part(
    *,
    mandate: Mandate,
    membership: Membership,
    chosen: Mapping[Service, Collection[Package]],
    valid_until: datetime,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Assignment:
    """Do what `assign_person` does, as a part of something larger.

    Raises: as `assign_person`.
    """
    if not any(chosen.values()):
        raise NothingChosenError
    opened = open_assignment(
        mandate=mandate,
        membership=membership,
        valid_until=valid_until,
        acting=acting,
        actor=actor,
        now=now,
    )
    wanted = {
        (service.pk, package.value) for service, packages in chosen.items() for package in packages
    }
    return _fill(opened, wanted, actor=actor, now=now)


def describe_terms(mandate: Mandate) -> MandateTerms:
    """Return the terms that a mandate was asked for with."""
    return MandateTerms(
        client=mandate.client,
        firm=mandate.firm,
        side=Mandate.Side(mandate.requested_side),
        valid_from=mandate.valid_from,
        valid_until=mandate.valid_until,
        lead=mandate.lead,
    )


def _agree(terms: MandateTerms, covered: Collection[CoveredService], answer: Answer) -> Consent:
    """Return the consent to the text as it is now, if that is what the person read."""
    consent = make_consent(terms, covered, method=answer.method)
    if consent.sha256 != answer.text_sha256:
        raise TextChangedError
    return consent


@step
def _fill(
    opened: OpenedAssignment,
    wanted: Collection[tuple[uuid.UUID, str]],
    *,
    actor: Actor,
    now: datetime,
) -> Assignment:
    """Write the items of a new assignment, then tell of the end of the one it replaces."""
    items = {
        (item.service_id, item.package): item
        for item in MandateItem.objects.filter(mandate=opened.assignment.mandate_id)
    }
    if not set(wanted) <= items.keys():
        raise WiderThanMandateError
    AssignmentItem.objects.bulk_create(
        AssignmentItem(assignment=opened.assignment, item=items[key])
        for key in sorted(wanted, key=str)
    )
    if opened.former is not None:
        announce_end(opened.former, actor=actor, now=now)
    return opened.assignment


def _carry_over(former: Mandate, heir: Mandate, *, actor: Actor, now: datetime) -> None:
    """Let the former mandate's people go on under the new one, no wider than either."""
    covered = _pairs(list_covered(heir))
    held = list(former.assignments.not_ended(now).with_names().order_by("pk"))
    parts = map_assigned(held)
    for assignment in held:
        wanted = _pairs(parts[assignment.pk]) & covered
        was_to_the_end = assignment.valid_until == former.valid_until
        until = heir.ends_at if was_to_the_end else min(assignment.valid_until, heir.ends_at)
        member = assignment.membership
        until = min(until, member.valid_until or until)
        if not wanted or until <= now:
            continue
        _place(heir, member, until, assignment.assigned_by, wanted, actor=actor, now=now)


def _assign_lead(
    mandate: Mandate, lead: Membership, *, assigned_by: User, actor: Actor, now: datetime
) -> None:
    """Give the lead everything in the mandate: the other side read their name in the text."""
    is_carried = mandate.assignments.filter(membership=lead, ended_at=None).exists()
    if is_carried or lead.user_id == assigned_by.pk:
        return
    until = min(mandate.ends_at, lead.valid_until or mandate.ends_at)
    wanted = _pairs(list_covered(mandate))
    _place(mandate, lead, until, assigned_by, wanted, actor=actor, now=now)


def _place(
    mandate: Mandate,
    member: Membership,
    until: datetime,
    assigned_by: User,
    wanted: Collection[tuple[uuid.UUID, str]],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    try:
        opened = place(
            mandate=mandate,
            membership=member,
            valid_until=until,
            assigned_by=assigned_by,
            actor=actor,
            now=now,
        )
    except (NotInFirmError, BlockedError):
        return  # they left the firm, or the client shut them out: there is nothing to go on with
    _fill(opened, wanted, actor=actor, now=now)


def _pairs(covered: Collection[CoveredService]) -> set[tuple[uuid.UUID, str]]:
    return {(each.service.pk, package.value) for each in covered for package in each.packages}
