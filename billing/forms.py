"""What people fill in when they buy or change, and staff about plans and prices."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.models import (
    CURRENCIES,
    AccountPurpose,
    ErpConnection,
    LedgerAccount,
    Plan,
    VatClass,
    VatKey,
)
from billing.operations import ConnectionFacts, PlanFacts, ReceiptFacts
from billing.queries import ClientFilter, list_plans
from companies.models import Company, parse_org_number, parse_vat_number
from services.models import Seat
from services.operations import Cell
from services.queries import list_offered_services
from vop.lib.clock import local_midnight
from vop.lib.errors import DomainError
from vop.lib.giro import WrongNumberError, parse_bankgiro
from vop.lib.money import to_cents

MOST_SEATS: Final = 10_000
FOREIGN_CURRENCIES: Final = [pair for pair in CURRENCIES if pair[0] != "SEK"]
MOST_CELLS: Final = 5_000
BROKEN_TABLE: Final = _("The table was damaged on its way. Load the page again.")
MOST_BASES: Final = 200


class DateInput(forms.DateInput):
    """The browser's own date field."""

    input_type = "date"

    def __init__(self, attrs: Any = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class ClientFilterForm(forms.Form):
    """Which clients a firm lists; everything stands in the address."""

    q = forms.CharField(
        label=_("Name or organisation number"),
        required=False,
        max_length=160,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    due = forms.TypedChoiceField(
        label=_("Mandate ends"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", _("Any time")), (30, _("Within 30 days")), (90, _("Within 90 days"))],
    )
    people = forms.ChoiceField(
        label=_("People"),
        required=False,
        choices=[
            ("", _("All")),
            ("mine", _("My clients")),
            ("nobody", _("Nobody assigned")),
            ("second_factor", _("Somebody without a second factor")),
        ],
    )
    seats = forms.ChoiceField(
        label=_("Seats"), required=False, choices=[("", _("All")), ("free", _("Unused seats"))]
    )
    basis = forms.ChoiceField(
        label=_("Invoice basis"),
        required=False,
        choices=[("", _("All")), ("open", _("Draft")), ("recent", _("The last 30 days"))],
    )
    sort = forms.ChoiceField(
        label=pgettext_lazy("sorting", "Order by"),
        required=False,
        choices=[
            ("", _("Name")),
            ("end", _("Last day")),
            ("lead", _("Engagement lead")),
            ("newest", _("Newest first")),
        ],
    )

    @property
    def chosen(self) -> ClientFilter:
        """The filter; faults in a field leave that field out."""
        self.full_clean()
        values = self.cleaned_data
        return ClientFilter(
            text=values.get("q", ""),
            due_days=values.get("due"),
            people=values.get("people", ""),
            seats=values.get("seats", ""),
            basis=values.get("basis", ""),
            order=values.get("sort") or "name",
        )


class CloseCompanyForm(forms.Form):
    """The company's number, so that nobody closes a company by a slip."""

    org_number = forms.CharField(
        label=_("Organisation number"),
        max_length=30,
        help_text=_("Type it to confirm."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, company: Company) -> None:
        super().__init__(data)
        self._company = company

    def clean_org_number(self) -> str:
        """Take the number as people write it."""
        try:
            number = parse_org_number(self._company.country, self.cleaned_data["org_number"])
        except DomainError as error:
            raise ValidationError(str(error.message)) from error
        if number != self._company.org_number:
            raise ValidationError(_("This is the number of another company."))
        return number


class SeatMatrixForm(forms.Form):
    """What was ticked and unticked in a table of people and services.

    `was` lists the seats that the page showed, so that only what somebody touched is changed:
    a page that was open for an hour takes nothing back that others did meanwhile.
    """

    was = forms.CharField(required=False, widget=forms.HiddenInput)

    give: frozenset[Cell] = frozenset()
    release: frozenset[Cell] = frozenset()

    def clean(self) -> dict[str, Any]:
        """Find the cells that somebody touched."""
        values: dict[str, Any] = super().clean() or {}
        ticked = self.data.getlist("seat") if isinstance(self.data, QueryDict) else []
        seen = str(values.get("was", "")).split()
        if len(ticked) + len(seen) > MOST_CELLS:
            raise ValidationError(BROKEN_TABLE)
        now, before = frozenset(map(_read_cell, ticked)), frozenset(map(_read_cell, seen))
        self.give, self.release = now - before, before - now
        return values

    @staticmethod
    def write(seats: Iterable[Seat]) -> str:
        """Return the seats that a page shows, as `was` carries them."""
        return " ".join(f"{seat.membership_id}.{seat.entitlement_id}" for seat in seats)


def _read_cell(text: str) -> Cell:
    member, _dot, entitlement = text.partition(".")
    try:
        return uuid.UUID(member), uuid.UUID(entitlement)
    except ValueError as error:
        raise ValidationError(BROKEN_TABLE) from error


class OrderForm(forms.Form):
    """How many seats, and what the buyer wants on the invoice basis."""

    quantity = forms.IntegerField(
        label=_("Number of seats"),
        min_value=1,
        max_value=MOST_SEATS,
        initial=1,
        help_text=_("One for each person who will use the service. You can change it later."),
    )
    take_seat = forms.BooleanField(
        label=_("Give me one of the seats at once"), required=False, initial=True
    )
    po_number = forms.CharField(
        label=_("Purchase-order number"),
        max_length=40,
        required=False,
        help_text=_("Shown on the invoice basis."),
    )
    reference = forms.CharField(label=_("Your reference"), max_length=80, required=False)

    def __init__(self, data: Any = None, *, plan: Plan) -> None:
        super().__init__(data)
        if not plan.is_per_seat:
            del self.fields["quantity"]

    @property
    def quantity_asked(self) -> int:
        """The number of seats, once the form is valid; a flat price knows none."""
        return int(self.cleaned_data.get("quantity", 1))


class ConfirmForm(forms.Form):
    """What a confirmation carries besides the form that was previewed: all of it hidden."""

    preview_sha256 = forms.CharField(widget=forms.HiddenInput, max_length=64)
    request_key = forms.UUIDField(widget=forms.HiddenInput)


class ConfirmOrderForm(OrderForm, ConfirmForm):
    """The order form once more, unseen, with the preview that it gave."""

    def __init__(self, data: Any = None, *, plan: Plan) -> None:
        super().__init__(data, plan=plan)
        for field in self.fields.values():
            field.widget = forms.HiddenInput()

    @classmethod
    def of(cls, form: OrderForm, *, plan: Plan, preview_sha256: str) -> "ConfirmOrderForm":
        """Return the form to confirm what was filled in, with a key of its own."""
        asked = {name: form.cleaned_data.get(name) for name in form.fields}
        key = asked.get("request_key") or uuid.uuid4()
        return cls({**asked, "preview_sha256": preview_sha256, "request_key": str(key)}, plan=plan)


class SeatsForm(forms.Form):
    """Another number of seats."""

    quantity = forms.IntegerField(label=_("Number of seats"), min_value=1, max_value=MOST_SEATS)


class ConfirmSeatsForm(SeatsForm, ConfirmForm):
    """The number once more, unseen, with the preview that it gave."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["quantity"].widget = forms.HiddenInput()

    @classmethod
    def of(cls, form: SeatsForm, *, preview_sha256: str) -> "ConfirmSeatsForm":
        """Return the form to confirm what was filled in; a key that it has stays."""
        key = form.data.get("request_key") or str(uuid.uuid4())
        quantity = form.cleaned_data["quantity"]
        return cls({"quantity": quantity, "preview_sha256": preview_sha256, "request_key": key})


class PlanForm(forms.Form):
    """A plan as staff enter it. What a subscription was bought on can't change afterwards."""

    FIXED: Final = (
        "service", "code", "interval", "interval_count", "pricing", "vat_class", "currency",
    )  # fmt: skip

    service: "forms.ModelChoiceField[Any]" = forms.ModelChoiceField(
        label=_("Service"), queryset=None
    )
    code = forms.SlugField(label=_("Code"), max_length=50, help_text=_("Stands in addresses."))
    name = forms.CharField(label=_("Name"), max_length=80)
    description = forms.CharField(label=_("Description"), max_length=200, required=False)
    interval = forms.ChoiceField(label=_("Interval"), choices=Plan.Interval)
    interval_count = forms.IntegerField(
        label=_("Number of intervals"), min_value=1, max_value=120, initial=1
    )
    pricing = forms.ChoiceField(label=_("Pricing"), choices=Plan.Pricing)
    vat_class = forms.ChoiceField(label=_("VAT class"), choices=VatClass)
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCIES)
    trial_days = forms.IntegerField(
        label=_("Free trial, days"), min_value=0, max_value=366, initial=0
    )
    rank = forms.IntegerField(label=_("Order in the list"), min_value=0, max_value=999, initial=0)
    is_offered = forms.BooleanField(label=_("Offered"), required=False, initial=True)

    def __init__(self, data: Any = None, *, plan: Plan | None = None) -> None:
        super().__init__(data)
        services = self.fields["service"]
        if isinstance(services, forms.ModelChoiceField):
            services.queryset = list_offered_services()
        if plan is not None:
            for name in self.FIXED:
                del self.fields[name]
            self.initial = {name: getattr(plan, name) for name in self.fields}

    def facts(self, plan: Plan | None) -> PlanFacts:
        """Return what was entered, with what can't change as it was."""
        fixed = {} if plan is None else {name: getattr(plan, name) for name in self.FIXED}
        return PlanFacts(**{**fixed, **self.cleaned_data})


class PriceForm(forms.Form):
    """A price from a day on."""

    plan: "forms.ModelChoiceField[Any]" = forms.ModelChoiceField(label=_("Plan"), queryset=None)
    unit_price = forms.DecimalField(
        label=_("Price without VAT"), min_value=0, max_digits=12, decimal_places=4, localize=True
    )
    valid_from = forms.DateField(label=_("For new buyers from"), widget=DateInput)
    existing_from = forms.DateField(
        label=_("For earlier buyers from"),
        required=False,
        widget=DateInput,
        help_text=_("Empty: those who have bought already keep their price."),
    )

    def __init__(self, data: Any = None, *, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        plans = self.fields["plan"]
        if isinstance(plans, forms.ModelChoiceField):
            plans.queryset = list_plans()


class VatRateForm(forms.Form):
    """A VAT rate from a day on."""

    vat_class = forms.ChoiceField(label=_("VAT class"), choices=VatClass)
    country = forms.RegexField(
        label=_("Country"), regex=r"^[A-Z]{2}$", initial="SE", help_text=_("Two letters.")
    )
    rate = forms.DecimalField(
        label=_("Per cent"), min_value=0, max_value=100, decimal_places=2, localize=True
    )
    valid_from = forms.DateField(label=_("From"), widget=DateInput)
    valid_to = forms.DateField(
        label=_("Until before"),
        required=False,
        widget=DateInput,
        help_text=_("Empty: until another rate begins."),
    )


class ExchangeRateForm(forms.Form):
    """What a currency is in SEK on a day."""

    currency = forms.ChoiceField(label=_("Currency"), choices=FOREIGN_CURRENCIES)
    on = forms.DateField(label=_("Day"), widget=DateInput)
    rate = forms.DecimalField(
        label=_("SEK for one unit"), min_value=0, max_digits=14, decimal_places=6, localize=True
    )
    source = forms.CharField(label=_("Source"), max_length=40, initial="Riksbanken")


class ConnectionForm(forms.Form):
    """A system of the seller's that bases go to."""

    name = forms.CharField(label=_("Name"), max_length=80)
    webhook_url = forms.CharField(
        label=_("Webhook address"),
        max_length=500,
        required=False,
        help_text=_("Told of each approved basis. Empty: it asks by itself."),
    )
    may_acknowledge = forms.BooleanField(
        label=_("May acknowledge"),
        required=False,
        initial=True,
        help_text=_("May say which invoice it made of a basis."),
    )
    since = forms.DateField(
        label=_("Tell of what is approved from"),
        required=False,
        widget=DateInput,
        help_text=_("Empty: from now on."),
    )

    def __init__(self, data: Any = None, *, connection: ErpConnection | None = None) -> None:
        super().__init__(data)
        if connection is not None:
            del self.fields["since"]
            self.initial = {name: getattr(connection, name) for name in self.fields}

    @property
    def facts(self) -> ConnectionFacts:
        """What was entered, once the form is valid."""
        asked = self.cleaned_data
        return ConnectionFacts(asked["name"], asked["webhook_url"], asked["may_acknowledge"])

    @property
    def told_since(self) -> datetime | None:
        """The instant from which bases are told of, if a day was named."""
        day = self.cleaned_data.get("since")
        return None if day is None else local_midnight(day)


class ReceiptForm(forms.Form):
    """What the accounts say of the invoice that they made; amounts are decimal strings."""

    invoice_number = forms.CharField(max_length=40)
    payable = forms.DecimalField(max_digits=17, decimal_places=2)
    currency = forms.ChoiceField(choices=CURRENCIES)
    ocr = forms.CharField(max_length=40, required=False)

    @property
    def facts(self) -> ReceiptFacts:
        """What was sent, once the form is valid."""
        asked = self.cleaned_data
        return ReceiptFacts(
            invoice_number=asked["invoice_number"],
            payable_cents=to_cents(asked["payable"]),
            currency=asked["currency"],
            ocr=asked["ocr"],
        )


class BasesQuery(forms.Form):
    """Which bases the accounts ask for."""

    series = forms.CharField(max_length=20, required=False)
    after = forms.RegexField(r"^[^\s]{1,20}-[0-9]{1,9}$", required=False)
    state = forms.ChoiceField(
        choices=[("all", "all"), ("unacknowledged", "unacknowledged")], required=False
    )
    limit = forms.IntegerField(min_value=1, max_value=MOST_BASES, required=False)

    @property
    def place(self) -> tuple[str, int] | None:
        """The series and number to go on after."""
        series, _dash, number = self.cleaned_data["after"].rpartition("-")
        return (series, int(number)) if number else None


class LedgerAccountForm(forms.Form):
    """Where something is booked."""

    purpose = forms.ChoiceField(label=_("Purpose"), choices=AccountPurpose)
    vat = forms.ChoiceField(label=_("VAT"), choices=VatKey, required=False)
    service: "forms.ModelChoiceField[Any]" = forms.ModelChoiceField(
        label=_("Service"),
        queryset=None,
        required=False,
        help_text=_("For revenue that one service books apart."),
    )
    number = forms.RegexField(
        label=_("Account"), regex=r"^[1-9][0-9]{3}$", help_text=_("Four digits.")
    )
    name = forms.CharField(label=_("Name"), max_length=80)

    def __init__(self, data: Any = None, *, account: LedgerAccount | None = None) -> None:
        super().__init__(data)
        services = self.fields["service"]
        if isinstance(services, forms.ModelChoiceField):
            services.queryset = list_offered_services()
        if account is not None:
            self.initial = {name: getattr(account, name) for name in self.fields}


class SellerForm(forms.Form):
    """Who sells, as bases name them."""

    name = forms.CharField(label=_("Name"), max_length=160)
    org_number = forms.CharField(label=_("Organisation number"), max_length=20)
    vat_number = forms.CharField(label=_("VAT number"), max_length=20)
    street = forms.CharField(label=_("Street or box"), max_length=160)
    postcode = forms.CharField(label=_("Postcode"), max_length=20)
    city = forms.CharField(label=_("City"), max_length=80)
    country = forms.RegexField(label=_("Country"), regex=r"^[A-Z]{2}$", initial="SE")
    email = forms.EmailField(label=_("E-mail"))
    bankgiro = forms.CharField(
        label=_("Bankgiro"),
        max_length=20,
        required=False,
        help_text=_("Where customers pay; goes into e-invoices."),
    )
    payment_days = forms.IntegerField(
        label=_("Days to pay"), min_value=0, max_value=365, initial=30
    )
    series_prefix = forms.SlugField(
        label=_("Prefix of numbers"),
        max_length=8,
        initial="U",
        help_text=_("A new prefix begins a new number series."),
    )

    def clean(self) -> dict[str, Any]:
        """Check and write the numbers as they are stored."""
        asked = super().clean() or {}
        if asked.get("bankgiro"):
            try:
                asked["bankgiro"] = parse_bankgiro(asked["bankgiro"])
            except WrongNumberError:
                self.add_error(
                    "bankgiro", _("This is no bankgiro number: look for a typing error.")
                )
        country = asked.get("country", "SE")
        for name, parse in (("org_number", parse_org_number), ("vat_number", parse_vat_number)):
            if asked.get(name):
                try:
                    asked[name] = parse(country, asked[name])
                except DomainError as error:
                    self.add_error(name, str(error.message))
        return asked
