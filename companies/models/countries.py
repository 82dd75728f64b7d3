"""Countries as the reader's language names and orders them; the Nordic ones first."""

import unicodedata

from babel import Locale
from django.utils.translation import get_language
from django_countries import countries

NORDIC = ("SE", "NO", "DK", "FI")
_AFTER_Z = str.maketrans({"å": "{", "ä": "|", "ö": "}"})  # { | } follow z


def name_country(code: str) -> str:
    """Return a country's name; a code that nobody knows stays a code."""
    return str(Locale.parse(_language()).territories.get(code, code))


def list_countries() -> list[tuple[str, str]]:
    """List codes and names to choose from."""
    names = [(code, name_country(code)) for code in countries.countries]
    nordic = [(code, name_country(code)) for code in NORDIC]
    others = [item for item in names if item[0] not in NORDIC]
    return nordic + sorted(others, key=lambda item: _sort_key(item[1]))


def _sort_key(name: str) -> str:
    text = name.casefold()
    if _language() == "sv":
        text = text.translate(_AFTER_Z)
    return "".join(char for char in unicodedata.normalize("NFKD", text) if char.isascii())


def _language() -> str:
    return get_language() or "sv"
