"""Lines: what is charged or credited, for which days, at which price, and because of what."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from billing.engine.catalogue import Discount, Price, Vat
from billing.engine.periods import Period, part_cents


class Reason(StrEnum):
    """Why there is a line."""

    NEW = "new"
    RENEWAL = "renewal"
    CHANGE = "change"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that made a line."""

    kind: str
    on: date

    def __str__(self) -> str:
        return f"{self.kind} {self.on}"


@dataclass(frozen=True, slots=True)
class Line:
    """A part of an anchored period, for a number of units at a price for the whole of it.

    `price` has the price of a unit: of a seat, or of all that a flat or tiered line pays for, whose
    number of `seats` a tiered one says. `lowered` is what the whole period costs after the
    discount; None without one. `discount_cents` is what the discount takes off this part, rounded
    by itself.
    """

    subscription: str
    plan: str
    reason: Reason
    period: Period
    anchored: Period
    quantity: int
    price: Price
    vat: Vat
    net_cents: int
    cause: Cause
    credits: "Line | None" = None
    ref: UUID | None = None
    term: int = 0
    seats: int | None = None
    discount: Discount | None = None
    discount_cents: int = 0
    lowered: Decimal | None = None

    @property
    def listed(self) -> Decimal:
        """What the whole period costs without the discount."""
        return self.price.unit_price * self.quantity

    @property
    def whole(self) -> Decimal:
        """What the whole period costs."""
        return self.listed if self.lowered is None else self.lowered


@dataclass(frozen=True, slots=True)
class Standing:
    """A charge and how far it still stands: what lies after `until` has been credited."""

    line: Line
    until: date

    def credit_from(self, day: date, cause: Cause) -> Line:
        """Give back what remains from a day on, rounded as it was charged."""
        rest = Period(max(day, self.line.period.start), self.until)
        whole, off = self.line.whole, self.line.listed - self.line.whole
        return replace(
            self.line,
            reason=Reason.CREDIT,
            period=rest,
            quantity=-self.line.quantity,
            seats=None if self.line.seats is None else -self.line.seats,
            net_cents=-part_cents(whole, rest, self.line.anchored),
            discount_cents=-part_cents(off, rest, self.line.anchored) if off else 0,
            lowered=None if self.line.lowered is None else -whole,
            cause=cause,
            credits=self.line,
            ref=None,
        )

    def cut(self, day: date) -> "Standing":
        """Return the charge with nothing left from a day on."""
        return replace(self, until=max(day, self.line.period.start))
