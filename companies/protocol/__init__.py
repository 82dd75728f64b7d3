"""Company registers: what the authorities have written down about an organisation number.

`COMPANY_REGISTER` names the function that is asked; it takes a country and an organisation number
as they are stored, and returns a `RegisterEntry`, or None for a number that the register doesn't
know. It raises `RegisterSilentError` when it can't say.
"""

import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.utils.module_loading import import_string

from companies.protocol.entries import NoRegisterError, RegisterEntry, RegisterSilentError
from companies.protocol.nordic import ask_registers
from companies.protocol.offline import ask_offline

__all__ = [
    "NoRegisterError",
    "RegisterEntry",
    "RegisterSilentError",
    "ask_offline",
    "ask_registers",
    "has_register",
    "look_up",
    "recall",
]

REMEMBERED: Final = 10 * 60  # seconds: from being shown an answer to saving it
TURN: Final = 1  # second that one waits for another's question to end
_turn = threading.BoundedSemaphore()


def has_register() -> bool:
    """Whether there is any register to ask."""
    return bool(settings.COMPANY_REGISTER)


def look_up(country: str, org_number: str) -> RegisterEntry | None:
    """Ask the register of a country; an answer is remembered for ten minutes.

    Call it outside of transactions: it can take ten seconds. One question at a time waits in each
    process, so that a slow register doesn't take the threads that people sign in on.

    Raises: RegisterSilentError.
    """
    if not has_register():
        raise NoRegisterError
    entry = recall(country, org_number)
    if entry is None:
        entry = _ask_in_turn(country, org_number)
        if entry is not None:
            cache.set(_key(country, org_number), asdict(entry), REMEMBERED)
    return entry


def _ask_in_turn(country: str, org_number: str) -> RegisterEntry | None:
    ask: Callable[[str, str], RegisterEntry | None] = import_string(settings.COMPANY_REGISTER)
    if not _turn.acquire(timeout=TURN):
        raise RegisterSilentError
    try:
        return ask(country, org_number)
    finally:
        _turn.release()


def recall(country: str, org_number: str) -> RegisterEntry | None:
    """Return what the register said lately of a number, without asking it."""
    known = cache.get(_key(country, org_number))
    return RegisterEntry(**known) if known else None


def _key(country: str, org_number: str) -> str:
    return f"companies.register.{country}.{org_number}"
