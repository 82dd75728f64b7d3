"""Asking many clients for mandates, and assigning many people, at once: all of a table, or nothing.

Every party is locked, in the order of the keys, before the rows are judged and written.
"""

import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from auditlog.actors import Actor
from companies.models import Assignment, Block, Company, Mandate, Membership, Permission
from companies.operations import (
    AssignmentTooLongError,
    BlockedError,
    ForeignLeadError,
    MandateTerms,
    NotAllowedError,
    NotInFirmError,
    OwnAssignmentError,
    RowsRefusedError,
    check_dates,
    check_may,
    check_parties,
    lock_companies,
)
from companies.queries import find_active_members
from services.models import INCLUDED, Package
from services.operations.bulk_rows import ClientRow
from services.operations.mandates import (
    Answer,
    NothingChosenError,
    ServiceNotOfferedError,
    TextChangedError,
    assign_part,
    send_request,
)
from services.queries import CoveredService, map_covered
from services.rendering import make_consent
from vop.lib.clock import local_midnight
from vop.lib.db import use_case
from vop.lib.errors import DomainError

_DAY = timedelta(days=1)


class UnknownClientError(DomainError):
    message = gettext_lazy("No company with this number is registered here.")


class MandateExistsError(DomainError):
    message = gettext_lazy("There is a mandate, or a request for one, already.")


class NoMandateOfClientError(DomainError):
    message = gettext_lazy("The firm has no mandate in force for this client.")


class NobodyNamedError(DomainError):
    message = gettext_lazy("Write the e-mail address of an active member of the firm.")


class NothingCoveredError(DomainError):
    message = gettext_lazy("The mandate covers nothing of what was chosen.")


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """What every row asks for unless it says otherwise; `end` is when the last day is over."""

    firm: Company
    covered: Sequence[CoveredService]
    start: datetime
    end: datetime


def plan_requests(
    plan: RequestPlan, rows: Sequence[ClientRow], *, now: datetime
) -> tuple[list[MandateTerms], Mapping[int, str]]:
    """Return what would be asked for, and what is wrong with which row, by its line.

    Nothing is written. Four queries, whatever the number of rows.
    """
    known = _find_companies(rows)
    leads = find_active_members(plan.firm.pk, {row.email for row in rows if row.email}, at=now)
    pairs = Mandate.objects.open(now).filter(firm=plan.firm, client__in=known.values())
    taken = set(pairs.values_list("client_id", flat=True))
    terms: list[MandateTerms] = []
    faults: dict[int, str] = {}
    first: dict[str, int] = {}
    for row in rows:
        try:
            _check_row(row, first)
            wanted = _make_terms(plan, row, known.get(row.org_number), leads)
            check_parties(wanted.client, wanted.firm)
            check_dates(wanted, now)
            if wanted.client.pk in taken:
                raise MandateExistsError
        except DomainError as error:
            faults[row.line] = str(error.message)
        else:
            terms.append(wanted)
    return terms, faults


def sum_up(terms: Sequence[MandateTerms], covered: Sequence[CoveredService], *, method: str) -> str:
    """Return the hash over all texts that a yes to many requests agrees to."""
    found = hashlib.sha256()
    for each in terms:
        found.update(make_consent(each, covered, method=method).sha256.encode())
    return found.hexdigest()


@use_case
def request_mandates(
    *,
    plan: RequestPlan,
    rows: Sequence[ClientRow],
    answer: Answer,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> list[Mandate]:
    """Ask every client of a table for a mandate, or none.

    Raises: NotAllowedError, NothingChosenError, ServiceNotOfferedError, RowsRefusedError,
    TextChangedError, and what `companies.operations.open_request` does.
    """
    if not plan.covered:
        raise NothingChosenError
    if not all(each.service.is_active for each in plan.covered):
        raise ServiceNotOfferedError
    locked = lock_companies({plan.firm.pk, *(c.pk for c in _find_companies(rows).values())})
    check_may(acting, locked[plan.firm.pk], Permission.MANDATE_REQUEST, at=now)
    terms, faults = plan_requests(plan, rows, now=now)
    if faults:
        raise RowsRefusedError(faults)
    if sum_up(terms, plan.covered, method=answer.method) != answer.text_sha256:
        raise TextChangedError
    return [
        send_request(
            terms=each,
            covered=plan.covered,
            consent=make_consent(each, plan.covered, method=answer.method),
            acting=acting,
            actor=actor,
            now=now,
        )
        for each in terms
    ]


@dataclass(frozen=True, slots=True)
class PlannedAssignment:
    """Who is to work under which mandate, in what, until when."""

    mandate: Mandate
    member: Membership
    covered: Sequence[CoveredService]
    until: datetime


def plan_assignments(
    rows: Sequence[ClientRow],
    level: Package | None,
    *,
    acting: Membership,
    permissions: Collection[Permission],
    now: datetime,
) -> tuple[list[PlannedAssignment], Mapping[int, str]]:
    """Return who would be assigned, and what is wrong with which row, by its line.

    Without a level a person gets all that the mandate covers. Nothing is written; six queries.
    """
    firm = acting.company_id
    known = _find_companies(rows)
    people = find_active_members(firm, {row.email for row in rows if row.email}, at=now)
    held = Mandate.objects.in_force(now).filter(firm=firm, client__in=known.values())
    mandates = {mandate.client_id: mandate for mandate in held.with_parties().by_client()}
    covered = map_covered(list(mandates.values()))
    blocks = Block.objects.in_force(now).filter(company__in=mandates)
    blocked = set(blocks.values_list("company_id", "user_id"))
    planned: list[PlannedAssignment] = []
    faults: dict[int, str] = {}
    first: dict[str, int] = {}
    for row in rows:
        try:
            _check_row(row, first, person=row.email)
            mandate = _pick_mandate(row, known, mandates)
            is_theirs = mandate.lead_id == acting.pk
            if Permission.MANDATE_REQUEST not in permissions and not is_theirs:
                raise NotAllowedError
            member = _pick_person(row, mandate, people, blocked, acting)
            part = _narrow(covered[mandate.pk], level)
            until = _end_of(row, mandate, member, now)
        except DomainError as error:
            faults[row.line] = str(error.message)
        else:
            planned.append(PlannedAssignment(mandate, member, part, until))
    return planned, faults


@use_case
def assign_people(
    *,
    rows: Sequence[ClientRow],
    level: Package | None,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> list[Assignment]:
    """Assign everybody of a table, or nobody; what somebody had in a mandate before is replaced.

    Raises: NotAllowedError, RowsRefusedError, and what `companies.operations.open_assignment` does.
    """
    keys = {acting.company_id, *(company.pk for company in _find_companies(rows).values())}
    locked = lock_companies(keys)
    firm = locked[acting.company_id]
    permissions = check_may(acting, firm, Permission.ASSIGNMENT_CREATE, at=now)
    planned, faults = plan_assignments(rows, level, acting=acting, permissions=permissions, now=now)
    if faults:
        raise RowsRefusedError(faults)
    return [
        assign_part(
            mandate=each.mandate,
            membership=each.member,
            chosen={part.service: part.packages for part in each.covered},
            valid_until=each.until,
            acting=acting,
            actor=actor,
            now=now,
        )
        for each in planned
    ]


class _RowError(DomainError):
    message = gettext_lazy("The row can't be read.")


def _check_row(row: ClientRow, first: dict[str, int], *, person: str = "") -> None:
    """Refuse a row that couldn't be read, or that says again what another said."""
    if row.unread:
        raise _RowError(row.unread)
    line = first.setdefault(f"{row.org_number} {person}", row.line)
    if line != row.line:
        raise _RowError(_("The same as on line %(line)s.") % {"line": line})


def _find_companies(rows: Sequence[ClientRow]) -> dict[str, Company]:
    """Return the open companies of some rows by number; one that two countries have is left out."""
    found: dict[str, Company] = {}
    twice: set[str] = set()
    numbers = {row.org_number for row in rows if not row.unread}
    for company in Company.objects.open().filter(org_number__in=numbers).order_by("pk"):
        if company.org_number in found:
            twice.add(company.org_number)
        found[company.org_number] = company
    return {number: company for number, company in found.items() if number not in twice}


def _make_terms(
    plan: RequestPlan, row: ClientRow, client: Company | None, leads: Mapping[str, Membership]
) -> MandateTerms:
    if client is None:
        raise UnknownClientError
    if row.email and row.email not in leads:
        raise ForeignLeadError
    return MandateTerms(
        client=client,
        firm=plan.firm,
        side=Mandate.Side.FIRM,
        valid_from=local_midnight(row.first_day) if row.first_day else plan.start,
        valid_until=local_midnight(row.last_day + _DAY) if row.last_day else plan.end,
        lead=leads.get(row.email),
    )


def _pick_mandate(
    row: ClientRow, known: Mapping[str, Company], mandates: Mapping[uuid.UUID, Mandate]
) -> Mandate:
    client = known.get(row.org_number)
    if client is None:
        raise UnknownClientError
    mandate = mandates.get(client.pk)
    if mandate is None:
        raise NoMandateOfClientError
    return mandate


def _pick_person(
    row: ClientRow,
    mandate: Mandate,
    people: Mapping[str, Membership],
    blocked: Collection[tuple[object, object]],
    acting: Membership,
) -> Membership:
    if not row.email:
        raise NobodyNamedError
    member = people.get(row.email)
    if member is None:
        raise NotInFirmError
    if member.user_id == acting.user_id:
        raise OwnAssignmentError
    if (mandate.client_id, member.user_id) in blocked:
        raise BlockedError
    return member


def _narrow(covered: Sequence[CoveredService], level: Package | None) -> list[CoveredService]:
    if level is None:
        return list(covered)
    parts = [CoveredService(each.service, each.packages & INCLUDED[level]) for each in covered]
    found = [part for part in parts if part.packages]
    if not found:
        raise NothingCoveredError
    return found


def _end_of(row: ClientRow, mandate: Mandate, member: Membership, now: datetime) -> datetime:
    latest = min(mandate.ends_at, member.valid_until or mandate.ends_at)
    until = local_midnight(row.last_day + _DAY) if row.last_day else latest
    if not now < until <= latest:
        raise AssignmentTooLongError
    return until
