"""Reading a firm's tables: which clients to ask for a mandate, and who is to work for whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from companies.models import parse_org_number
from companies.operations import simplify
from vop.lib.errors import DomainError
from vop.lib.tables import Line, join_table

MOST_CLIENTS: Final = 1000
_NUMBER, _PERSON, _FIRST, _LAST = "org_number", "person", "first_day", "last_day"
# What spreadsheets call the columns, small and without blanks and hyphens.
_COLUMNS: Final[Mapping[str, str]] = {
    "orgnumber": _NUMBER, "organisationnumber": _NUMBER, "orgnr": _NUMBER, "org.nr": _NUMBER,
    "organisationsnummer": _NUMBER, "orgnummer": _NUMBER,
    "email": _PERSON, "emailaddress": _PERSON, "lead": _PERSON, "engagementlead": _PERSON,
    "person": _PERSON, "epost": _PERSON, "epostadress": _PERSON, "kundansvarig": _PERSON,
    "from": _FIRST, "firstday": _FIRST, "från": _FIRST, "förstadag": _FIRST,
    "until": _LAST, "lastday": _LAST, "tillochmed": _LAST, "sistadag": _LAST,
}  # fmt: skip


class ClientColumnsError(DomainError):
    message = gettext_lazy(
        "The first row must name the columns. Org number is needed; the others are E-mail, From "
        "and Until."
    )

    def __init__(self, names: Sequence[str] = ()) -> None:
        text = _("These columns aren't understood, or stand there twice: %(names)s.")
        super().__init__(f"{text % {'names': ', '.join(names)}} {self.message}" if names else None)


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One row: a client, somebody of the firm, days; and what couldn't be read."""

    line: int
    org_number: str
    email: str
    first_day: date | None
    last_day: date | None
    unread: str = ""


@dataclass(frozen=True, slots=True)
class ClientTable:
    """A table as it came, and what its rows say."""

    lines: Sequence[Line]
    rows: Sequence[ClientRow]

    @property
    def plain_text(self) -> str:
        """The table as text that reads the same again."""
        return join_table(line.cells for line in self.lines)


def read_clients(lines: Sequence[Line], *, country: str) -> ClientTable:
    """Read which clients a table names; the first row names the columns.

    Raises: ClientColumnsError.
    """
    # Numbered as they will be read again from `plain_text`, which has no blank rows.
    lines = [Line(number, line.cells) for number, line in enumerate(lines, 1)]
    if not lines:
        raise ClientColumnsError
    columns = _read_header(lines[0])
    return ClientTable(lines, [_read_row(line, columns, country) for line in lines[1:]])


def _read_header(line: Line) -> list[str]:
    found = [_COLUMNS.get(simplify(cell), "") for cell in line.cells]
    wrong = [
        cell
        for cell, name in zip(line.cells, found, strict=True)
        if cell and (not name or found.count(name) > 1)
    ]
    if wrong or _NUMBER not in found:
        raise ClientColumnsError(wrong)
    return found


def _read_row(line: Line, columns: Sequence[str], country: str) -> ClientRow:
    values = dict(zip(columns, line.cells, strict=False))
    faults: list[str] = []
    if any(line.cells[len(columns) :]):
        faults.append(_("More columns than expected."))
    number = values.get(_NUMBER, "")
    try:
        number = parse_org_number(country, number)
    except DomainError as error:
        faults.append(str(error.message))
    return ClientRow(
        line=line.number,
        org_number=number,
        email=values.get(_PERSON, "").lower(),
        first_day=_read_day(values.get(_FIRST, ""), faults),
        last_day=_read_day(values.get(_LAST, ""), faults),
        unread=" ".join(faults),
    )


def _read_day(text: str, faults: list[str]) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults.append(_("“%(text)s” is no date. Write it as 2027-01-31.") % {"text": text[:40]})
        return None
