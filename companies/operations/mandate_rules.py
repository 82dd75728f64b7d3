"""What a mandate may be, what is refused and why, and the checks under both parties' locks."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.events import EventType
from auditlog.operations import audit
from companies.models import Company, Mandate, Membership, Permission
from companies.operations.rules import lock_companies, settled
from vop.lib.clock import add_months, local_date, local_midnight
from vop.lib.errors import DomainError

LAPSES_AFTER = timedelta(days=30)
DEFAULT_MONTHS = 12
MOST_MONTHS = 24
BEGINS_WITHIN = timedelta(days=366)


class NotAFirmError(DomainError):
    message = _("That company is not an accounting, audit or payroll firm.")


class OwnFirmError(DomainError):
    message = _("A company can't give a mandate to itself.")


class PartyClosedError(DomainError):
    message = _("One of the companies is closed.")


class AlreadyRequestedError(DomainError):
    message = _("There is a request already that waits for an answer. Withdraw it first.")


class MandateDatesError(DomainError):
    message = _("The last day must come after the first one.")


class StartPassedError(DomainError):
    message = _("The first day must be today or later, and within a year.")


class TooLongError(DomainError):
    message = _("A mandate lasts 24 months at most. Choose an earlier last day.")


class StartLaterError(DomainError):
    message = _("The firm has a mandate now: the new one takes its place and must begin today.")


class MandateGoneError(DomainError):
    message = _("This mandate has been answered, withdrawn or ended meanwhile.")


class OwnRequestError(DomainError):
    message = _("You asked for this mandate yourself: another owner has to approve it.")


class ForeignLeadError(DomainError):
    message = _("The engagement lead must be an active member of the firm.")


class NotReplaceableError(DomainError):
    message = _("That mandate can't be replaced: it has ended, or is of another company.")


class EndDateError(DomainError):
    message = _("Choose a day before the mandate ends anyway.")


@dataclass(frozen=True, slots=True)
class MandateTerms:
    """Who lets whom act, asked for by which side, in [valid_from, valid_until)."""

    client: Company
    firm: Company
    side: Mandate.Side
    valid_from: datetime
    valid_until: datetime
    lead: Membership | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """The text that a person said yes to, as they read it, and how they had proved who they are."""

    text: str
    version: str
    language: str
    method: str

    @property
    def sha256(self) -> str:
        """The hash that stands for the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Replacement:
    """Whose mandate gives way to a new one, and when: until then both firms may act."""

    mandate: Mandate
    at: datetime


def requesting_permission(side: Mandate.Side) -> Permission:
    """Return what asking for a mandate takes: to ask as the client is to consent."""
    return Permission.MANDATE_APPROVE if side == Mandate.Side.CLIENT else Permission.MANDATE_REQUEST


def audit_mandate(
    event: EventType,
    mandate: Mandate,
    *,
    actor: Actor,
    now: datetime,
    data: dict[str, object] | None = None,
) -> None:
    """Log what happened to a mandate where both parties can read it."""
    audit(
        event,
        actor=actor,
        now=now,
        company=mandate.client.ref,
        target=mandate.ref,
        data=data,
        also_visible_to=[mandate.firm_id],
    )


def lock_parties(client: Company, firm: Company) -> tuple[Company, Company]:
    """Hold both parties' rows."""
    locked = lock_companies({client.pk, firm.pk})
    return locked[client.pk], locked[firm.pk]


def load_mandate(mandate: Mandate, other: Mandate | None = None) -> Mandate:
    """Return a mandate under the locks of its parties, and of those of another mandate."""
    parties = {each_id for m in (mandate, other) if m for each_id in (m.client_id, m.firm_id)}
    lock_companies(parties)
    return (
        Mandate.objects.select_for_update(of=("self",), no_key=True)
        .with_parties()
        .get(pk=mandate.pk)
    )


def check_parties(client: Company, firm: Company) -> None:
    """Refuse what no firm and client are.

    Raises: OwnFirmError, NotAFirmError, PartyClosedError.
    """
    if client.pk == firm.pk:
        raise OwnFirmError
    if not firm.is_firm:
        raise NotAFirmError
    if client.closed_at is not None or firm.closed_at is not None:
        raise PartyClosedError


def check_dates(terms: MandateTerms, now: datetime) -> None:
    """Refuse a mandate that begins too early or late, ends before that, or lasts too long.

    Raises: StartPassedError, MandateDatesError, TooLongError.
    """
    today = local_midnight(local_date(now))
    if not today <= terms.valid_from <= now + BEGINS_WITHIN:
        raise StartPassedError
    if terms.valid_until <= max(terms.valid_from, now):
        raise MandateDatesError
    longest = add_months(local_date(terms.valid_from), MOST_MONTHS)
    if terms.valid_until > local_midnight(longest):
        raise TooLongError


def check_terms(terms: MandateTerms, *, now: datetime) -> None:
    """Tell beforehand whether a request would be refused for its parties, dates or lead.

    Raises: OwnFirmError, NotAFirmError, PartyClosedError, StartPassedError, MandateDatesError,
    TooLongError, ForeignLeadError.
    """
    check_parties(terms.client, terms.firm)
    check_dates(terms, now)
    check_lead(terms.lead, terms.firm, now)


def check_lead(lead: Membership | None, firm: Company, now: datetime) -> None:
    """Refuse a lead who isn't an active member of the firm.

    Raises: ForeignLeadError.
    """
    if lead is None:
        return
    current = Membership.objects.in_force(settled(now)).filter(pk=lead.pk, company=firm)
    if not current.filter(user__is_active=True).exists():
        raise ForeignLeadError


def check_pending(mandate: Mandate, now: datetime) -> None:
    """Refuse to answer what can't be answered any more.

    Raises: MandateGoneError.
    """
    is_open = mandate.approved_at is None and mandate.ended_at is None
    if not is_open or mandate.is_over(now) or mandate.valid_until <= now:
        raise MandateGoneError
