"""How billing's values read."""

import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from django.template import Library
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing import engine
from billing.models import BasisLine, InvoiceBasis
from billing.queries import SeatPrice, SubscriptionRow
from billing.rendering import share_out
from companies.models import Company
from companies.models.numbers import format_org_number
from vop.lib.money import MINUS, from_cents
from vop.templatetags.ui import badge

register = Library()

LOCALES = {"sv": "sv_SE", "en": "en_GB"}
STATUSES: dict[engine.Status, tuple[str | Promise, str]] = {
    engine.Status.TRIALING: (pgettext_lazy("subscription", "Trial"), "info"),
    engine.Status.ACTIVE: (pgettext_lazy("subscription", "Active"), "good"),
    engine.Status.CANCELLED: (pgettext_lazy("subscription", "Cancelled"), "warn"),
    engine.Status.ENDED: (pgettext_lazy("subscription", "Ended"), "neutral"),
}
FAULTS: dict[str, str | Promise] = {  # by the name of the engine's or the operation's refusal
    "NoPriceError": _("The plan has no price for the period. Set one on the plan's page."),
    "NoVatRateError": _("There is no VAT rate for the period. Add one under VAT rates."),
    "NoSellerError": _("No seller is registered. Enter one under Sellers."),
}
CAUSES: dict[str, str | Promise] = {
    "subscribe": _("Purchase"),
    "renewal": _("Renewal"),
    "change_quantity": _("Changed seats"),
    "change_plan": _("Changed plan"),
    "cancel": _("Cancellation"),
    "credit": _("Credit"),
}


@register.filter
def org_number(seller: Mapping[str, str]) -> str:
    """Write the number of a seller, as a basis copied it, the way its country does."""
    digits = seller.get("org_number", "").replace("-", "")
    return format_org_number(seller.get("country", ""), digits)


@register.simple_tag
def subscription_badge(row: SubscriptionRow) -> SafeString:
    label, tone = STATUSES[row.status]
    return badge(str(label), tone)


@register.simple_tag
def basis_badge(basis: InvoiceBasis) -> SafeString:
    is_credit = basis.kind == InvoiceBasis.Kind.CREDIT
    if basis.is_draft and is_credit:
        return badge(pgettext("basis", "Preliminary credit"), "info")
    if basis.is_draft:
        return badge(pgettext("basis", "Preliminary"), "info")
    if is_credit:
        return badge(pgettext("basis", "Credit"), "good")
    return badge(pgettext("basis", "Approved"), "good")


@register.filter
def cause_text(line: BasisLine) -> str | Promise:
    """The event that made a line, as people say it."""
    return CAUSES.get(line.cause, line.cause)


@register.filter
def fault_help(error: str) -> str | Promise:
    """What staff can do about a parked customer; nothing for a fault that we don't know."""
    return FAULTS.get(error.partition(":")[0], "")


@register.filter
def day_before(day: date) -> date:
    """The last day of a half-open period, as people read it."""
    return day - timedelta(days=1)


@register.filter
def price_of(prices: Mapping[uuid.UUID, SeatPrice], entitlement_id: uuid.UUID) -> SeatPrice | None:
    """What one more seat of an entitlement costs, if more can be bought."""
    return prices.get(entitlement_id)


@register.simple_tag
def event_address(company: Company, line: BasisLine, events: Mapping[uuid.UUID, int]) -> str:
    """Where the company's log shows the event behind a line; nothing when it can't be read."""
    event_id = events.get(line.pk)
    if event_id is None:
        return ""
    return f"{reverse('companies:log', args=[company.pk])}?before={event_id + 1}#event-{event_id}"


@register.filter
def signed(number: int) -> str:
    """A number with the sign that amounts have."""
    return str(number).replace("-", MINUS)


@register.filter
def amount(cents: int) -> str:
    """An amount without its currency."""
    text = format_decimal(from_cents(cents), format="#,##0.00", locale=_locale())
    return text.replace("-", MINUS)


@register.filter
def percent(rate: Decimal) -> str:
    return f"{format_decimal(rate, format='0.##', locale=_locale())} %"


@register.filter
def line_price(line: BasisLine) -> str:
    """The price of a whole period; with more decimals than two where it has them."""
    return unit_price(line.unit_price, line.plan.currency)


@register.filter
def unit_price(amount: Decimal, currency: str) -> str:
    """A price per seat; with more decimals than two where it has them."""
    pattern = "#,##0.00## ¤" if _locale() == "sv_SE" else "¤#,##0.00##"
    return format_currency(
        amount, currency, format=pattern, locale=_locale(), currency_digits=False
    )


@register.filter
def seats_of(line: engine.Line) -> int:
    """How many seats a line pays for."""
    return line.quantity if line.seats is None else line.seats


@register.filter
def seats_text(line: BasisLine) -> str:
    """The seats of a tiered line, and how its price comes about."""
    seats = line.seats or 0
    text = ngettext("%(seats)s seat", "%(seats)s seats", abs(seats)) % {"seats": seats}
    parts = [_share_text(share, line.plan.currency) for share in share_out(line)]
    return f"{text}: {', '.join(parts)}" if parts else text


def _share_text(share: engine.Share, currency: str) -> str:
    values = {"seats": share.seats, "price": unit_price(share.unit_price, currency)}
    if share.is_included:
        return gettext("%(seats)s included for %(price)s") % values
    return gettext("%(seats)s at %(price)s each") % values


@register.filter
def discount_text(discount: engine.Discount, currency: str) -> str:
    """What a discount takes off, and how long it holds."""
    taken = (
        percent(discount.percent)
        if discount.percent is not None
        else unit_price(discount.amount or Decimal(0), currency)
    )
    last = format_date(day_before(discount.valid_to), "d MMM y", locale=_locale())
    return gettext("%(name)s: %(taken)s off periods that begin by %(last)s") % {
        "name": discount.name,
        "taken": taken,
        "last": last,
    }


def _locale() -> str:
    return LOCALES.get(get_language() or "sv", "sv_SE")
