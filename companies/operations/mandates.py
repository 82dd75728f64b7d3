"""Mandates: asked for by one side, approved by the other, over by a date or by either side.

Both companies are locked, in the order of their keys, before anything is decided: what a mandate
may be, who may say so, and that neither party closes meanwhile. What it covers is written by the
room above in the same transaction (services.operations.mandates).
"""

from datetime import datetime

from auditlog.actors import Actor
from auditlog.events import EventType
from companies import notifications, signals
from companies.events import MandateEvent
from companies.models import Mandate, MandateConsent, Membership, Permission
from companies.operations.assignments import end_assignments
from companies.operations.mandate_rules import (
    LAPSES_AFTER,
    AlreadyRequestedError,
    Consent,
    EndDateError,
    MandateGoneError,
    MandateTerms,
    NotReplaceableError,
    OwnRequestError,
    Replacement,
    StartLaterError,
    audit_mandate,
    check_dates,
    check_lead,
    check_parties,
    check_pending,
    load_mandate,
    lock_parties,
    requesting_permission,
)
from companies.operations.rules import check_may
from vop.lib.db import step, use_case

_EVENT_OF_END: dict[str, EventType] = {
    Mandate.End.DECLINED: MandateEvent.DECLINED,
    Mandate.End.WITHDRAWN: MandateEvent.WITHDRAWN,
    Mandate.End.LAPSED: MandateEvent.LAPSED,
    Mandate.End.EXPIRED: MandateEvent.EXPIRED,
    Mandate.End.SUPERSEDED: MandateEvent.SUPERSEDED,
}


@step
def open_request(
    *, terms: MandateTerms, consent: Consent, acting: Membership, actor: Actor, now: datetime
) -> Mandate:
    """Ask the other side for a mandate; unanswered it lapses after 30 days.

    Raises: NotAllowedError, OwnFirmError, NotAFirmError, PartyClosedError, MandateDatesError,
    StartPassedError, TooLongError, StartLaterError, ForeignLeadError, AlreadyRequestedError.
    """
    client, firm = lock_parties(terms.client, terms.firm)
    party = client if terms.side == Mandate.Side.CLIENT else firm
    check_may(acting, party, requesting_permission(terms.side), at=now)
    check_parties(client, firm)
    check_dates(terms, now)
    check_lead(terms.lead, firm, now)
    pair = Mandate.objects.filter(client=client, firm=firm, ended_at=None)
    if pair.filter(approved_at=None, answer_by__gt=now).exists():
        raise AlreadyRequestedError
    for lapsed in pair.filter(approved_at=None).with_parties():
        end(lapsed, at=lapsed.answer_by, reason=Mandate.End.LAPSED, actor=Actor.system(), now=now)
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
    current = load_mandate(mandate, replacement.mandate if replacement else None)
    check_pending(current, now)
    party = current.party(current.answering_side)
    check_may(acting, party, Permission.MANDATE_APPROVE, at=now)
    if current.requested_by_id == acting.user_id:
        raise OwnRequestError
    check_parties(current.client, current.firm)
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
        # Not before the new firm begins: the client would stand without one.
        at = min(max(replacement.at, now, current.valid_from), old.ends_at)
        _end_by(acting, old, at=at, reason=Mandate.End.REPLACED, actor=actor, now=now)
    return current, former


@use_case
def decline_mandate(
    *, mandate: Mandate, acting: Membership, actor: Actor, now: datetime
) -> Mandate:
    """Say no to a request.

    Raises: NotAllowedError, MandateGoneError.
    """
    current = load_mandate(mandate)
    check_pending(current, now)
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
    current = load_mandate(mandate)
    check_pending(current, now)
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
    current = load_mandate(mandate)
    # Settled at all: maybe while we waited for the lock, at a later instant than ours.
    if current.approved_at is None or current.settled_at is not None or current.is_over(now):
        raise MandateGoneError
    side = current.side_of(acting.company_id)
    check_may(acting, current.party(side), Permission.MANDATE_END, at=now)
    at = max(at or now, now)
    if at > now and at >= current.ends_at:
        raise EndDateError
    reason = Mandate.End.BY_CLIENT if side == Mandate.Side.CLIENT else Mandate.End.BY_FIRM
    if current.end_reason == Mandate.End.REPLACED:
        reason = Mandate.End.REPLACED  # only earlier: the heir takes over that day, and pays
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
    current = load_mandate(mandate)
    check_may(acting, current.firm, Permission.MANDATE_REQUEST, at=now)
    if current.is_over(now):
        raise MandateGoneError
    check_lead(lead, current.firm, now)
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
    end(mandate, at=at, reason=reason, actor=actor, now=now)
    if at <= now:
        settle(mandate, actor=actor, now=now)
    return mandate


@step
def end(
    mandate: Mandate, *, at: datetime, reason: Mandate.End, actor: Actor, now: datetime
) -> None:
    """Write down that a mandate ends, and tell both sides; `settle` does what follows."""
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
        end(former, at=now, reason=Mandate.End.SUPERSEDED, actor=actor, now=now)
        return former
    if former.ended_at is None:  # it ran out a moment ago, and nobody has seen to it yet
        at = former.valid_until
        end(former, at=at, reason=Mandate.End.EXPIRED, actor=Actor.system(), now=now)
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
