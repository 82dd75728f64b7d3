"""Reading a list of people to invite from a table that somebody made in a spreadsheet."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from companies.models import Role
from vop.lib.errors import DomainError
from vop.lib.tables import Line, join_table

EMAIL, NAME, ROLES = "email", "name", "roles"
# What spreadsheets call the columns, small and without blanks and hyphens.
_COLUMNS: Mapping[str, str] = {
    "email": EMAIL, "emailaddress": EMAIL, "mail": EMAIL, "address": EMAIL, "epost": EMAIL,
    "epostadress": EMAIL, "adress": EMAIL, "mejl": EMAIL,
    "name": NAME, "fullname": NAME, "namn": NAME,
    "role": ROLES, "roles": ROLES, "roll": ROLES, "roller": ROLES,
}  # fmt: skip
_WITHOUT_HEADER = (EMAIL, NAME, ROLES)
_LANGUAGES = ("sv", "en")


class UnknownColumnsError(DomainError):
    message = gettext_lazy("The table needs a column with e-mail addresses.")

    def __init__(self, names: Sequence[str]) -> None:
        text = _(
            "The columns aren't understood: %(names)s. Call them E-mail, Name and Roles; only the "
            "first is needed."
        )
        super().__init__(text % {"names": ", ".join(names)} if names else None)


@dataclass(frozen=True, slots=True)
class Draft:
    """One row of many: whom to invite to what, and what couldn't be read of it."""

    line: int
    email: str
    full_name: str
    roles: frozenset[Role]
    unread: str = ""

    @property
    def role_labels(self) -> list[str]:
        """How people call the roles, the mightiest first."""
        return [str(role.label) for role in Role if role in self.roles]


@dataclass(frozen=True, slots=True)
class DraftTable:
    """A table as it came, and whom it invites."""

    lines: Sequence[Line]
    drafts: Sequence[Draft]
    has_header: bool

    @property
    def plain_text(self) -> str:
        """The table as text that reads the same again."""
        return join_table(line.cells for line in self.lines)


def read_drafts(lines: Sequence[Line], default_roles: frozenset[Role]) -> DraftTable:
    """Read whom a table invites; rows that name no roles get the default ones.

    Without a heading the columns are address, name, roles; a row of nothing but addresses, as
    mail programs paste them, invites each of them.

    Raises: UnknownColumnsError.
    """
    has_header = bool(lines) and not any("@" in cell for cell in lines[0].cells)
    columns = _read_header(lines[0]) if has_header else _WITHOUT_HEADER
    # Rows of nothing but addresses are made one row each, numbered anew as they will be shown.
    flat = [
        Line(number, cells)
        for number, cells in enumerate(
            (cells for line in lines for cells in _split(line, is_free=not has_header)), 1
        )
    ]
    is_even = len(flat) == len(lines)
    kept = lines if is_even else flat
    rows = kept[1:] if has_header else kept
    drafts = [_read_row(line, columns, default_roles) for line in rows]
    return DraftTable(kept, drafts, has_header)


def _split(line: Line, *, is_free: bool) -> list[tuple[str, ...]]:
    addresses = [cell for cell in line.cells if cell]
    if is_free and len(addresses) > 1 and all("@" in cell for cell in addresses):
        return [(cell,) for cell in addresses]
    return [line.cells]


def _read_header(line: Line) -> tuple[str, ...]:
    found = tuple(_COLUMNS.get(simplify(cell), "") for cell in line.cells)
    unknown = [cell for cell, name in zip(line.cells, found, strict=True) if cell and not name]
    if unknown or EMAIL not in found:
        raise UnknownColumnsError(unknown)
    return found


def simplify(heading: str) -> str:
    """Return a column's heading as tables of known ones have it."""
    return re.sub(r"[\s_-]", "", heading.casefold())


def _read_row(line: Line, columns: Sequence[str], default_roles: frozenset[Role]) -> Draft:
    values = dict(zip(columns, line.cells, strict=False))
    email, name = read_address(values.get(EMAIL, ""))
    roles, unread = read_roles(values.get(ROLES, ""))
    if len(line.cells) > len(columns):
        extra = [cell for cell in line.cells[len(columns) :] if cell]
        unread = unread or (_("More columns than expected.") if extra else "")
    return Draft(
        line=line.number,
        email=email,
        full_name=values.get(NAME, "") or name,
        roles=roles or default_roles,
        unread=unread,
    )


def read_address(text: str) -> tuple[str, str]:
    """Return address and name of "Nils Ny <nils@exempel.se>" or of a bare address."""
    if text.endswith(">"):
        name, address = parseaddr(text)
        return address.strip().lower(), name
    return text.strip().lower(), ""


def read_roles(text: str) -> tuple[frozenset[Role], str]:
    """Return the roles that a cell names, by code or as people call them, and what is wrong."""
    known = name_choices(Role.choices)
    found, unknown = set(), []
    for word in filter(None, (part.strip() for part in re.split(r"[,/+|]", text))):
        code = known.get(word.casefold())
        if code:
            found.add(Role(code))
        else:
            unknown.append(word)
    fault = _("No role is called %(role)s.") % {"role": ", ".join(unknown)} if unknown else ""
    return frozenset(found), fault


def name_choices(choices: Sequence[tuple[str, Any]]) -> dict[str, str]:
    """Return codes by themselves and by what they are called in each language, all in small."""
    names = {code.casefold(): code for code, _label in choices}
    for language in _LANGUAGES:
        with override(language):
            names |= {str(label).casefold(): code for code, label in choices}
    return names
