"""Importing companies and members: all of a table, or nothing and a fault for each wrong row."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from django.db import IntegrityError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.operations import NewPerson, create_people
from auditlog.actors import Actor
from auditlog.operations import Entry, audit, audit_each
from companies import notifications
from companies.events import CompanyEvent, MemberEvent
from companies.models import FIRM_ROLES, Company, Membership, Role, RoleGrant
from companies.operations.import_rows import ImportRow
from companies.operations.rules import (
    AUDITOR_DAYS,
    AlreadyMemberError,
    EmailDomainError,
    FirmRoleError,
    RowsRefusedError,
    settled,
)
from vop.lib import jobs
from vop.lib.clock import local_date, local_midnight
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError

MAILS_AT_ONCE: Final = 100
_Key = tuple[str, str]


class ImportOvertakenError(DomainError):
    message = gettext_lazy(
        "Somebody registered one of these companies or people meanwhile. Nothing is imported; "
        "check the file again."
    )


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import makes, or would make."""

    companies: int
    people: int
    members: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What is here already of what a table names."""

    companies: Mapping[_Key, Company]
    people: Mapping[str, User]
    members: frozenset[tuple[uuid.UUID, str]]


@dataclass(slots=True)
class _Group:
    """The rows about one company, and what they say of it; the first to say something counts."""

    rows: list[ImportRow] = field(default_factory=list)

    def first(self, name: str) -> str:
        """Return the first text of a column that isn't blank."""
        return next((text for row in self.rows if (text := getattr(row, name))), "")


def check_import(
    *, rows: Sequence[ImportRow], now: datetime
) -> tuple[ImportReport, Mapping[int, str]]:
    """Tell what an import would make, and what is wrong with which row, by its line.

    Nothing is written. Three queries, whatever the number of rows.
    """
    known = _load(rows, now, is_held=False)
    return _count(rows, known), _find_faults(rows, known, now)


def import_companies(*, rows: Sequence[ImportRow], actor: Actor, now: datetime) -> ImportReport:
    """Register every company and member of a table, or nothing; each person gets one mail.

    Raises: RowsRefusedError, ImportOvertakenError.
    """
    try:
        return _import(rows=rows, actor=actor, now=now)
    except IntegrityError as error:  # two imports, or an import and a registration, at once
        raise ImportOvertakenError from error


@use_case
def _import(*, rows: Sequence[ImportRow], actor: Actor, now: datetime) -> ImportReport:
    known = _load(rows, now, is_held=True)
    faults = _find_faults(rows, known, now)
    if faults:
        raise RowsRefusedError(faults)
    report = _count(rows, known)
    _register(rows, known, actor=actor, now=now)
    audit(
        CompanyEvent.IMPORTED,
        actor=actor,
        now=now,
        data={"companies": report.companies, "people": report.people, "members": report.members},
    )
    return report


@use_case
def welcome_imported(*, membership_ids: Iterable[uuid.UUID]) -> None:
    """Tell people by mail which companies they are in now. A mail that was sent isn't sent again.

    All memberships of a person are in the same call, by the order of `import_companies`.
    """
    rows = Membership.objects.filter(pk__in=membership_ids).select_related("user", "company")
    of_person: dict[User, list[Membership]] = {}
    for membership in rows.order_by("company__name", "pk"):
        of_person.setdefault(membership.user, []).append(membership)
    for user, memberships in of_person.items():
        notifications.send_imported(user, memberships)


def _load(rows: Sequence[ImportRow], now: datetime, *, is_held: bool) -> _Known:
    numbers = {row.org_number for row in rows}
    emails = {row.email for row in rows}
    found = Company.objects.filter(org_number__in=numbers).order_by("pk")
    if is_held:  # what happens to their members queues up here
        found = found.select_for_update(of=("self",), no_key=True)
    companies = {(company.country, company.org_number): company for company in found}
    members = Membership.objects.open(settled(now)).filter(
        company__in=[company.pk for company in companies.values()], user__email__in=emails
    )
    return _Known(
        companies=companies,
        people={user.email: user for user in User.objects.filter(email__in=emails)},
        members=frozenset(members.values_list("company_id", "user__email")),
    )


def _group(rows: Sequence[ImportRow]) -> dict[_Key, _Group]:
    groups: dict[_Key, _Group] = {}
    for row in rows:
        if row.org_number:
            groups.setdefault(row.key, _Group()).rows.append(row)
    return groups


def _count(rows: Sequence[ImportRow], known: _Known) -> ImportReport:
    return ImportReport(
        companies=len(_group(rows).keys() - known.companies.keys()),
        people=len({row.email for row in rows} - known.people.keys()),
        members=len(rows),
    )


# --- What is wrong -------------------------------------------------------------------------------


def _find_faults(rows: Sequence[ImportRow], known: _Known, now: datetime) -> dict[int, str]:
    faults: dict[int, list[str]] = {row.line: list(row.unread) for row in rows}
    today = local_date(now)
    for key, group in _group(rows).items():
        company = known.companies.get(key)
        faults[group.rows[0].line] += _judge_company(group, company)
        is_firm = company.is_firm if company else bool(group.first("firm_kind"))
        first: dict[str, int] = {}
        for row in group.rows:
            faults[row.line] += _judge_name(row, group, company)
            faults[row.line] += _judge_member(row, company, known, first)
            if not is_firm and FIRM_ROLES & row.roles:
                faults[row.line].append(str(FirmRoleError.message))
            first.setdefault(row.email, row.line)
    for row in rows:
        faults[row.line] += _judge_dates(row, today)
    return {line: " ".join(texts) for line, texts in faults.items() if texts}


