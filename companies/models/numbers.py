"""Organisation and VAT numbers of the Nordic countries, checked by python-stdnum."""

import re
from collections.abc import Callable, Mapping

import stdnum.dk.cvr
import stdnum.ean
import stdnum.eu.vat
import stdnum.fi.ytunnus
import stdnum.no.mva
import stdnum.no.orgnr
import stdnum.se.orgnr
import stdnum.se.personnummer
from django.utils.translation import gettext_lazy as _
from stdnum.exceptions import InvalidFormat, ValidationError

from vop.lib.errors import DomainError


class NumberError(DomainError):
    """A number that can't be right."""

    message = _("This is not a valid organisation number. Check the digits, e.g. 556703-7485.")


class VatNumberError(DomainError):
    message = _("This is not a valid VAT number. A Swedish one looks like SE556703748501.")


class EInvoiceAddressError(DomainError):
    """An electronic address that can't be right."""

    message = _(
        "This is no electronic address. It is a four-digit code, a colon and a number, e.g. "
        "0007:5567037485."
    )


_E_ADDRESS = re.compile(r"(\d{4}):([A-Za-z0-9][A-Za-z0-9._~-]{0,49})")
# Of Peppol's list of electronic address schemes (EAS), those of the Nordic countries, GLN and DUNS.
_E_CODES = frozenset(
    {"0007", "9955", "0192", "0096", "0184", "0198", "0037", "0212", "0213", "0216", "0060", "0088"}
)
_CHECKED_CODES: Mapping[str, Callable[[str], object]] = {  # those whose check digits we know
    "0007": stdnum.se.orgnr.validate,
    "0088": stdnum.ean.validate,  # GLN
    "0184": stdnum.dk.cvr.validate,
    "0192": stdnum.no.orgnr.validate,
}
_DASHES = dict.fromkeys(map(ord, "-‐‑–—−"))  # as people and their word processors write one
_LONG_FORM = len("165567037485")
_PREFIX_OF_LEGAL_PERSONS = "16"
_LOWEST_THIRD_DIGIT = 2  # of a legal person; a sole trader's is the first of a month
_ADDED_TO_THE_DAY = 60
_ORG_NUMBERS = {
    "NO": stdnum.no.orgnr,
    "DK": stdnum.dk.cvr,
    "FI": stdnum.fi.ytunnus,
}


def parse_org_number(country: str, text: str) -> str:
    """Return the number as it is stored: digits only, for Sweden the ten-digit form.

    Takes the Swedish twelve-digit form too: prefix 16 for legal persons, the century for sole
    traders, whose organisation number is their personnummer.

    Raises: NumberError.
    """
    digits = "".join(text.split()).translate(_DASHES)
    try:
        if country == "SE":
            return _parse_swedish(digits)
        return str(_ORG_NUMBERS[country].validate(digits))
    except (ValidationError, KeyError) as error:
        raise NumberError from error


def parse_vat_number(country: str, text: str) -> str:
    """Return a VAT number with its country prefix; an empty text stays empty.

    Raises: VatNumberError.
    """
    compact = "".join(text.split()).translate(_DASHES).replace(".", "").upper()
    if not compact:
        return ""
    try:
        if country == "NO":
            number = str(stdnum.no.mva.validate(compact.removesuffix("MVA") + "MVA"))
            return f"NO{number}"
        compact = compact if compact.startswith(country) else country + compact
        return str(stdnum.eu.vat.validate(compact))
    except ValidationError as error:
        raise VatNumberError from error


def parse_e_invoice_address(text: str) -> str:
    """Return a Peppol participant's address, `<ICD code>:<identifier>`; empty stays empty.

    The codes are those of Peppol's code list of electronic address schemes, as far as the Nordic
    countries use them; numbers whose check digits we know are checked.

    Raises: EInvoiceAddressError.
    """
    compact = "".join(text.split()).translate(_DASHES)
    if not compact:
        return ""
    found = _E_ADDRESS.fullmatch(compact)
    if found is None or found[1] not in _E_CODES:
        raise EInvoiceAddressError
    code, number = found.groups()
    if code in _CHECKED_CODES:
        number = number.replace("-", "")
        try:
            _CHECKED_CODES[code](number)
        except ValidationError as error:
            raise EInvoiceAddressError from error
    return f"{code}:{number}"


def format_org_number(country: str, number: str) -> str:
    """Write a number as people of that country write it."""
    if country == "SE":
        return f"{number[:6]}-{number[6:]}"
    if country == "FI":
        return str(stdnum.fi.ytunnus.format(number))
    return number


def _parse_swedish(digits: str) -> str:
    is_legal_person = is_sole_trader = False
    if len(digits) == _LONG_FORM:
        is_legal_person = digits.startswith(_PREFIX_OF_LEGAL_PERSONS)
        is_sole_trader = not is_legal_person
        if is_sole_trader:
            stdnum.se.personnummer.get_birth_date(_without_coordination(digits))
        digits = digits[2:]
    number = str(stdnum.se.orgnr.validate(digits))
    if int(number[2]) >= _LOWEST_THIRD_DIGIT:  # no month begins with it: a legal person
        if is_sole_trader:
            raise InvalidFormat
    elif is_legal_person:
        raise InvalidFormat
    else:
        stdnum.se.personnummer.get_birth_date(_without_coordination(number))
    return number


def _without_coordination(digits: str) -> str:
    """Return a personnummer, also for a coordination number, whose day has 60 added to it."""
    if not digits.isascii() or not digits.isdecimal():
        raise InvalidFormat
    birth, serial = digits[:-4], digits[-4:]
    day = int(birth[-2:])
    if day > _ADDED_TO_THE_DAY:
        birth = f"{birth[:-2]}{day - _ADDED_TO_THE_DAY:02}"
    return f"{birth}-{serial}"
