"""Mandates: asked for by one side, approved by the other, over by a date or by either side.

Both companies are locked, in the order of their keys, before anything is decided: what a mandate
may be, who may say so, and that neither party closes meanwhile. What it covers is written by the
room above in the same transaction (services.operations.mandates).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.events import EventType
from auditlog.operations import audit
from companies import notifications, signals
from companies.events import MandateEvent
from companies.models import Company, Mandate, MandateConsent, Membership, Permission
from companies.operations.assignments import end_assignments
from companies.operations.rules import check_may, lock_companies, settled
from vop.lib.clock import add_months, local_date, local_midnight
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError

LAPSES_AFTER = timedelta(days=30)
DEFAULT_MONTHS = 12
MOST_MONTHS = 24
BEGINS_WITHIN = timedelta(days=366)
REMINDERS = {"month_reminder_at": timedelta(days=30), "week_reminder_at": timedelta(days=7)}
_EVENT_OF_END: dict[str, EventType] = {
    Mandate.End.DECLINED: MandateEvent.DECLINED,
    Mandate.End.WITHDRAWN: MandateEvent.WITHDRAWN,
    Mandate.End.LAPSED: MandateEvent.LAPSED,
    Mandate.End.EXPIRED: MandateEvent.EXPIRED,
    Mandate.End.SUPERSEDED: MandateEvent.SUPERSEDED,
}


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


@step
def open_request(
    *, terms: MandateTerms, consent: Consent, acting: Membership, actor: Actor, now: datetime
) -> Mandate:
    """Ask the other side for a mandate; unanswered it lapses after 30 days.

    Raises: NotAllowedError, OwnFirmError, NotAFirmError, PartyClosedError, MandateDatesError,
    StartPassedError, TooLongError, StartLaterError, ForeignLeadError, AlreadyRequestedError.
    """
    client, firm = _lock_parties(terms.client, terms.firm)
    party = client if terms.side == Mandate.Side.CLIENT else firm
    check_may(acting, party, requesting_permission(terms.side), at=now)
    _check_parties(client, firm)
    _check_dates(terms, now)
    _check_lead(terms.lead, firm, now)
    pair = Mandate.objects.filter(client=client, firm=firm, ended_at=None)
    if pair.filter(approved_at=None, answer_by__gt=now).exists():
        raise AlreadyRequestedError
    for lapsed in pair.filter(approved_at=None).with_parties():
        _end(lapsed, at=lapsed.answer_by, reason=Mandate.End.LAPSED, actor=Actor.system(), now=now)
    if pair.filter(approved_at__isnull=False, valid_until__gt=now).exists() and (
        terms.valid_from > now
    ):
        raise StartLaterError
    mandate = Mandate.objects.create(
        client=client,
        firm=firm,
        lead=terms.lead,
        requested_side=terms.side,
        requested_by=acting.user,
        requested_at=now,
        answer_by=now + LAPSES_AFTER,
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
    )
    _write_consent(mandate, terms.side, consent, acting, now)
    audit_mandate(
        MandateEvent.REQUESTED,
        mandate,
        actor=actor,
        now=now,
        data={
            "side": terms.side.value,
            "from": terms.valid_from,
            "until": terms.valid_until,
            "text_sha256": consent.sha256,
        },
    )
    notifications.send_mandate_request(mandate, at=now)
    return mandate


@step
def take_up(
    *,
    mandate: Mandate,
    consent: Consent,
    replacement: Replacement | None,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> tuple[Mandate, Mandate | None]:
    """Approve a mandate; return it and the pair's former one, which ends with it.

    The former one is over but not settled: its assignments are the caller's to carry over before
    `settle` ends them, so that nobody loses for a moment what the new one gives them.

    Raises: NotAllowedError, MandateGoneError, OwnRequestError, PartyClosedError, NotAFirmError,
    NotReplaceableError, EndDateError.
    """
    current = _load(mandate, replacement.mandate if replacement else None)
    _check_pending(current, now)
    party = current.party(current.answering_side)
    check_may(acting, party, Permission.MANDATE_APPROVE, at=now)
    if current.requested_by_id == acting.user_id:
        raise OwnRequestError
    _check_parties(current.client, current.firm)
    old = _check_replacement(current, replacement, acting, now) if replacement else None
    former = _supersede(current, actor=actor, now=now)
    current.replaces = old
    current.approved_at, current.approved_by = now, acting.user
    current.save(update_fields=["approved_at", "approved_by", "replaces"])
    _write_consent(current, current.answering_side, consent, acting, now)
    audit_mandate(
        MandateEvent.APPROVED,
        current,
        actor=actor,
        now=now,
        data={
            "from": current.valid_from,
            "until": current.valid_until,
            "text_sha256": consent.sha256,
        },
    )
    notifications.send_mandate_approved(current, at=now)
    if old is not None and replacement is not None:
        at = max(replacement.at, now)
        _end_by(acting, old, at=at, reason=Mandate.End.REPLACED, actor=actor, now=now)
    return current, former


@use_case
def decline_mandate(
    *, mandate: Mandate, acting: Membership, actor: Actor, now: datetime
) -> Mandate:
    """Say no to a request.

    Raises: NotAllowedError, MandateGoneError.
    """
    current = _load(mandate)
    _check_pending(current, now)
    party = current.party(current.answering_side)
    check_may(acting, party, Permission.MANDATE_APPROVE, at=now)
    return _end_by(acting, current, at=now, reason=Mandate.End.DECLINED, actor=actor, now=now)


@use_case
def withdraw_mandate(
    *, mandate: Mandate, acting: Membership, actor: Actor, now: datetime
) -> Mandate:
    """Take a request back before it is answered.

    Raises: NotAllowedError, MandateGoneError.
    """
    current = _load(mandate)
    _check_pending(current, now)
    side = Mandate.Side(current.requested_side)
    check_may(acting, current.party(side), requesting_permission(side), at=now)
    return _end_by(acting, current, at=now, reason=Mandate.End.WITHDRAWN, actor=actor, now=now)


@use_case
def end_mandate(
    *,
    mandate: Mandate,
    acting: Membership,
    actor: Actor,
    now: datetime,
    at: datetime | None = None,
) -> Mandate:
    """End a mandate from either side: now, or at an instant before its agreed end.

    Nothing is deleted: what the firm did stays with the client.

    Raises: NotAllowedError, MandateGoneError, EndDateError.
    """
    current = _load(mandate)
    # Settled at all: maybe while we waited for the lock, at a later instant than ours.
    if current.approved_at is None or current.settled_at is not None or current.is_over(now):
        raise MandateGoneError
    side = current.side_of(acting.company_id)
    check_may(acting, current.party(side), Permission.MANDATE_END, at=now)
    at = max(at or now, now)
    if at > now and at >= current.ends_at:
        raise EndDateError
    is_client = side == Mandate.Side.CLIENT
    reason = Mandate.End.BY_CLIENT if is_client else Mandate.End.BY_FIRM
    return _end_by(acting, current, at=at, reason=reason, actor=actor, now=now)


@use_case
def change_lead(
    *,
    mandate: Mandate,
    lead: Membership | None,
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> Mandate:
    """Make another member of the firm responsible for a client, or nobody. It gives no access.

    Raises: NotAllowedError, MandateGoneError, ForeignLeadError.
    """
    current = _load(mandate)
    check_may(acting, current.firm, Permission.MANDATE_REQUEST, at=now)
    if current.is_over(now):
        raise MandateGoneError
    _check_lead(lead, current.firm, now)
    current.lead = lead
    current.save(update_fields=["lead"])
    audit_mandate(
        MandateEvent.LEAD_CHANGED,
        current,
        actor=actor,
        now=now,
        data={"lead": str(lead.pk) if lead else None},
    )
    return current


@step
def settle(mandate: Mandate, *, actor: Actor, now: datetime) -> None:
    """Do what follows from the end of a mandate: assignments end, and those above hear of it."""
    end_assignments(
        mandate.assignments.filter(ended_at=None), reason="mandate_ended", actor=actor, now=now
    )
    mandate.settled_at = now
    mandate.save(update_fields=["settled_at"])
    if mandate.approved_at is None:
        return
    signals.mandate_ended.send(sender=Mandate, mandate=mandate, actor=actor, now=now)
    if mandate.end_reason == Mandate.End.REPLACED:
        heir = mandate.replaced_by.with_parties().filter(approved_at__isnull=False).get()
        signals.firm_replaced.send(sender=Mandate, old=mandate, new=heir, actor=actor, now=now)


def settle_overdue(*, now: datetime) -> int:
    """Settle what ended by a date, each in a transaction of its own; return how many."""
    found = Mandate.objects.overdue(now).order_by("valid_until", "pk")
    return sum(_settle_one(mandate=mandate, now=now) for mandate in list(found[:500]))


def remind_of_ends(*, now: datetime) -> int:
    """Tell both sides of mandates that end within 30 and within 7 days, once each."""
    count = 0
    for field, ahead in REMINDERS.items():
        due = Mandate.objects.in_force(now).filter(
            **{field: None}, valid_until__lte=now + ahead, ended_at=None
        )
        for mandate in list(due.order_by("valid_until", "pk")[:500]):
            count += _remind(mandate=mandate, field=field, ahead=ahead, now=now)
    return count


@use_case
def _settle_one(*, mandate: Mandate, now: datetime) -> bool:
    current = _load(mandate)
    if current.settled_at is not None or not current.is_over(now):
        return False
    system = Actor.system()
    if current.ended_at is None:
        was_asked = current.approved_at is None
        reason = Mandate.End.LAPSED if was_asked else Mandate.End.EXPIRED
        at = current.answer_by if was_asked else current.valid_until
        _end(current, at=at, reason=reason, actor=system, now=now)
    settle(current, actor=system, now=now)
    return True


@use_case
def _remind(*, mandate: Mandate, field: str, ahead: timedelta, now: datetime) -> bool:
    """Send one reminder; the row decides who sends it, however often this runs."""
    mine = Mandate.objects.filter(pk=mandate.pk, ended_at=None, **{field: None})
    if not mine.update(**{field: now}):
        return False
    current = Mandate.objects.with_parties().get(pk=mandate.pk)
    agreed = current.approved_at
    was_shorter = agreed is not None and agreed > current.valid_until - ahead
    nearer = current.valid_until <= now + REMINDERS["week_reminder_at"]
    if was_shorter or (nearer and field == "month_reminder_at"):
        return False  # it was never that far away, or the nearer reminder says it now
    days = (local_date(current.valid_until) - local_date(now)).days
    audit_mandate(
        MandateEvent.EXPIRY_WARNED,
        current,
        actor=Actor.system(),
        now=now,
        data={"until": current.valid_until, "days": days},
    )
    notifications.send_mandate_reminder(current, days=days, at=now)
    return True


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


# --- Checks, under both companies' locks ----------------------------------------------------------


def _lock_parties(client: Company, firm: Company) -> tuple[Company, Company]:
    locked = lock_companies({client.pk, firm.pk})
    return locked[client.pk], locked[firm.pk]


def _load(mandate: Mandate, other: Mandate | None = None) -> Mandate:
    """Return a mandate under the locks of its parties, and of those of another mandate."""
    parties = {each_id for m in (mandate, other) if m for each_id in (m.client_id, m.firm_id)}
    lock_companies(parties)
    return (
        Mandate.objects.select_for_update(of=("self",), no_key=True)
        .with_parties()
        .get(pk=mandate.pk)
    )


def _check_parties(client: Company, firm: Company) -> None:
    if client.pk == firm.pk:
        raise OwnFirmError
    if not firm.is_firm:
        raise NotAFirmError
    if client.closed_at is not None or firm.closed_at is not None:
        raise PartyClosedError


def _check_dates(terms: MandateTerms, now: datetime) -> None:
    today = local_midnight(local_date(now))
    if not today <= terms.valid_from <= now + BEGINS_WITHIN:
        raise StartPassedError
    if terms.valid_until <= max(terms.valid_from, now):
        raise MandateDatesError
    longest = add_months(local_date(terms.valid_from), MOST_MONTHS)
    if terms.valid_until > local_midnight(longest):
        raise TooLongError


def _check_lead(lead: Membership | None, firm: Company, now: datetime) -> None:
    if lead is None:
        return
    current = Membership.objects.in_force(settled(now)).filter(pk=lead.pk, company=firm)
    if not current.filter(user__is_active=True).exists():
        raise ForeignLeadError


def _check_pending(mandate: Mandate, now: datetime) -> None:
    is_open = mandate.approved_at is None and mandate.ended_at is None
    if not is_open or mandate.is_over(now) or mandate.valid_until <= now:
        raise MandateGoneError


def _check_replacement(
    heir: Mandate, replacement: Replacement, acting: Membership, now: datetime
) -> Mandate:
    """Return the client's mandate to another firm that gives way."""
    old = Mandate.objects.with_parties().get(pk=replacement.mandate.pk)
    is_mine = old.client_id == heir.client_id == acting.company_id and old.firm_id != heir.firm_id
    is_given_away = old.end_reason == Mandate.End.REPLACED
    is_over = old.approved_at is None or old.settled_at is not None or old.is_over(now)
    if not is_mine or is_given_away or is_over:
        raise NotReplaceableError
    if replacement.at > min(old.ends_at, heir.valid_until):
        raise EndDateError
    return old


