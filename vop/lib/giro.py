"""Swedish payment numbers: bankgiro, and OCR references, with their check digits.

Both end with a 10-modul (Luhn) check digit. An OCR reference with variable length has its own
length, modulo 10, as the digit before that (Bankgirot, OCR-referenskontroll).
"""

from stdnum import luhn
from stdnum.exceptions import ValidationError

SHORTEST_OCR = 2
LONGEST_OCR = 25
_BANKGIRO_LENGTHS = (7, 8)


class WrongNumberError(ValueError):
    """A text that is no such number."""


def parse_bankgiro(text: str) -> str:
    """Return a bankgiro number as people write it, 991-2346 or 5050-1055.

    Raises: WrongNumberError.
    """
    digits = "".join(char for char in text if char not in " -\N{NO-BREAK SPACE}")
    if len(digits) not in _BANKGIRO_LENGTHS or not _is_luhn(digits):
        raise WrongNumberError(text)
    return f"{digits[:-4]}-{digits[-4:]}"


def make_ocr(number: str) -> str:
    """Return the OCR reference of a number: its digits, the length digit, the check digit.

    Raises: WrongNumberError.
    """
    if not _is_digits(number) or len(number) + 2 > LONGEST_OCR:
        raise WrongNumberError(number)
    with_length = f"{number}{(len(number) + 2) % 10}"
    return with_length + luhn.calc_check_digit(with_length)


def parse_ocr(text: str) -> str:
    """Return the digits of an OCR reference whose check digit holds.

    Whether there is a length digit is agreed with the bank, so its absence is no fault.

    Raises: WrongNumberError.
    """
    digits = "".join(char for char in text if char not in " \N{NO-BREAK SPACE}")
    if not SHORTEST_OCR <= len(digits) <= LONGEST_OCR or not _is_luhn(digits):
        raise WrongNumberError(text)
    return digits


def has_length_digit(ocr: str) -> bool:
    """Tell whether the digit before the last says how long a reference is."""
    return int(ocr[-2]) == len(ocr) % 10


def _is_luhn(digits: str) -> bool:
    try:
        luhn.validate(digits)
    except ValidationError:
        return False
    return _is_digits(digits)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()
