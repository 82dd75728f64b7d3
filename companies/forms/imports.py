"""What staff import companies and members with."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from companies.operations import (
    MOST_ROWS,
    ImportRow,
    read_import,
)
from vop.lib.errors import DomainError
from vop.lib.tables import (
    MOST_BYTES,
    Line,
    TableTooLargeError,
    is_workbook,
    parse_table,
    read_table,
)


class ImportForm(forms.Form):
    """Companies and members to import: a file, or its text once it has been looked at."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.xlsx"}),
        help_text=_("CSV or XLSX, at most 1 MB. The first row names the columns."),
    )
    text = forms.CharField(required=False, max_length=MOST_BYTES, widget=forms.HiddenInput)
    is_workbook = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files)
        self.fields["file"].required = not self.data.get("text")  # that comes with the next step

    def clean(self) -> dict[str, Any]:
        """Read the table, whatever kind of file, coding and separator it has."""
        values: dict[str, Any] = super().clean() or {}
        if self.errors:
            return values
        file = values.get("file")
        try:
            # One byte more than allowed tells a file that is too large.
            raw = file.read(MOST_BYTES + 1) if file else b""
            lines = read_table(raw) if file else parse_table(values.get("text", ""))
            self._table = read_import(lines)
        except DomainError as error:
            self.add_error("file", str(error.message))
            return values
        if len(self.plain_text) > MOST_BYTES:
            self.add_error("file", str(TableTooLargeError.message))
        elif not self.rows:
            self.add_error("file", _("There are no rows below the heading."))
        elif len(self.rows) > MOST_ROWS:
            self.add_error("file", _("At most %(most)s rows at a time.") % {"most": MOST_ROWS})
        if file:
            values["is_workbook"] = is_workbook(raw)
        return values

    @property
    def rows(self) -> Sequence[ImportRow]:
        """What is to be imported, once the form is valid."""
        return self._table.rows

    @property
    def lines(self) -> Sequence[Line]:
        """The rows as they came, the heading first, once the form is valid."""
        return self._table.lines

    @property
    def plain_text(self) -> str:
        """The table as text that reads the same again, for the next step."""
        return self._table.plain_text