def _judge_company(group: _Group, company: Company | None) -> Iterable[str]:
    if company is not None:
        if company.closed_at is not None:
            yield _("This company is closed.")
        return
    if not group.first("company"):
        yield _("This company is new here: write its name in one of its rows.")
    if not any(row.is_lasting_owner for row in group.rows):
        yield _("This company is new here: make somebody its owner, without From and Until.")


def _judge_name(row: ImportRow, group: _Group, company: Company | None) -> Iterable[str]:
    name = company.name if company else group.first("company")
    if row.company and row.company.casefold() != name.casefold():
        yield _("The company with this number is called %(name)s.") % {"name": name}


def _judge_member(
    row: ImportRow, company: Company | None, known: _Known, first: Mapping[str, int]
) -> Iterable[str]:
    if company and (company.pk, row.email) in known.members:
        yield str(AlreadyMemberError.message)
    if company and not company.lets_in_address(row.email):
        yield str(EmailDomainError.message)
    if row.email in first:
        yield _("The same person as on line %(line)s.") % {"line": first[row.email]}
    person = known.people.get(row.email)
    if person and not person.is_active:
        yield _("This person's account is disabled.")


def _judge_dates(row: ImportRow, today: date) -> Iterable[str]:
    starts_on = row.starts_on or today
    if starts_on < today:
        yield _("The start has passed. Leave it empty to start now.")
    if row.last_day and row.last_day < starts_on:
        yield _("The end comes before the start.")


# --- Doing it ------------------------------------------------------------------------------------


@step
def _register(rows: Sequence[ImportRow], known: _Known, *, actor: Actor, now: datetime) -> None:
    groups = _group(rows)
    people = {**known.people, **_create_people(rows, groups, known, actor=actor, now=now)}
    companies = {**known.companies}
    for key, group in groups.items():
        companies.setdefault(key, _describe(key, group, now))
    members = [_describe_member(row, companies[row.key], people[row.email], now) for row in rows]
    new = [companies[key] for key in groups.keys() - known.companies.keys()]
    for row, member in zip(reversed(rows), reversed(members), strict=True):
        if row.is_lasting_owner and row.key not in known.companies:
            companies[row.key].main_contact = member  # the first of them has the last word
    # Each needs the other: the database checks both at the commit.
    Company.objects.bulk_create(new)
    Membership.objects.bulk_create(members)
    grants = [
        grant
        for row, member in zip(rows, members, strict=True)
        for grant in _describe_grants(row, member)
    ]
    RoleGrant.objects.bulk_create(grants)
    _tell_log(new, members, grants, actor=actor, now=now)
    _ask_for_mails(members)


@step
def _create_people(
    rows: Sequence[ImportRow],
    groups: Mapping[_Key, _Group],
    known: _Known,
    *,
    actor: Actor,
    now: datetime,
) -> dict[str, User]:
    named: dict[str, NewPerson] = {}
    for row in rows:
        company = known.companies.get(row.key)
        language = company.language if company else groups[row.key].first("language") or "sv"
        earlier = named.get(row.email)
        if row.email not in known.people and (earlier is None or not earlier.full_name):
            named[row.email] = NewPerson(row.email, row.full_name, language)
    created = create_people(people=list(named.values()), actor=actor, now=now)
    return {user.email: user for user in created}


def _describe(key: _Key, group: _Group, now: datetime) -> Company:
    country, org_number = key
    return Company(
        name=group.first("company"),
        country=country,
        org_number=org_number,
        vat_number=group.first("vat_number"),
        firm_kind=group.first("firm_kind"),
        language=group.first("language") or "sv",
        created_at=now,
    )


def _describe_member(row: ImportRow, company: Company, user: User, now: datetime) -> Membership:
    is_later = row.starts_on is not None and row.starts_on > local_date(now)
    return Membership(
        company=company,
        user=user,
        valid_from=local_midnight(row.starts_on) if row.starts_on and is_later else now,
        valid_until=local_midnight(row.last_day + timedelta(days=1)) if row.last_day else None,
    )


def _describe_grants(row: ImportRow, member: Membership) -> Iterable[RoleGrant]:
    for role in sorted(row.roles):
        until = member.valid_until
        if role == Role.AUDITOR and until is None:
            until = member.valid_from + timedelta(days=AUDITOR_DAYS)
        yield RoleGrant(
            membership=member, role=role, valid_from=member.valid_from, valid_until=until
        )


@step
def _tell_log(
    companies: Sequence[Company],
    members: Sequence[Membership],
    grants: Sequence[RoleGrant],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    registered = [Entry(company.ref, company.ref, {}) for company in companies]
    audit_each(CompanyEvent.REGISTERED, registered, actor=actor, now=now)
    added = [Entry(each.company.ref, each.user.ref, _tell_dates(each, now)) for each in members]
    audit_each(MemberEvent.ADDED, added, actor=actor, now=now)
    given = [
        Entry(
            grant.membership.company.ref,
            grant.membership.user.ref,
            {"role": grant.role, "until": grant.valid_until},
        )
        for grant in grants
    ]
    audit_each(MemberEvent.ROLE_GRANTED, given, actor=actor, now=now)


def _tell_dates(member: Membership, now: datetime) -> dict[str, datetime]:
    dates = {} if member.valid_from == now else {"from": member.valid_from}
    return dates | ({"until": member.valid_until} if member.valid_until else {})


@step
def _ask_for_mails(members: Iterable[Membership]) -> None:
    of_person: dict[uuid.UUID, list[str]] = {}
    for member in members:
        of_person.setdefault(member.user_id, []).append(str(member.pk))
    people = list(of_person.values())
    for start in range(0, len(people), MAILS_AT_ONCE):
        some = [key for keys in people[start : start + MAILS_AT_ONCE] for key in keys]
        jobs.enqueue("companies.welcome_imported", membership_ids=some)
