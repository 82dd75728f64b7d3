"""Plans, their dated prices, and dated VAT rates: what holds on which day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from billing.engine.errors import EngineError

SELLER_COUNTRY: Final = "SE"
EU_COUNTRIES: Final = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
        "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip


class NoPriceError(EngineError):
    def __init__(self, plan: str, day: date) -> None:
        super().__init__(f"plan {plan} has no price on {day}")


class NoVatRateError(EngineError):
    def __init__(self, vat_class: str, country: str, day: date) -> None:
        super().__init__(f"no VAT rate for {vat_class} in {country} on {day}")


class UnknownPlanError(EngineError):
    def __init__(self, plan: str) -> None:
        super().__init__(f"unknown plan {plan}")


class Pricing(StrEnum):
    """Whether a price is for each seat, for the whole, or for some with more in graduated tiers."""

    PER_UNIT = "per_unit"
    FLAT = "flat"
    TIERED = "tiered"


class VatCategory(StrEnum):
    """How VAT is charged: by the seller, or accounted for by the buyer."""

    STANDARD = "standard"
    REVERSE_CHARGE = "reverse_charge"


@dataclass(frozen=True, slots=True)
class Tier:
    """What each seat above a number costs, until the next tier takes over."""

    above: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class Discount:
    """What is taken off a whole period that begins on a day of [valid_from, valid_to).

    Either a `percent` of it or an `amount`, which never makes it cost less than nothing.
    """

    valid_from: date
    valid_to: date
    percent: Decimal | None = None
    amount: Decimal | None = None
    name: str = ""
    ref: UUID | None = None

    def holds_on(self, day: date) -> bool:
        """Whether a period that begins on a day has it."""
        return self.valid_from <= day < self.valid_to

    def lower(self, whole: Decimal) -> Decimal:
        """Return what is left of the price of a whole period; dearer never becomes cheaper."""
        if self.percent is not None:
            return whole * (100 - self.percent) / 100
        return max(Decimal(0), whole - (self.amount or 0))


@dataclass(frozen=True, slots=True)
class Share:
    """Some of a line's seats, and the price of each; or of all of them, where it includes them."""

    seats: int
    unit_price: Decimal
    is_included: bool


@dataclass(frozen=True, slots=True)
class Price:
    """A price for one whole period, from a day on.

    With `tiers`, graduated and rising, it is what the period costs with the seats that the first
    one begins above; each seat beyond costs what its own tier says.

    `existing_from` is when it reaches subscriptions bought before `valid_from`; never if None.
    `known_from` keeps a price entered late from touching periods that had begun by then.
    """

    unit_price: Decimal
    valid_from: date
    existing_from: date | None = None
    known_from: date = date.min
    ref: UUID | None = None
    tiers: tuple[Tier, ...] = ()

    @property
    def included(self) -> int:
        """How many seats a tiered price covers by itself."""
        return self.tiers[0].above if self.tiers else 0

    def climb(self, quantity: int) -> Decimal:
        """Return what a number of seats costs through the tiers."""
        tops = [*(tier.above for tier in self.tiers[1:]), quantity]
        beyond = (
            tier.unit_price * max(0, min(quantity, top) - tier.above)
            for tier, top in zip(self.tiers, tops, strict=True)
        )
        return self.unit_price + sum(beyond, Decimal(0))

    def share_out(self, quantity: int) -> list[Share]:
        """Return how seats fall on the tiers: those in the price itself, then each tier's."""
        first = Share(min(quantity, self.included), self.unit_price, is_included=True)
        tops = [*(tier.above for tier in self.tiers[1:]), quantity]
        beyond = [
            Share(min(quantity, top) - tier.above, tier.unit_price, is_included=False)
            for tier, top in zip(self.tiers, tops, strict=True)
        ]
        return [first, *(share for share in beyond if share.seats > 0)]

    def reaches(self, *, day: date, bought_on: date) -> bool:
        """Whether it applies to a period starting on a day, to somebody who bought then."""
        if max(self.valid_from, self.known_from) > day:
            return False
        if bought_on >= max(self.valid_from, self.known_from):
            return True
        return self.existing_from is not None and self.existing_from <= day


@dataclass(frozen=True, slots=True)
class Plan:
    """What a period of a service costs, and how long it is."""

    code: str
    months: int
    pricing: Pricing
    vat_class: str
    prices: tuple[Price, ...]
    discounts: tuple[Discount, ...] = ()

    def price_on(self, day: date, *, bought_on: date) -> Price:
        """Return the price of a period by its first day, the latest `valid_from` winning.

        Raises: NoPriceError.
        """
        found: Price | None = None
        for price in self.prices:
            if found is not None and price.valid_from <= found.valid_from:
                continue
            if price.reaches(day=day, bought_on=bought_on):
                found = price
        if found is None:
            raise NoPriceError(self.code, day)
        return found

    def total(self, price: Price, quantity: int) -> Decimal:
        """Return what a whole period costs for a number of seats; none cost nothing."""
        if quantity == 0:
            return Decimal(0)
        if self.pricing is Pricing.TIERED:
            return price.climb(quantity)
        return price.unit_price * self.units(quantity)

    def discount_on(self, day: date, own: Sequence[Discount] = ()) -> Discount | None:
        """Return the discount of a period by its first day: a buyer's own goes before the plan's.

        One at a time: they don't add up.
        """
        for discount in (*own, *self.discounts):
            if discount.holds_on(day):
                return discount
        return None

    def units(self, quantity: int) -> int:
        """Return how many times the price is charged."""
        return quantity if self.pricing is Pricing.PER_UNIT else 1


@dataclass(frozen=True, slots=True)
class VatRate:
    """A rate in per cent, in force from a day until before another."""

    vat_class: str
    country: str
    rate: Decimal
    valid_from: date
    valid_to: date | None = None

    def is_in_force(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class Buyer:
    """What VAT asks of the one who pays."""

    country: str
    vat_number: str = ""

    @property
    def is_reverse_charged(self) -> bool:
        """Whether the buyer accounts for the VAT: another EU country, with a VAT number."""
        abroad = self.country in EU_COUNTRIES and self.country != SELLER_COUNTRY
        return abroad and bool(self.vat_number)


@dataclass(frozen=True, slots=True)
class Vat:
    """The VAT of a line."""

    category: VatCategory
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that a calculation looks up."""

    plans: Mapping[str, Plan]
    vat_rates: Sequence[VatRate]

    def plan(self, code: str) -> Plan:
        """Return a plan by its code.

        Raises: UnknownPlanError.
        """
        try:
            return self.plans[code]
        except KeyError:
            raise UnknownPlanError(code) from None

    def vat_on(self, day: date, *, vat_class: str, buyer: Buyer) -> Vat:
        """Return the VAT of a line by the first day of its period.

        Raises: NoVatRateError.
        """
        if buyer.is_reverse_charged:
            return Vat(VatCategory.REVERSE_CHARGE, Decimal(0))
        for rate in self.vat_rates:
            is_asked_for = (rate.vat_class, rate.country) == (vat_class, buyer.country)
            if is_asked_for and rate.is_in_force(day):
                return Vat(VatCategory.STANDARD, rate.rate)
        raise NoVatRateError(vat_class, buyer.country, day)
