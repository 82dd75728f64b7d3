"""What people fill in when they buy, change and close."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from billing.models import (
    Plan,
)
from billing.operations import NotAgreedError
from companies.models import Company, parse_org_number
from services.operations import Cell
from vop.lib.errors import DomainError

MOST_SEATS: Final = 10_000
MOST_CELLS: Final = 5_000
BROKEN_TABLE: Final = _("The table was damaged on its way. Load the page again.")


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
    were = forms.CharField(required=False, widget=forms.HiddenInput)  # the roles of those seats

    give: frozenset[Cell] = frozenset()
    release: frozenset[Cell] = frozenset()
    roles: Mapping[Cell, str] = MappingProxyType({})

    def clean(self) -> dict[str, Any]:
        """Find the cells that somebody touched."""
        values: dict[str, Any] = super().clean() or {}
        ticked = self.data.getlist("seat") if isinstance(self.data, QueryDict) else []
        seen = str(values.get("was", "")).split()
        if len(ticked) + len(seen) > MOST_CELLS:
            raise ValidationError(BROKEN_TABLE)
        now, before = frozenset(map(_read_cell, ticked)), frozenset(map(_read_cell, seen))
        self.give, self.release = now - before, before - now
        self.roles = self._read_roles(str(values.get("were", "")).split(), stay=now & before)
        return values

    def _read_roles(self, seen: list[str], *, stay: Collection[Cell]) -> dict[Cell, str]:
        """Find the roles that somebody chose anew, of seats that stay."""
        chosen = self.data.getlist("role") if isinstance(self.data, QueryDict) else []
        if len(chosen) + len(seen) > MOST_CELLS:
            raise ValidationError(BROKEN_TABLE)
        touched = [text.rpartition(".") for text in chosen if text not in set(seen)]
        found = {_read_cell(cell): code for cell, _dot, code in touched}
        return {cell: code for cell, code in found.items() if cell in stay}


def _read_cell(text: str) -> Cell:
    member, _dot, entitlement = text.partition(".")
    try:
        return uuid.UUID(member), uuid.UUID(entitlement)
    except ValueError as error:
        raise ValidationError(BROKEN_TABLE) from error


def _ask_for_own_basis() -> forms.BooleanField:
    return forms.BooleanField(
        label=_("An invoice basis of its own"),
        required=False,
        help_text=_("Otherwise it shares one with the company's other subscriptions of the day."),
    )


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
    has_own_basis = _ask_for_own_basis()
    payer = forms.ChoiceField(
        label=_("Who pays"),
        widget=forms.RadioSelect,
        help_text=_("The invoice basis goes to who pays."),
        error_messages={"invalid_choice": NotAgreedError.message},
    )

    def __init__(self, data: Any = None, *, plan: Plan, payers: Sequence[Company]) -> None:
        super().__init__(data, initial={"payer": str(payers[0].pk)})
        self.payers = {str(payer.pk): payer for payer in payers}
        if not plan.is_per_seat:
            del self.fields["quantity"]
        if len(payers) == 1 and "payer" not in self.data:  # nobody else has agreed to
            del self.fields["payer"]
        else:
            self._offer_payers()

    def _offer_payers(self) -> None:
        payer = self.fields["payer"]
        if isinstance(payer, forms.ChoiceField):
            payer.choices = [(key, one.name) for key, one in self.payers.items()]

    @property
    def payer_asked(self) -> Company | None:
        """The firm or company that was chosen to pay, once the form is valid; nobody was asked."""
        return self.payers.get(self.cleaned_data.get("payer", ""))

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

    def __init__(self, data: Any = None, *, plan: Plan, payers: Sequence[Company]) -> None:
        super().__init__(data, plan=plan, payers=payers)
        for field in self.fields.values():
            field.widget = forms.HiddenInput()

    @classmethod
    def of(cls, form: OrderForm, *, plan: Plan, preview_sha256: str) -> "ConfirmOrderForm":
        """Return the form to confirm what was filled in, with a key of its own."""
        asked = {name: form.cleaned_data.get(name) for name in form.fields}
        key = asked.get("request_key") or uuid.uuid4()
        data = {**asked, "preview_sha256": preview_sha256, "request_key": str(key)}
        return cls(data, plan=plan, payers=[*form.payers.values()])


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


class PlanChangeForm(forms.Form):
    """Another plan of the same service."""

    plan = forms.ChoiceField(label=_("Plan"), widget=forms.RadioSelect)
    wait = forms.BooleanField(
        label=_("Change at the next renewal, even if the plan is dearer"),
        required=False,
        help_text=_("Otherwise a dearer plan begins today, and a cheaper one at the renewal."),
    )

    def __init__(self, data: Any = None, *, plans: Sequence[Plan]) -> None:
        super().__init__(data)
        self._plans = {plan.code: plan for plan in plans}
        choices = self.fields["plan"]
        if isinstance(choices, forms.ChoiceField):
            choices.choices = [(plan.code, plan.name) for plan in plans]

    def clean_plan(self) -> Plan:
        """Return the plan that was chosen."""
        return self._plans[self.cleaned_data["plan"]]


class ConfirmPlanForm(PlanChangeForm, ConfirmForm):
    """The plan once more, unseen, with the preview that it gave."""

    def __init__(self, data: Any = None, *, plans: Sequence[Plan]) -> None:
        super().__init__(data, plans=plans)
        for field in self.fields.values():
            field.widget = forms.HiddenInput()

    @classmethod
    def of(
        cls, form: PlanChangeForm, *, plans: Sequence[Plan], preview_sha256: str
    ) -> "ConfirmPlanForm":
        """Return the form to confirm what was chosen; a key that it has stays."""
        asked = {"plan": form.cleaned_data["plan"].code, "wait": form.cleaned_data["wait"] or ""}
        key = form.data.get("request_key") or str(uuid.uuid4())
        return cls({**asked, "preview_sha256": preview_sha256, "request_key": key}, plans=plans)

    @property
    def decision(self) -> dict[str, Any]:
        """What was confirmed, as the operation takes it."""
        return self.cleaned_data


class PayerForm(forms.Form):
    """Who pays for a subscription."""

    payer = forms.ChoiceField(label=_("Who pays"), widget=forms.RadioSelect)

    def __init__(self, data: Any = None, *, payers: Sequence[Company], current: Company) -> None:
        super().__init__(data, initial={"payer": str(current.pk)})
        self._payers = {str(payer.pk): payer for payer in payers}
        choices = self.fields["payer"]
        if isinstance(choices, forms.ChoiceField):
            choices.choices = [(key, payer.name) for key, payer in self._payers.items()]

    def clean_payer(self) -> Company:
        """Return the company that was chosen."""
        return self._payers[self.cleaned_data["payer"]]


class ReferencesForm(forms.Form):
    """What the company wants to read on its invoice bases."""

    po_number = forms.CharField(
        label=_("Purchase-order number"),
        max_length=40,
        required=False,
        help_text=_("Subscriptions with the same number share an invoice basis."),
    )
    reference = forms.CharField(label=_("Your reference"), max_length=80, required=False)
    has_own_basis = _ask_for_own_basis()
