"""Who pays: the company itself, or a firm that has agreed to.

Every change of payer holds the lock of the subscription's company, so that two never cross.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from auditlog.actors import Actor
from auditlog.operations import audit
from billing import engine
from billing.events import PayerEvent, SubscriptionEvent
from billing.models import PayerConsent, Subscription, SubscriptionChange, SubscriptionPayer
from billing.notifications import send_payer_changed
from billing.operations.gathering import Charge, bill_change
from billing.operations.orders import NotAgreedError
from billing.operations.renewals import catch_up
from billing.operations.state import (
    STATE_FIELDS,
    apply_state,
    list_plans_of,
    lock_companies,
    lock_subscription,
    record_change,
)
from billing.operations.subscriptions import check_running
from billing.queries import (
    find_consent_of,
    get_payer_consent,
    is_client_of,
    list_paid_for,
    load_catalogue,
)
from billing.rendering import make_payer_consent
from companies.models import Company, Mandate
from services.operations import Answer
from vop.lib.clock import local_date
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError


class SamePayerError(DomainError):
    message = _("They pay already.")


class NoMandateError(DomainError):
    message = _("A firm can pay only for companies that it has a mandate from.")


class AgreedAlreadyError(DomainError):
    message = _("The firm has agreed to this already.")


class ConsentTextChangedError(DomainError):
    message = _("The text has changed since you read it. Read it again before you agree.")


@use_case
def give_payer_consent(
    *, firm: Company, client: Company, answer: Answer, person: User, actor: Actor, now: datetime
) -> PayerConsent:
    """Agree, for a firm, to pay for what a client lets it pay for, as the text says that was read.

    Raises: NoMandateError, AgreedAlreadyError, ConsentTextChangedError.
    """
    locked = lock_companies(firm.pk, client.pk)
    firm, client = locked[firm.pk], locked[client.pk]
    if not is_client_of(client, firm, at=now):
        raise NoMandateError
    if get_payer_consent(firm, client) is not None:
        raise AgreedAlreadyError
    read = make_payer_consent(firm, client, method=answer.method)
    if read.sha256 != answer.text_sha256:
        raise ConsentTextChangedError
    consent = PayerConsent.objects.create(
        firm=firm,
        client=client,
        given_by=person,
        given_at=now,
        method=read.method,
        language=read.language,
        text_version=read.version,
        text=read.text,
        text_sha256=read.sha256,
    )
    _tell_of_consent(PayerEvent.CONSENT_GIVEN, consent, actor=actor, now=now)
    return consent


@use_case
def withdraw_payer_consent(*, firm: Company, client: Company, actor: Actor, now: datetime) -> None:
    """Stop paying for a client: what isn't billed yet is the client's own to pay.

    Raises: NotAgreedError.
    """
    lock_companies(firm.pk, client.pk)
    consent = get_payer_consent(firm, client)
    if consent is None:
        raise NotAgreedError
    _end_consent(consent, heir=None, actor=actor, now=now)


@use_case
def set_payer(
    *, subscription: Subscription, payer: Company, actor: Actor, now: datetime
) -> Subscription:
    """Let a firm that has agreed to it pay from today on, or the company itself again.

    Periods that began before today stay with who paid then, also if the run is late.

    Raises: SubscriptionOverError, SamePayerError, NotAgreedError.
    """
    locked = lock_subscription(subscription, payer.pk)
    check_running(locked, now)
    if locked.payer_id == payer.pk:
        raise SamePayerError
    consent = None
    if payer.pk != locked.company_id:
        consent = find_consent_of(payer, locked.company, at=now)
        if consent is None:
            raise NotAgreedError
    _move(locked, payer, consent, actor=actor, now=now)
    return locked


@step
def follow_replaced_firm(*, old: Mandate, new: Mandate, actor: Actor, now: datetime) -> None:
    """Let the new firm pay for what the old one did, the same day, if it has agreed to.

    Otherwise the client pays itself: nobody pays without having agreed.
    """
    lock_companies(old.client_id, old.firm_id, new.firm_id)
    consent = get_payer_consent(old.firm, old.client)
    if consent is not None:
        heir = get_payer_consent(new.firm, new.client)
        _end_consent(consent, heir=heir, actor=actor, now=now)


@step
def follow_ended_mandate(*, mandate: Mandate, actor: Actor, now: datetime) -> None:
    """Let a client pay itself again whose firm has no mandate any more."""
    if mandate.end_reason == Mandate.End.REPLACED:  # the new firm takes over, see above
        return
    lock_companies(mandate.client_id, mandate.firm_id)
    consent = get_payer_consent(mandate.firm, mandate.client)
    if consent is not None and not is_client_of(mandate.client, mandate.firm, at=now):
        _end_consent(consent, heir=None, actor=actor, now=now)


@step
def _end_consent(
    consent: PayerConsent, *, heir: PayerConsent | None, actor: Actor, now: datetime
) -> None:
    """Withdraw a consent; another firm's takes over what was paid under it, or the client."""
    payer = consent.client if heir is None else heir.firm
    for subscription in list_paid_for(consent.client, by=consent.firm):
        _move(lock_subscription(subscription, payer.pk), payer, heir, actor=actor, now=now)
    consent.withdrawn_at = max(now, consent.given_at)
    consent.save(update_fields=["withdrawn_at"])
    _tell_of_consent(PayerEvent.CONSENT_WITHDRAWN, consent, actor=actor, now=now)


