"""Which clients a firm looks for."""

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.queries import ClientFilter


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
