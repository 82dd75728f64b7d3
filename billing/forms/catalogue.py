"""What staff enter about plans, prices, discounts, rates, ledger accounts and the seller."""

import re
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from billing import engine
from billing.forms.fields import DateInput
from billing.models import (
    CURRENCIES,
    AccountPurpose,
    Discount,
    LedgerAccount,
    Plan,
    VatClass,
    VatKey,
)
from billing.operations import BadTiersError, PlanFacts
from billing.queries import list_plans, list_running
from companies.models import parse_org_number, parse_vat_number
from services.queries import list_offered_services
from vop.lib.errors import DomainError
from vop.lib.giro import WrongNumberError, parse_bankgiro

FOREIGN_CURRENCIES: Final = [pair for pair in CURRENCIES if pair[0] != "SEK"]
_TIER: Final = re.compile(r"[0-9]{1,6} [0-9]{1,8}([.,][0-9]{1,4})?", re.ASCII)


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
    tiers = forms.CharField(
        label=_("Tiers"),
        required=False,
        max_length=2_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_(
            "Of a tiered plan: a line for each, with a number of seats and what each seat above it"
            " costs, such as “5 99,00”. The price above covers the seats before the first tier."
        ),
    )
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        plans = self.fields["plan"]
        if isinstance(plans, forms.ModelChoiceField):
            plans.queryset = list_plans()

    def clean_tiers(self) -> tuple[engine.Tier, ...]:
        """Read the tiers as people write them, with a decimal comma or point."""
        rows = [row.split() for row in str(self.cleaned_data["tiers"]).splitlines() if row.strip()]
        if any(not _TIER.fullmatch(" ".join(row)) for row in rows):
            raise ValidationError(_("Write a whole number and a price on each line: “5 99,00”."))
        return tuple(
            engine.Tier(int(above), Decimal(price.replace(",", "."))) for above, price in rows
        )

    def clean(self) -> dict[str, Any]:
        """Check that tiers and plan fit."""
        asked: dict[str, Any] = super().clean() or {}
        plan = asked.get("plan")
        if plan is not None and "tiers" in asked and plan.is_tiered != bool(asked["tiers"]):
            self.add_error("tiers", str(BadTiersError.message))
        return asked

    @property
    def price(self) -> engine.Price:
        """The price as the engine knows it, once the form is valid."""
        asked = self.cleaned_data
        dates = (asked["valid_from"], asked["existing_from"])
        return engine.Price(asked["unit_price"], *dates, tiers=asked["tiers"])


class DiscountForm(forms.Form):
    """A discount of a plan, or of one subscription."""

    plan: "forms.ModelChoiceField[Any]" = forms.ModelChoiceField(
        label=_("Plan"), queryset=None, required=False, help_text=_("For everybody who has it.")
    )
    subscription: "forms.ModelChoiceField[Any]" = forms.ModelChoiceField(
        label=_("Subscription"),
        queryset=None,
        required=False,
        widget=forms.TextInput,
        help_text=_("For this one alone: choose it in the list of subscriptions."),
    )
    name = forms.CharField(
        label=_("Name"), max_length=80, help_text=_("Customers read it on the invoice basis.")
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=Discount.Kind)
    value = forms.DecimalField(
        label=_("Per cent or amount for each period"),
        min_value=0,
        max_digits=12,
        decimal_places=2,
        localize=True,
    )
    valid_from = forms.DateField(label=_("For periods that begin from"), widget=DateInput)
    valid_to = forms.DateField(label=_("Until before"), widget=DateInput)

    def __init__(self, data: Any = None, *, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        for name, rows in (("plan", list_plans()), ("subscription", list_running())):
            choices = self.fields[name]
            if isinstance(choices, forms.ModelChoiceField):
                choices.queryset = rows

    def clean(self) -> dict[str, Any]:
        """Take either a plan or a subscription."""
        asked: dict[str, Any] = super().clean() or {}
        if not self.errors and (asked["plan"] is None) == (asked["subscription"] is None):
            self.add_error("plan", _("Choose either a plan or a subscription."))
        return asked

    @property
    def facts(self) -> dict[str, Any]:
        """What was entered, as the operation takes it."""
        facts = dict(self.cleaned_data)
        plan, subscription = facts.pop("plan"), facts.pop("subscription")
        return {**facts, "of": plan or subscription}


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


class TermsForm(forms.Form):
    """A version of the terms of sale. It is never changed: publish another."""

    version = forms.SlugField(label=_("Version"), max_length=20)
    valid_from = forms.DateField(label=_("For purchases from"), widget=DateInput)
    text_sv = forms.CharField(
        label=_("Text in Swedish"), max_length=100_000, widget=forms.Textarea(attrs={"rows": 20})
    )
    text_en = forms.CharField(
        label=_("Text in English"), max_length=100_000, widget=forms.Textarea(attrs={"rows": 20})
    )