@step
def _move(
    subscription: Subscription,
    payer: Company,
    consent: PayerConsent | None,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Bill the former payer what began before today, then let the new one pay; all are locked."""
    today, former = local_date(now), subscription.payer
    change = record_change(
        subscription=subscription,
        kind=SubscriptionChange.Kind.CHANGE_PAYER,
        on=today,
        payload={"from": str(former.pk), "to": str(payer.pk)},
        request_key=None,
        actor=actor,
        now=now,
    )
    _settle_with(former, subscription, change, actor=actor, now=now)
    SubscriptionPayer.objects.filter(subscription=subscription, valid_to=None).update(
        valid_to=today
    )
    if consent is not None:
        SubscriptionPayer.objects.create(
            subscription=subscription, payer=payer, consent=consent, valid_from=today
        )
    subscription.payer = payer
    subscription.save(update_fields=["payer"])
    audit(
        SubscriptionEvent.PAYER_CHANGED,
        actor=actor,
        now=now,
        company=subscription.company.ref,
        target=subscription.ref,
        data={
            "changes": {"payer": [former.name, payer.name]},
            "from": today,
            "change": str(change.pk),
        },
        also_visible_to=_others(subscription, [former, payer]),
    )
    send_payer_changed(subscription, former=former, change_id=change.pk)


def _settle_with(
    former: Company,
    subscription: Subscription,
    change: SubscriptionChange,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Put what the run hasn't reached on the former payer's basis; what has no price waits."""
    plans = list_plans_of([subscription])
    try:
        caught = catch_up(subscription, load_catalogue(list(plans.values())), on=local_date(now))
    except engine.EngineError:  # the run parks it, and staff see why
        return
    apply_state(subscription, caught.subscription, plans)
    subscription.save(update_fields=STATE_FIELDS)
    charge = Charge.of(
        subscription,
        payer=former,
        currency=subscription.plan.currency,
        lines=caught.lines,
        change_id=change.pk,
    )
    bill_change(charge, plans=plans, actor=actor, now=now)


def _tell_of_consent(
    event: PayerEvent, consent: PayerConsent, *, actor: Actor, now: datetime
) -> None:
    audit(
        event,
        actor=actor,
        now=now,
        company=consent.firm.ref,
        target=consent.client.ref,
        also_visible_to=[consent.client_id],
    )


def _others(subscription: Subscription, companies: Iterable[Company]) -> list[uuid.UUID]:
    return sorted({company.pk for company in companies} - {subscription.company_id})
