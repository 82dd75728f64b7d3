"""A register in a file, for a machine that asks nobody: `COMPANY_REGISTER_FILE`, JSON."""

import json
from pathlib import Path

from django.conf import settings

from companies.protocol.entries import RegisterEntry, RegisterSilentError


def ask_offline(country: str, org_number: str) -> RegisterEntry | None:
    """Look a company up in the file.

    Raises: RegisterSilentError when there is no such file, or it isn't the JSON it should be.
    """
    try:
        told = json.loads(Path(settings.COMPANY_REGISTER_FILE).read_text(encoding="utf-8"))
        found = told.get(country, {}).get(org_number)
        return RegisterEntry(**found) if found else None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise RegisterSilentError from error
