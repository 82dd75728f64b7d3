"""What a renewal brings with it: catching up before a change, and carrying out an end."""

from datetime import date, datetime, timedelta

from auditlog.actors import Actor
from auditlog.operations import audit
from billing import engine
from billing.events import SubscriptionEvent
from billing.models import Subscription
from billing.queries import load_state
from services.operations import end_entitlement
from vop.lib.clock import local_date
from vop.lib.db import step


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


def catch_up(
    subscription: Subscription, catalogue: engine.Catalogue, *, on: date
) -> engine.Outcome:
    """Return the state on a day, with the lines of periods before it that no run has reached.

    So a change on a day when the run is late makes the lines that it would have made on time;
    whoever calls puts them on the basis of the change. The subscription must be locked.

    Raises: engine.EngineError.
    """
    state = load_state(subscription, payer=subscription.payer, charges_after=on)
    return engine.renew(catalogue, state, as_of=on - timedelta(days=1))
