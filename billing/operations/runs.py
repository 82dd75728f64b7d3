"""The renewal run: one transaction per customer, safe to stop, to repeat and to run twice."""

import logging
import uuid
from dataclasses import dataclass
from datetime import date, datetime

from django.db import InterfaceError, OperationalError
from django.db.models import F

from auditlog.actors import Actor
from auditlog.operations import audit
from billing.events import BasisEvent
from billing.models import BillingRun, BillingRunItem, Subscription
from billing.operations.renewals import Renewed, note_done, renew_subscription
from billing.operations.state import list_plans_of, lock_companies
from billing.queries import (
    list_due_payers,
    list_due_subscriptions,
    load_catalogue,
)
from vop.lib.clock import local_date
from vop.lib.db import use_case

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What this start of a run did; `run` is None when nothing was due."""

    as_of: date
    run: BillingRun | None = None
    billed: int = 0
    parked: int = 0
    lines: int = 0
    net_cents: int = 0


def run_billing(*, as_of: date, actor: Actor, now: datetime) -> RunReport:
    """Renew everything that is due by a day, customer by customer.

    Each customer is a transaction of its own, and what is due is read from each subscription's
    cursor: a run that was killed, repeated or doubled does the rest, and nothing twice. A
    customer that can't be billed is parked with the reason, and the run goes on.
    """
    payer_ids = list_due_payers(as_of)
    if not payer_ids:
        return RunReport(as_of)
    run = open_run(as_of=as_of, actor=actor, now=now)
    renewed: list[Renewed] = []
    parked = 0
    for payer_id in payer_ids:
        try:
            renewed.append(bill_customer(run=run, payer_id=payer_id, actor=actor, now=now))
        except (OperationalError, InterfaceError):
            raise  # the database is away: that is nobody's fault, and the next run goes on
        except Exception as error:
            logger.exception("Customer %s is parked in run %s", payer_id, run.pk)
            park_customer(run=run, payer_id=payer_id, error=error, now=now)
            parked += 1
    finish_run(run=run, now=now)
    return RunReport(
        as_of=as_of,
        run=run,
        billed=sum(one.did_anything for one in renewed),
        parked=parked,
        lines=sum(one.lines for one in renewed),
        net_cents=sum(one.net_cents for one in renewed),
    )


@use_case
def open_run(*, as_of: date, actor: Actor, now: datetime) -> BillingRun:
    """Return the day's run, begun now if it wasn't."""
    run, created = BillingRun.objects.get_or_create(
        as_of=as_of,
        defaults={"started_at": now, "started_by": actor.id if actor.kind == "staff" else ""},
    )
    if created:
        audit(BasisEvent.RUN_STARTED, actor=actor, now=now, target=run.ref)
    return run


@use_case
def bill_customer(*, run: BillingRun, payer_id: uuid.UUID, actor: Actor, now: datetime) -> Renewed:
    """Renew and end what one customer has due; nothing when another run was here first.

    Raises: engine.EngineError, NoSellerError.
    """
    payer = lock_companies(payer_id)[payer_id]
    due = list_due_subscriptions(payer, as_of=run.as_of)
    if not due:
        return Renewed()
    list(Subscription.objects.select_for_update().filter(pk__in=[s.pk for s in due]).order_by("pk"))
    catalogue = load_catalogue(list(list_plans_of(due).values()))
    billing_date = max(run.as_of, local_date(now))
    renewed: list[Renewed] = []
    for subscription in due:
        subscription.payer = payer
        renewed.append(
            renew_subscription(
                subscription=subscription,
                catalogue=catalogue,
                run=run,
                billing_date=billing_date,
                actor=actor,
                now=now,
            )
        )
    result = Renewed(
        lines=sum(one.lines for one in renewed),
        net_cents=sum(one.net_cents for one in renewed),
        ended=sum(one.ended for one in renewed),
    )
    note_done(run=run, payer=payer, result=result, now=now)
    return result


@use_case
def park_customer(
    *, run: BillingRun, payer_id: uuid.UUID, error: Exception, now: datetime
) -> BillingRunItem:
    """Write down why a customer couldn't be billed; the next run tries again."""
    payer = lock_companies(payer_id)[payer_id]
    reason = f"{type(error).__name__}: {getattr(error, 'message', error)}"[:2000]
    item, created = BillingRunItem.objects.get_or_create(
        run=run,
        company=payer,
        defaults={"state": BillingRunItem.State.PARKED, "error": reason, "updated_at": now},
    )
    if not created:
        BillingRunItem.objects.filter(pk=item.pk).update(
            state=BillingRunItem.State.PARKED,
            error=reason,
            attempts=F("attempts") + 1,
            updated_at=now,
        )
    return item


@use_case
def finish_run(*, run: BillingRun, now: datetime) -> BillingRun:
    """Note that a run came to its end."""
    run.finished_at = now
    run.save(update_fields=["finished_at"])
    return run
