"""Which part of the log to show."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from auditlog.models import Event
from auditlog.queries import EVENT_GROUPS, LogFilter
from companies.forms.fields import WITHIN_REASON, DateInput
from vop.lib.clock import local_midnight
from vop.lib.forms import PersonField

DEFAULT_LOG = timedelta(days=91)


class LogForm(forms.Form):
    """Which part of the log to show; everything stands in the address."""

    group = forms.ChoiceField(label=_("Event"), required=False)
    person = PersonField(
        label=_("Who (e-mail address)"),
        required=False,
        error_messages={"nobody": _("Nobody who is or was a member has this address.")},
    )
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
        self, data: Mapping[str, str], *, find_person: Callable[[str], User | None], today: date
    ) -> None:
        filled = {"since": (today - DEFAULT_LOG).isoformat(), **data}
        super().__init__(filled)
        everything = ("", _("All"))
        groups = [(code, group.label) for code, group in EVENT_GROUPS.items()]
        group, person = self.fields["group"], self.fields["person"]
        if isinstance(group, forms.ChoiceField):
            group.choices = [everything, *groups]
        if isinstance(person, PersonField):
            person.find = find_person

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
        since, until, person = (values.get(name) for name in ("since", "until", "person"))
        return LogFilter(
            group=values.get("group", ""),
            actor_id=str(person.pk) if person else "",
            outcome=values.get("outcome", ""),
            start=local_midnight(since) if since else None,
            end=local_midnight(until + timedelta(days=1)) if until else None,
        )
