"""Reading companies and who is in them from a table that staff bring: one row a member."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from companies.models import Company, Role, parse_org_number, parse_vat_number
from companies.operations.drafts import name_choices, read_address, read_roles, simplify
from vop.lib.errors import DomainError
from vop.lib.tables import Line, join_table

ORG_NUMBER, COMPANY, COUNTRY, VAT_NUMBER = "org_number", "company", "country", "vat_number"
FIRM_KIND, LANGUAGE, EMAIL, NAME, ROLES = "firm_kind", "language", "email", "name", "roles"
STARTS, LAST_DAY = "starts", "last_day"
# What spreadsheets call the columns, small and without blanks and hyphens.
_COLUMNS: Mapping[str, str] = {
    "orgnumber": ORG_NUMBER, "organisationnumber": ORG_NUMBER, "orgnr": ORG_NUMBER,
    "org.nr": ORG_NUMBER, "organisationsnummer": ORG_NUMBER, "orgnummer": ORG_NUMBER,
    "company": COMPANY, "companyname": COMPANY, "företag": COMPANY, "företagsnamn": COMPANY,
    "country": COUNTRY, "land": COUNTRY,
    "vatnumber": VAT_NUMBER, "momsnummer": VAT_NUMBER, "momsregistreringsnummer": VAT_NUMBER,
    "firmkind": FIRM_KIND, "byrå": FIRM_KIND, "typavbyrå": FIRM_KIND, "byråtyp": FIRM_KIND,
    "language": LANGUAGE, "språk": LANGUAGE,
    "email": EMAIL, "emailaddress": EMAIL, "epost": EMAIL, "epostadress": EMAIL,
    "name": NAME, "fullname": NAME, "namn": NAME,
    "role": ROLES, "roles": ROLES, "roll": ROLES, "roller": ROLES,
    "from": STARTS, "start": STARTS, "från": STARTS,
    "until": LAST_DAY, "lastday": LAST_DAY, "tillochmed": LAST_DAY, "sistadag": LAST_DAY,
}  # fmt: skip
_NEEDED: Final = (ORG_NUMBER, EMAIL)
MOST_ROWS: Final = 5000


class ImportColumnsError(DomainError):
    message = gettext_lazy(
        "The first row must name the columns. Org number and E-mail are needed; the others are "
        "Company, Country, VAT number, Firm kind, Language, Name, Roles, From and Until."
    )

    def __init__(self, names: Sequence[str] = ()) -> None:
        text = _("These columns aren't understood, or stand there twice: %(names)s.")
        super().__init__(f"{text % {'names': ', '.join(names)}} {self.message}" if names else None)


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One row: somebody in a company, what it says of both, and what couldn't be read."""

    line: int
    country: str
    org_number: str
    company: str
    vat_number: str
    firm_kind: str
    language: str
    email: str
    full_name: str
    roles: frozenset[Role]
    starts_on: date | None
    last_day: date | None
    unread: tuple[str, ...]
    number_as_written: str = ""
    roles_as_written: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Which company it is about."""
        return self.country, self.org_number

    @property
    def is_lasting_owner(self) -> bool:
        """Whether it makes somebody an owner now and for good."""
        return Role.OWNER in self.roles and self.starts_on is None and self.last_day is None

    @property
    def role_labels(self) -> list[str]:
        """How people call the roles, the mightiest first."""
        return [str(role.label) for role in Role if role in self.roles]


@dataclass(frozen=True, slots=True)
class ImportTable:
    """A table as it came, and what its rows say."""

    lines: Sequence[Line]
    rows: Sequence[ImportRow]

    @property
    def plain_text(self) -> str:
        """The table as text that reads the same again."""
        return join_table(line.cells for line in self.lines)


def read_import(lines: Sequence[Line]) -> ImportTable:
    """Read who is to be in which company; the first row names the columns.

    Raises: ImportColumnsError.
    """
    # Numbered as they will be read again from `plain_text`, which has no blank rows.
    lines = [Line(number, line.cells) for number, line in enumerate(lines, 1)]
    if not lines:
        raise ImportColumnsError
    columns = _read_header(lines[0])
    return ImportTable(lines, [_Reader(line, columns).read() for line in lines[1:]])


def _read_header(line: Line) -> tuple[str, ...]:
    found = [_COLUMNS.get(simplify(cell), "") for cell in line.cells]
    wrong = [
        cell
        for cell, name in zip(line.cells, found, strict=True)
        if cell and (not name or found.count(name) > 1)
    ]
    if wrong or not set(_NEEDED) <= set(found):
        raise ImportColumnsError(wrong)
    return tuple(found)


class _Reader:
    """Reads one row cell by cell, and gathers what is wrong with it."""

    def __init__(self, line: Line, columns: Sequence[str]) -> None:
        self._line = line
        self._values = dict(zip(columns, line.cells, strict=False))
        self._faults: list[str] = []
        if any(line.cells[len(columns) :]):
            self._faults.append(_("More columns than expected."))

    def read(self) -> ImportRow:
        country = self._choose(COUNTRY, Company.Country.choices) or Company.Country.SWEDEN.value
        email, name = read_address(self._get(EMAIL))
        self._check_email(email)
        roles, fault = read_roles(self._get(ROLES))
        if fault:
            self._faults.append(fault)
        return ImportRow(
            line=self._line.number,
            country=country,
            org_number=self._parse(parse_org_number, country, ORG_NUMBER),
            company=self._get(COMPANY, longest=160),
            vat_number=self._parse(parse_vat_number, country, VAT_NUMBER),
            firm_kind=self._choose(FIRM_KIND, Company.FirmKind.choices),
            language=self._choose(LANGUAGE, settings.LANGUAGES),
            email=email,
            full_name=self._get(NAME, longest=120) or name[:120],
            roles=roles or frozenset({Role.MEMBER}),
            starts_on=self._date(STARTS),
            last_day=self._date(LAST_DAY),
            unread=tuple(self._faults),
            number_as_written=self._values.get(ORG_NUMBER, ""),
            roles_as_written=self._values.get(ROLES, ""),
        )

    def _get(self, column: str, *, longest: int = 254) -> str:
        text = self._values.get(column, "")
        if len(text) > longest:
            self._faults.append(_("“%(text)s…” is too long.") % {"text": text[:20]})
        return text

    def _choose(self, column: str, choices: Sequence[tuple[str, object]]) -> str:
        text = self._get(column)
        if not text:
            return ""
        code = name_choices(choices).get(text.casefold(), "")
        if not code:
            self._faults.append(_("“%(text)s” isn't known here.") % {"text": text})
        return code

    def _parse(self, parse: Callable[[str, str], str], country: str, column: str) -> str:
        try:
            return parse(country, self._get(column))
        except DomainError as error:
            self._faults.append(str(error.message))
            return ""

    def _check_email(self, email: str) -> None:
        try:
            validate_email(email)
        except ValidationError:
            self._faults.append(_("This is no e-mail address."))

    def _date(self, column: str) -> date | None:
        text = self._get(column)
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            fault = _("“%(text)s” is no date. Write it as 2027-01-31.")
            self._faults.append(fault % {"text": text})
            return None
