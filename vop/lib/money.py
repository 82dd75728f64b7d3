"""Amounts: integers in the currency's minor unit, Decimal inside a calculation, never float."""

from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import format_currency

MINUS = "\u2212"
_LOCALES = {"sv": "sv_SE", "en": "en_GB"}


def to_cents(amount: Decimal) -> int:
    """Round half up, away from zero, to the minor unit: the one rounding place of the house."""
    return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def from_cents(cents: int) -> Decimal:
    """Return whole units with two decimals."""
    return Decimal(cents).scaleb(-2)


def format_money(cents: int, currency: str, language: str) -> str:
    """Write an amount as people of that language read it, with its currency."""
    text = format_currency(from_cents(cents), currency, locale=_LOCALES.get(language, "sv_SE"))
    return text.replace("-", MINUS)  # CLDR writes a hyphen
