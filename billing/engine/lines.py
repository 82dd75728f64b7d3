"""Lines: what is charged or credited, for which days, at which price, and because of what."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from billing.engine.catalogue import Price, Vat
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
    """A part of an anchored period, for a number of units at a price for the whole of it."""

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


@dataclass(frozen=True, slots=True)
class Standing:
    """A charge and how far it still stands: what lies after `until` has been credited."""

    line: Line
    until: date

    def credit_from(self, day: date, cause: Cause) -> Line:
        """Give back what remains from a day on, rounded as it was charged."""
        rest = Period(max(day, self.line.period.start), self.until)
        price = self.line.price.unit_price * self.line.quantity
        return replace(
            self.line,
            reason=Reason.CREDIT,
            period=rest,
            quantity=-self.line.quantity,
            net_cents=-part_cents(price, rest, self.line.anchored),
            cause=cause,
            credits=self.line,
            ref=None,
        )

    def cut(self, day: date) -> "Standing":
        """Return the charge with nothing left from a day on."""
        return replace(self, until=max(day, self.line.period.start))
