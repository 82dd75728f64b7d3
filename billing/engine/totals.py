"""What a basis comes to: VAT per rate on the sum of its lines, öresavrundning on the payable."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.engine.catalogue import VatCategory
from billing.engine.lines import Line
from vop.lib.money import from_cents, to_cents

CENTS_OF_A_KRONA = 100


@dataclass(frozen=True, slots=True)
class VatSum:
    """What is charged at one rate, and the VAT on it."""

    category: VatCategory
    rate: Decimal
    base_cents: int
    vat_cents: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a basis; `payable` is net + VAT + rounding."""

    vat: tuple[VatSum, ...]
    net_cents: int
    vat_cents: int
    rounding_cents: int
    payable_cents: int

    @property
    def kind(self) -> str:
        """A basis whose net is below zero is a credit."""
        return "credit" if self.net_cents < 0 else "invoice"


def total(lines: Sequence[Line], currency: str) -> Totals:
    """Sum lines of one buyer and currency, the highest rate first."""
    return total_of(
        ((line.vat.rate, line.vat.category, line.net_cents) for line in lines), currency
    )


def total_of(amounts: Iterable[tuple[Decimal, str, int]], currency: str) -> Totals:
    """Sum amounts, each with its VAT rate in per cent and its category."""
    bases: dict[tuple[Decimal, str], int] = {}
    for rate, category, net_cents in amounts:
        bases[rate, category] = bases.get((rate, category), 0) + net_cents
    vat = tuple(
        VatSum(VatCategory(category), rate, base, to_cents(from_cents(base) * rate / 100))
        for (rate, category), base in sorted(bases.items(), reverse=True)
    )
    net_cents = sum(bases.values())
    vat_cents = sum(part.vat_cents for part in vat)
    exact = net_cents + vat_cents
    payable = round_to_krona(exact) if currency == "SEK" else exact
    return Totals(vat, net_cents, vat_cents, payable - exact, payable)


def round_to_krona(cents: int) -> int:
    """Round to whole kronor, 50 öre upwards, mirrored below zero (lag 1970:1029, 2 §)."""
    return to_cents(from_cents(cents) / CENTS_OF_A_KRONA) * CENTS_OF_A_KRONA


def convert(cents: int, rate: Decimal) -> int:
    """Return an amount in SEK at a rate, SEK for each unit of its own currency."""
    return to_cents(from_cents(cents) * rate)
