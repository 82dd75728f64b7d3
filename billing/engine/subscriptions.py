"""A subscription's life: each function takes its state and returns the next one with the lines.

Every change first needs the periods that began before its day (`renew` with the day before), so
that a late run makes the same lines as daily runs would have.
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.engine.catalogue import Buyer, Catalogue, Discount, Plan, Price, Pricing
from billing.engine.errors import EngineError
from billing.engine.lines import Cause, Line, Reason, Standing
from billing.engine.periods import Period, part_cents, period_at


class EndedError(EngineError):
    def __init__(self, ref: str, ended_on: date) -> None:
        super().__init__(f"subscription {ref} ended on {ended_on}")


class NotCancelledError(EngineError):
    def __init__(self, ref: str) -> None:
        super().__init__(f"subscription {ref} has no cancellation to undo")


class AlreadyCancelledError(EngineError):
    def __init__(self, ref: str) -> None:
        super().__init__(f"subscription {ref} is cancelled already")


class SamePlanError(EngineError):
    def __init__(self, ref: str, plan: str) -> None:
        super().__init__(f"subscription {ref} has plan {plan} already")


class QuantityError(EngineError):
    def __init__(self, quantity: int) -> None:
        super().__init__(f"quantity {quantity} must be 1 or more")


class DatesError(EngineError):
    """An end before its start."""


class NotCaughtUpError(EngineError):
    def __init__(self, ref: str, billed_through: date) -> None:
        super().__init__(f"subscription {ref} is billed only through {billed_through}")


class Status(StrEnum):
    """`cancelled` still runs, `ended` is over."""

    TRIALING = "trialing"
    ACTIVE = "active"
    CANCELLED = "cancelled"
    ENDED = "ended"


class When(StrEnum):
    """When a change takes effect."""

    NOW = "now"
    RENEWAL = "renewal"
    PERIOD_END = "period_end"


@dataclass(frozen=True, slots=True)
class Subscription:
    """The state of a subscription.

    `quantity` is what is wanted from the next renewal on, `paid_quantity` the most that was paid
    for in the current period: fewer seats wait for the renewal. `bought_on` decides which prices
    reach it. `billed_through` is the first day not billed. `price` and `discount` are those of the
    current period, the price None until something was billed. `discounts` are its own. `term`
    counts the plan changes that took effect at once: periods never overlap within a term, while one
    that was credited may be billed anew.
    """

    ref: str
    buyer: Buyer
    plan: str
    quantity: int
    anchor: date
    bought_on: date
    billed_through: date
    cause: Cause
    trial_until: date | None = None
    paid_quantity: int = 0
    price: Price | None = None
    next_plan: str | None = None
    next_plan_ordered_on: date | None = None
    cancel_on: date | None = None
    charges: tuple[Standing, ...] = ()
    term: int = 0
    discount: Discount | None = None
    discounts: tuple[Discount, ...] = ()

    def status_on(self, day: date) -> Status:
        """Return what the subscription is on a day."""
        if self.cancel_on is not None:
            return Status.ENDED if self.cancel_on <= day else Status.CANCELLED
        if self.trial_until is not None and day < self.trial_until:
            return Status.TRIALING
        return Status.ACTIVE

    def seats_on(self, day: date) -> int:
        """Return how many may be used: fewer seats take effect at renewal."""
        if self.price is None or day >= self.billed_through:
            return self.quantity
        return max(self.quantity, self.paid_quantity)

    @property
    def due_on(self) -> date | None:
        """The day on which the next period is billed; None when there is none."""
        if self.cancel_on is not None and self.billed_through >= self.cancel_on:
            return None
        return self.billed_through


@dataclass(frozen=True, slots=True)
class Outcome:
    """A subscription after something happened to it, and the lines that this made."""

    subscription: Subscription
    lines: tuple[Line, ...] = ()


def subscribe(
    catalogue: Catalogue,
    *,
    ref: str,
    buyer: Buyer,
    plan: str,
    quantity: int,
    on: date,
    anchor: date | None = None,
    trial_until: date | None = None,
    recorded_on: date | None = None,
    discounts: tuple[Discount, ...] = (),
) -> Outcome:
    """Buy: bill every anchored period that has begun by the day of recording.

    A trial bills nothing: its first period waits for a run.

    Raises: UnknownPlanError, QuantityError, DatesError, NoPriceError, NoVatRateError.
    """
    recorded_on = recorded_on or on
    catalogue.plan(plan)
    _check_quantity(quantity)
    if recorded_on < on:
        raise DatesError(f"recorded on {recorded_on}, before it begins on {on}")
    if trial_until is not None and trial_until < on:
        raise DatesError(f"the trial ends on {trial_until}, before it begins on {on}")
    first_day = trial_until or on
    cause = Cause("subscribe", on)
    subscription = Subscription(
        ref=ref,
        buyer=buyer,
        plan=plan,
        quantity=quantity,
        anchor=anchor or first_day,
        bought_on=on,
        billed_through=first_day,
        cause=cause,
        trial_until=trial_until,
        discounts=discounts,
    )
    if first_day > on:
        return Outcome(subscription)
    outcome = renew(catalogue, subscription, as_of=recorded_on)
    return replace(outcome, lines=tuple(replace(line, cause=cause) for line in outcome.lines))


def renew(catalogue: Catalogue, subscription: Subscription, *, as_of: date) -> Outcome:
    """Bill every period that has begun by a day, each at its own price: late or on time alike.

    Raises: NoPriceError, NoVatRateError, UnknownPlanError.
    """
    lines: list[Line] = []
    while (due_on := subscription.due_on) is not None and due_on <= as_of:
        subscription, line = _bill_next_period(catalogue, subscription)
        lines.append(line)
    return Outcome(subscription, tuple(lines))


def change_quantity(
    catalogue: Catalogue, subscription: Subscription, *, quantity: int, on: date
) -> Outcome:
    """Change the seats: more are charged from the day, fewer wait for the renewal.

    Raises: QuantityError, EndedError, NotCaughtUpError, NoVatRateError.
    """
    _check_quantity(quantity)
    _check_running(subscription, on)
    changed = replace(subscription, quantity=quantity)
    price = subscription.price
    if price is None or subscription.billed_through <= on:
        return Outcome(changed)
    paid = subscription.paid_quantity
    if quantity <= paid:
        return Outcome(changed)
    changed = replace(changed, paid_quantity=quantity)
    plan = catalogue.plan(subscription.plan)
    is_covered = plan.total(price, quantity) == plan.total(price, paid)
    if plan.pricing is not Pricing.PER_UNIT and is_covered:
        return Outcome(changed)
    line = _charge(
        catalogue,
        changed,
        reason=Reason.CHANGE,
        period=Period(on, subscription.billed_through),
        quantity=quantity,
        paid=paid,
        price=price,
        discount=subscription.discount,
        cause=Cause("change_quantity", on),
    )
    charges = (*changed.charges, Standing(line, line.period.end))
    return Outcome(replace(changed, charges=charges), (line,))


def change_plan(
    catalogue: Catalogue,
    subscription: Subscription,
    *,
    plan: str,
    on: date,
    when: When | None = None,
) -> Outcome:
    """Change the plan, now or at renewal; without `when`, a higher price per day means now.

    Now: the unused rest of the old is credited and the rest of the period charged at the new
    plan, at the price for new buyers that day. Choosing the current plan takes back a change
    that waits for the renewal.

    Raises: UnknownPlanError, SamePlanError, EndedError, NotCaughtUpError, NoPriceError,
    NoVatRateError.
    """
    wanted = catalogue.plan(plan)
    _check_running(subscription, on)
    if plan == subscription.plan:
        if subscription.next_plan is None:
            raise SamePlanError(subscription.ref, plan)
        return Outcome(replace(subscription, next_plan=None, next_plan_ordered_on=None))
    if when is None:
        current = catalogue.plan(subscription.plan)
        is_dearer = _price_per_day(subscription, wanted, on) > _price_per_day(
            subscription, current, on
        )
        when = When.NOW if is_dearer else When.RENEWAL
    if when is not When.NOW:
        return Outcome(replace(subscription, next_plan=plan, next_plan_ordered_on=on))
    return _change_plan_now(catalogue, subscription, wanted, on)


def cancel(
    subscription: Subscription, *, on: date, when: When = When.PERIOD_END, credit: bool = False
) -> Outcome:
    """Cancel, at the end of what is billed or now; `credit` gives back the unused rest.

    Raises: EndedError, AlreadyCancelledError, NotCaughtUpError.
    """
    _check_running(subscription, on)
    if when is not When.NOW:
        if subscription.cancel_on is not None:
            raise AlreadyCancelledError(subscription.ref)
        return Outcome(replace(subscription, cancel_on=subscription.billed_through))
    ended = replace(subscription, cancel_on=on)
    if not credit:
        return Outcome(ended)
    lines, charges = _credit_rest(subscription, on, Cause("cancel", on))
    billed_through = on if subscription.price is not None else subscription.billed_through
    return Outcome(replace(ended, billed_through=billed_through, charges=charges), lines)


def undo_cancel(subscription: Subscription, *, on: date) -> Outcome:
    """Take a cancellation back before it takes effect.

    Raises: EndedError, NotCancelledError.
    """
    _check_running(subscription, on)
    if subscription.cancel_on is None:
        raise NotCancelledError(subscription.ref)
    return Outcome(replace(subscription, cancel_on=None))


def _bill_next_period(
    catalogue: Catalogue, subscription: Subscription
) -> tuple[Subscription, Line]:
    start = subscription.billed_through
    if subscription.next_plan is not None:
        subscription = replace(
            subscription,
            plan=subscription.next_plan,
            bought_on=subscription.next_plan_ordered_on or start,
            next_plan=None,
            next_plan_ordered_on=None,
        )
    plan = catalogue.plan(subscription.plan)
    is_first = subscription.price is None
    price = plan.price_on(start, bought_on=subscription.bought_on)
    discount = plan.discount_on(start, subscription.discounts)
    line = _charge(
        catalogue,
        subscription,
        reason=Reason.NEW if is_first else Reason.RENEWAL,
        period=Period(start, _end_of_period(subscription, plan, start)),
        quantity=subscription.quantity,
        price=price,
        discount=discount,
        cause=subscription.cause if is_first else Cause("renewal", start),
    )
    renewed = replace(
        subscription,
        billed_through=line.period.end,
        price=price,
        discount=discount,
        paid_quantity=subscription.quantity,
        charges=(Standing(line, line.period.end),),
    )
    return renewed, line


def _change_plan_now(
    catalogue: Catalogue, subscription: Subscription, plan: Plan, on: date
) -> Outcome:
    quantity = subscription.seats_on(on)
    changed = replace(
        subscription,
        plan=plan.code,
        bought_on=on,
        next_plan=None,
        next_plan_ordered_on=None,
        term=subscription.term + 1,
    )
    if subscription.price is None or subscription.billed_through <= on:
        return Outcome(changed)
    cause = Cause("change_plan", on)
    credit_lines, charges = _credit_rest(subscription, on, cause)
    price = plan.price_on(on, bought_on=on)
    discount = plan.discount_on(on, subscription.discounts)
    line = _charge(
        catalogue,
        changed,
        reason=Reason.CHANGE,
        period=Period(on, _end_of_period(subscription, plan, on)),
        quantity=quantity,
        price=price,
        discount=discount,
        cause=cause,
    )
    changed = replace(
        changed,
        price=price,
        discount=discount,
        billed_through=line.period.end,
        paid_quantity=quantity,
        charges=(*charges, Standing(line, line.period.end)),
    )
    return Outcome(changed, (*credit_lines, line))


def _credit_rest(
    subscription: Subscription, on: date, cause: Cause
) -> tuple[tuple[Line, ...], tuple[Standing, ...]]:
    """Credit what remains of every charge that reaches beyond a day, and no more than that."""
    lines = tuple(
        standing.credit_from(on, cause)
        for standing in subscription.charges
        if standing.until > max(on, standing.line.period.start)
    )
    return lines, tuple(
        standing.cut(on) if standing.until > on else standing for standing in subscription.charges
    )


def _charge(
    catalogue: Catalogue,
    subscription: Subscription,
    *,
    reason: Reason,
    period: Period,
    quantity: int,
    price: Price,
    discount: Discount | None,
    cause: Cause,
    paid: int = 0,
) -> Line:
    """Charge a part of a period for what goes beyond the seats that are paid already."""
    plan = catalogue.plan(subscription.plan)
    anchored = period_at(subscription.anchor, plan.months, period.start)
    units = quantity - paid if plan.pricing is Pricing.PER_UNIT else 1
    listed = plan.total(price, quantity) - plan.total(price, paid)
    lowered, off = None, Decimal(0)
    if discount is not None:
        lowered = discount.lower(plan.total(price, quantity))
        lowered -= discount.lower(plan.total(price, paid))
        off = listed - lowered
    if plan.pricing is Pricing.TIERED:  # the line's unit is all that it pays for
        price = replace(price, unit_price=listed)
    return Line(
        subscription=subscription.ref,
        plan=plan.code,
        reason=reason,
        period=period,
        anchored=anchored,
        quantity=units,
        price=price,
        vat=catalogue.vat_on(period.start, vat_class=plan.vat_class, buyer=subscription.buyer),
        net_cents=part_cents(listed if lowered is None else lowered, period, anchored),
        cause=cause,
        term=subscription.term,
        seats=quantity - paid if plan.pricing is Pricing.TIERED else None,
        discount=discount,
        discount_cents=part_cents(off, period, anchored) if off else 0,
        lowered=lowered,
    )


def _end_of_period(subscription: Subscription, plan: Plan, start: date) -> date:
    end = period_at(subscription.anchor, plan.months, start).end
    return end if subscription.cancel_on is None else min(end, subscription.cancel_on)


def _price_per_day(subscription: Subscription, plan: Plan, on: date) -> Decimal:
    """Return what a plan costs a day: what is paid now, or what a new buyer would pay."""
    is_current = plan.code == subscription.plan
    price = subscription.price if is_current else None
    if price is None:
        bought_on = subscription.bought_on if is_current else on
        price = plan.price_on(on, bought_on=bought_on)
    days = period_at(subscription.anchor, plan.months, on).days
    return plan.total(price, subscription.seats_on(on)) / days


def _check_quantity(quantity: int) -> None:
    if quantity < 1:
        raise QuantityError(quantity)


def _check_running(subscription: Subscription, on: date) -> None:
    if subscription.cancel_on is not None and subscription.cancel_on <= on:
        raise EndedError(subscription.ref, subscription.cancel_on)
    if (due_on := subscription.due_on) is not None and due_on < on:
        raise NotCaughtUpError(subscription.ref, due_on)
