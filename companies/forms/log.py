"""Which part of the log to show."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from auditlog.models import Event
from auditlog.queries import EVENT_GROUPS, LogFilter
from companies.forms.fields import WITHIN_REASON, DateInput
from vop.lib.clock import local_midnight

DEFAULT_LOG = timedelta(days=91)


class LogForm(forms.Form):
    """Which part of the log to show; everything stands in the address."""

    group = forms.ChoiceField(label=_("Event"), required=False)
    person = forms.ChoiceField(label=_("Who"), required=False)
    since = forms.DateField(
        label=_("From"), required=False, widget=DateInput(), validators=WITHIN_REASON
    )
    until = forms.DateField(
        label=_("To"), required=False, widget=DateInput(), validators=WITHIN_REASON
    )
    outcome = forms.ChoiceField(
        label=_("Outcome"),
        required=False,
        choices=[("", _("All")), *Event.Outcome.choices],
    )

    def __init__(
        self, data: Mapping[str, str], *, people: Iterable[tuple[str, str]], today: date
    ) -> None:
        filled = {"since": (today - DEFAULT_LOG).isoformat(), **data}
        super().__init__(filled)
        everything = ("", _("All"))
        groups = [(code, group.label) for code, group in EVENT_GROUPS.items()]
        self._set_choices("group", [everything, *groups])
        self._set_choices("person", [everything, *people])

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it starts."""
        values: dict[str, Any] = super().clean() or {}
        since, until = values.get("since"), values.get("until")
        if since and until and until < since:
            self.add_error("until", _("The period ends before it starts."))
        return values

    @property
    def chosen(self) -> LogFilter:
        """The filter; faults in a field leave that field out."""
        self.full_clean()
        values = self.cleaned_data
        since, until = values.get("since"), values.get("until")
        return LogFilter(
            group=values.get("group", ""),
            actor_id=values.get("person", ""),
            outcome=values.get("outcome", ""),
            start=local_midnight(since) if since else None,
            end=local_midnight(until + timedelta(days=1)) if until else None,
        )

    def _set_choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices
