"""Which dates to count."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from stats.queries import Period

DEFAULT_DAYS = 28  # whole weeks, so that weekdays compare
CHOICES = (7, 28, 90)
MOST_DAYS = 400


class PeriodForm(forms.Form):
    """A first and a last date."""

    first = forms.DateField(
        label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(
        label=_("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def clean(self) -> dict[str, Any]:
        """Refuse dates the wrong way round, and more than a year and a bit."""
        values: dict[str, Any] = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        if first and last and last < first:
            self.add_error("last", ValidationError(_("The last date is before the first.")))
        elif first and last and (last - first).days >= MOST_DAYS:
            self.add_error(
                "first",
                ValidationError(_("Choose at most %(days)d days."), params={"days": MOST_DAYS}),
            )
        return values

    @property
    def period(self) -> Period:
        """The chosen dates, once the form is valid."""
        return Period(self.cleaned_data["first"], self.cleaned_data["last"])


def last_days(number: int, today: date) -> Period:
    """Return the period of so many days that ends today."""
    return Period(today - timedelta(days=number - 1), today)


def read_period(data: Any, today: date) -> tuple[PeriodForm, Period]:
    """Return the form as sent, and its period, or the usual one where there is none yet."""
    usual = last_days(DEFAULT_DAYS, today)
    given = {"first": usual.first, "last": usual.last} | {
        key: data[key] for key in ("first", "last") if key in data
    }
    form = PeriodForm(given)
    return form, form.period if form.is_valid() else usual
