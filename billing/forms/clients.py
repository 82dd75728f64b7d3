"""Which clients a firm looks for, and whom it assigns to those that it ticks."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.queries import ClientFilter
from vop.lib.forms import PersonField


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


class TickedForm(forms.Form):
    """The ticks of the list and the colleague named below it, as far as they got."""

    email = forms.EmailField(
        label=_("Assign the ticked clients to (e-mail address)"),
        widget=forms.EmailInput(attrs={"list": PersonField.SUGGESTIONS, "autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        """Ask for a tick."""
        if not self.clients:
            self.add_error(None, _("Tick at least one client."))
        return super().clean() or {}

    @property
    def clients(self) -> Sequence[str]:
        """The numbers of the clients that are ticked."""
        return self.data.getlist("client") if isinstance(self.data, QueryDict) else []
