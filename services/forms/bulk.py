"""Tables of clients: whom to ask for a mandate, and who is to work for whom."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from companies.models import Company
from services.forms.fields import DayField
from services.forms.mandates import PackageFields, end_of
from services.models import Package, Service
from services.operations import MOST_CLIENTS, ClientRow, ClientTable, RequestPlan, read_clients
from services.queries import cover
from vop.lib.clock import local_midnight
from vop.lib.errors import DomainError
from vop.lib.tables import (
    MOST_BYTES,
    Line,
    TableTooLargeError,
    is_workbook,
    join_table,
    parse_table,
    read_table,
)


class _TableForm(forms.Form):
    """A file of clients, or its text once it has been looked at."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.xlsx"}),
    )
    text = forms.CharField(required=False, max_length=MOST_BYTES, widget=forms.HiddenInput)
    is_workbook = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, files: Any = None, *, firm: Company, **more: Any) -> None:
        super().__init__(data, files, **more)
        self.fields["file"].required = not self.is_bound  # later the rows may come as text or ticks
        self._firm = firm
        self._table = ClientTable([], [])

    def clean(self) -> dict[str, Any]:
        """Read the table, whatever kind of file, coding and separator it has."""
        values: dict[str, Any] = super().clean() or {}
        file = values.get("file")
        if "file" in self.errors:
            return values
        if not file and not (text := self.read_text(values)):
            self.add_error("file", _("Choose a file."))
            return values
        try:
            # One byte more than allowed tells a file that is too large.
            raw = file.read(MOST_BYTES + 1) if file else b""
            lines = read_table(raw) if file else parse_table(text)
            self._table = read_clients(lines, country=self._firm.country)
        except DomainError as error:
            self.add_error("file", str(error.message))
            return values
        if len(self.plain_text) > MOST_BYTES:
            self.add_error("file", str(TableTooLargeError.message))
        elif not self.rows:
            self.add_error("file", _("There are no rows below the heading."))
        elif len(self.rows) > MOST_CLIENTS:
            self.add_error("file", _("At most %(most)s rows at a time.") % {"most": MOST_CLIENTS})
        if file:
            values["is_workbook"] = is_workbook(raw)
        return values

    def read_text(self, values: dict[str, Any]) -> str:
        """Return the table that came without a file."""
        return str(values.get("text", ""))

    @property
    def rows(self) -> Sequence[ClientRow]:
        """What the table says, once the form is valid."""
        return self._table.rows

    @property
    def lines(self) -> Sequence[Line]:
        """The rows as they came, the heading first, once the form is valid."""
        return self._table.lines

    @property
    def plain_text(self) -> str:
        """The table as text that reads the same again, for the next step."""
        return self._table.plain_text


class RequestManyForm(_TableForm):
    """Which clients to ask for a mandate, and for what."""

    first_day = DayField(label=_("First day"), help_text=_("For rows that name none."))
    last_day = DayField(
        label=_("Last day"),
        help_text=_("Required: 24 months after the first day at the latest."),
    )
    text_sha256 = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, files: Any = None, *, firm: Company, services: Iterable[Service],
        days: tuple[date, date],
    ) -> None:  # fmt: skip
        initial = {"first_day": days[0], "last_day": days[1]}
        super().__init__(data, files, firm=firm, initial=initial)
        self.fields["file"].help_text = _(
            "CSV or XLSX, at most 1 MB. The first row names the columns: Org number, and if you "
            "like Lead (an e-mail address), From and Until."
        )
        self._packages = PackageFields(self, services)

    @property
    def plan(self) -> RequestPlan:
        """What every row asks for unless it says otherwise, once the form is valid."""
        return RequestPlan(
            firm=self._firm,
            covered=cover(self._packages.chosen),
            start=local_midnight(self.cleaned_data["first_day"]),
            end=end_of(self.cleaned_data["last_day"]),
        )

    def clean(self) -> dict[str, Any]:
        """Ask for something."""
        values = super().clean()
        if not self._packages.chosen:
            self.add_error(None, _("Choose at least one service and what may be done in it."))
        return values


class AssignManyForm(_TableForm):
    """Who is to work for which clients: a file, or one person and the clients that were ticked."""

    level = forms.ChoiceField(
        label=_("May"),
        required=False,
        choices=[
            ("", _("All that the mandate covers")),
            *((p.value, p.label) for p in Package if p != Package.ADMIN),
        ],
    )
    email = forms.EmailField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, files: Any = None, *, firm: Company) -> None:
        super().__init__(data, files, firm=firm)
        self.fields["file"].help_text = _(
            "CSV or XLSX, at most 1 MB. The first row names the columns: Org number, E-mail, and "
            "if you like Until."
        )

    def read_text(self, values: dict[str, Any]) -> str:
        """Return the text of the step before, or make one of the ticks."""
        if not self._ticked:
            return super().read_text(values)
        email = values.get("email", "")
        return join_table([["Org.nr", "E-post"], *([number, email] for number in self._ticked)])

    @property
    def is_of_ticked(self) -> bool:
        """Whether it comes from the list of clients, not from a file."""
        return "of_ticked" in self.data

    @property
    def lacks_ticks(self) -> bool:
        """Whether nobody was ticked on the list of clients, or nobody named who has an address."""
        is_named = self.data.get("email") and "email" not in self.errors
        return self.is_of_ticked and not (self._ticked and is_named)

    @property
    def _ticked(self) -> Sequence[str]:
        return self.data.getlist("client") if isinstance(self.data, QueryDict) else []

    @property
    def chosen_level(self) -> Package | None:
        """The most that anybody gets, once the form is valid; nothing for no limit."""
        level = self.cleaned_data.get("level", "")
        return Package(level) if level else None
