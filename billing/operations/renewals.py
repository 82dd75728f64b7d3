"""Renewing one subscription, in a run or just before a change to it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import F

from auditlog.actors import Actor
from auditlog.operations import audit
from billing import engine
from billing.events import SubscriptionEvent
from billing.models import BillingRun, BillingRunItem, Subscription
from billing.operations.bases import gather_lines
from billing.operations.state import STATE_FIELDS, apply_state, follow_seats, list_plans_of
from billing.queries import load_state
from companies.models import Company
from services.operations import end_entitlement
from vop.lib.clock import local_date
from vop.lib.db import step


@dataclass(frozen=True, slots=True)
class Renewed:
    """What renewing came to."""

    lines: int = 0
    net_cents: int = 0
    ended: int = 0

    @property
    def did_anything(self) -> bool:
        """Whether there was something to bill or to end."""
        return bool(self.lines or self.ended)


@step
def renew_subscription(
    *,
    subscription: Subscription,
    catalogue: engine.Catalogue,
    run: BillingRun,
    billing_date: date,
    actor: Actor,
    now: datetime,
) -> Renewed:
    """Bill every period that has begun by the run's day, and carry out an end that has come.

    Payer and subscription must be locked. Doing it again finds nothing to do.

    Raises: engine.EngineError, NoSellerError.
    """
    plans = list_plans_of([subscription])
    state = load_state(subscription, payer=subscription.payer)
    outcome = engine.renew(catalogue, state, as_of=run.as_of)
    apply_state(subscription, outcome.subscription, plans)
    subscription.save(update_fields=STATE_FIELDS)
    basis = gather_lines(
        payer=subscription.payer,
        subscription=subscription,
        lines=outcome.lines,
        plans=plans,
        billing_date=billing_date,
        run=run,
        actor=actor,
        now=now,
    )
    net_cents = sum(line.net_cents for line in outcome.lines)
    if basis is not None:
        follow_seats(
            subscription=subscription,
            state=outcome.subscription,
            actor=actor,
            now=now,
        )
        audit(
            SubscriptionEvent.RENEWED,
            actor=actor,
            now=now,
            company=subscription.company.ref,
            target=subscription.ref,
            data={
                "through": subscription.billed_through,
                "periods": len(outcome.lines),
                "net_cents": net_cents,
                "basis": str(basis.pk),
            },
            also_visible_to=[subscription.payer_id],
        )
    is_over = subscription.status_on(run.as_of) is engine.Status.ENDED
    if is_over:
        end_subscription(subscription=subscription, actor=actor, now=now)
    return Renewed(len(outcome.lines), net_cents, int(is_over))


@step
def end_subscription(*, subscription: Subscription, actor: Actor, now: datetime) -> Subscription:
    """Carry out an end whose day has come: the company loses the service, and every seat in it."""
    subscription.ended_on = local_date(now)
    if subscription.cancel_on is not None:
        subscription.ended_on = max(subscription.ended_on, subscription.cancel_on)
    subscription.save(update_fields=["ended_on"])
    if not subscription.entitlement.has_ended(now):
        end_entitlement(entitlement=subscription.entitlement, actor=actor, now=now)
    audit(
        SubscriptionEvent.ENDED,
        actor=actor,
        now=now,
        company=subscription.company.ref,
        target=subscription.ref,
        also_visible_to=[subscription.payer_id],
    )
    return subscription


@step
def catch_up(
    *,
    subscription: Subscription,
    catalogue: engine.Catalogue,
    on: date,
    actor: Actor,
    now: datetime,
) -> engine.Subscription:
    """Return the state on a day, after billing the periods before it that no run has reached.

    So a change on a day when the run is late makes the lines that it would have made on time.
    """
    due_on = subscription.due_on
    if due_on is not None and due_on < on:
        run, _created = BillingRun.objects.get_or_create(
            as_of=on - timedelta(days=1), defaults={"started_at": now, "finished_at": now}
        )
        result = renew_subscription(
            subscription=subscription,
            catalogue=catalogue,
            run=run,
            billing_date=on,
            actor=actor,
            now=now,
        )
        note_done(run=run, payer=subscription.payer, result=result, now=now)
    return load_state(subscription, payer=subscription.payer, charges_after=on)


@step
def note_done(*, run: BillingRun, payer: Company, result: Renewed, now: datetime) -> None:
    """Count what was billed for a customer into the run's totals; the payer must be locked."""
    item, created = BillingRunItem.objects.get_or_create(
        run=run,
        company=payer,
        defaults={
            "state": BillingRunItem.State.DONE,
            "line_count": result.lines,
            "ended_count": result.ended,
            "net_cents": result.net_cents,
            "updated_at": now,
        },
    )
    if not created:
        BillingRunItem.objects.filter(pk=item.pk).update(
            state=BillingRunItem.State.DONE,
            error="",
            attempts=F("attempts") + 1,
            line_count=F("line_count") + result.lines,
            ended_count=F("ended_count") + result.ended,
            net_cents=F("net_cents") + result.net_cents,
            updated_at=now,
        )
