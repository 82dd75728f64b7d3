"""What the seller's accounts send, and how they are connected."""

from datetime import datetime
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.forms.fields import DateInput
from billing.models import (
    CURRENCIES,
    ErpConnection,
)
from billing.operations import ConnectionFacts, ReceiptFacts
from vop.lib.clock import local_midnight
from vop.lib.money import to_cents

MOST_BASES: Final = 200


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
