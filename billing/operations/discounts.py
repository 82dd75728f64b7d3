"""Discounts: of a plan for everybody who has it, or of one subscription."""

from datetime import date, datetime
from decimal import Decimal

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor, Ref
from auditlog.operations import audit
from billing.events import CatalogueEvent
from billing.models import Discount, Plan, Subscription
from billing.operations.catalogue import BadAmountError, BadDateError
from billing.operations.state import lock_subscription
from vop.lib.clock import local_date
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError

WHOLE = Decimal(100)  # per cent


class OverlappingDiscountError(DomainError):
    message = _("Another discount holds on one of these days. End that one first.")


@use_case
def set_discount(
    *,
    of: Plan | Subscription,
    name: str,
    kind: str,
    value: Decimal,
    valid_from: date,
    valid_to: date,
    actor: Actor,
    now: datetime,
) -> Discount:
    """Take something off each period of a plan or a subscription that begins on one of the days.

    What has begun already costs what it did: the first day is today or later.

    Raises: BadDateError, BadAmountError, OverlappingDiscountError.
    """
    if valid_from < local_date(now) or valid_to <= valid_from:
        raise BadDateError
    if value <= 0 or (kind == Discount.Kind.PERCENT and value > WHOLE):
        raise BadAmountError
    if isinstance(of, Plan):
        plan: Plan | None = _lock_plan(of)
        subscription = None
    else:
        plan, subscription = None, lock_subscription(of)
    others = Discount.objects.filter(plan=plan, subscription=subscription)
    others = others.exclude(valid_to=F("valid_from"))  # withdrawn before it began
    if others.filter(valid_from__lt=valid_to, valid_to__gt=valid_from).exists():
        raise OverlappingDiscountError
    discount = Discount.objects.create(
        plan=plan,
        subscription=subscription,
        name=name,
        kind=kind,
        value=value,
        valid_from=valid_from,
        valid_to=valid_to,
        created_at=now,
    )
    _tell(CatalogueEvent.DISCOUNT_SET, discount, subscription, actor=actor, now=now)
    return discount


@use_case
def end_discount(*, discount: Discount, actor: Actor, now: datetime) -> Discount:
    """End a discount: periods that begin from today on don't have it.

    One that hasn't begun yet never will. One that is over stays as it was.

    Raises: BadDateError.
    """
    subscription = None
    if discount.subscription is not None:
        subscription = lock_subscription(discount.subscription)
    locked = Discount.objects.select_for_update(of=("self",), no_key=True).get(pk=discount.pk)
    ends = max(local_date(now), locked.valid_from)
    if ends >= locked.valid_to:
        raise BadDateError
    locked.valid_to = ends
    locked.save(update_fields=["valid_to"])
    _tell(CatalogueEvent.DISCOUNT_ENDED, locked, subscription, actor=actor, now=now)
    return locked


def _lock_plan(plan: Plan) -> Plan:
    return Plan.objects.select_for_update(of=("self",), no_key=True).get(pk=plan.pk)


@step
def _tell(
    event: CatalogueEvent,
    discount: Discount,
    subscription: Subscription | None,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Write the event; a company reads of its own discounts, and so does who pays for it."""
    company: Ref | None = None if subscription is None else subscription.company.ref
    audit(
        event,
        actor=actor,
        now=now,
        company=company,
        target=discount.ref,
        data={
            discount.kind: f"{discount.value.normalize():f}",
            "from": discount.valid_from,
            "until": discount.valid_to,
        },
        also_visible_to=[] if subscription is None else [subscription.payer_id],
    )