# --- Endings --------------------------------------------------------------------------------------


def _end_by(
    acting: Membership,
    mandate: Mandate,
    *,
    at: datetime,
    reason: Mandate.End,
    actor: Actor,
    now: datetime,
) -> Mandate:
    """End a mandate as a person decided; tell the other side; settle it unless it ends later."""
    mandate.ended_by = acting.user
    _end(mandate, at=at, reason=reason, actor=actor, now=now)
    if at <= now:
        settle(mandate, actor=actor, now=now)
    return mandate


def _end(
    mandate: Mandate, *, at: datetime, reason: Mandate.End, actor: Actor, now: datetime
) -> None:
    mandate.ended_at = at if mandate.ended_at is None else min(at, mandate.ended_at)
    mandate.end_reason = reason
    fields = ["ended_at", "end_reason", "ended_by"]
    if mandate.approved_at is None:  # nothing rested on it
        mandate.settled_at = now
        fields.append("settled_at")
    mandate.save(update_fields=fields)
    event = _EVENT_OF_END.get(reason, MandateEvent.ENDED)
    data = {"reason": reason.value, "until": mandate.ended_at}
    audit_mandate(event, mandate, actor=actor, now=now, data=data)
    if reason != Mandate.End.SUPERSEDED:
        notifications.send_mandate_end(mandate, at=now)


def _supersede(mandate: Mandate, *, actor: Actor, now: datetime) -> Mandate | None:
    """End the pair's former mandate; return it if it held until now."""
    former = (
        Mandate.objects.filter(
            client=mandate.client, firm=mandate.firm, approved_at__isnull=False, settled_at=None
        )
        .exclude(pk=mandate.pk)
        .with_parties()
        .first()
    )
    if former is None:
        return None
    if not former.is_over(now):
        _end(former, at=now, reason=Mandate.End.SUPERSEDED, actor=actor, now=now)
        return former
    if former.ended_at is None:  # it ran out a moment ago, and nobody has seen to it yet
        at = former.valid_until
        _end(former, at=at, reason=Mandate.End.EXPIRED, actor=Actor.system(), now=now)
    settle(former, actor=actor, now=now)
    return None


def _write_consent(
    mandate: Mandate, side: Mandate.Side, consent: Consent, acting: Membership, now: datetime
) -> None:
    MandateConsent.objects.create(
        mandate=mandate,
        side=side,
        person=acting.user,
        given_at=now,
        method=consent.method,
        language=consent.language,
        text_version=consent.version,
        text=consent.text,
        text_sha256=consent.sha256,
    )
