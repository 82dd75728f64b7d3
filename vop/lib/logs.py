"""What the log must not say: keys in addresses, and one thing from every layer that noticed it."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

from django.db import InterfaceError, OperationalError

DATABASE_AWAY = (OperationalError, InterfaceError)

# What follows these in an address is a key in itself: who reads the log must not get in with it.
_KEYS_IN_PATHS = re.compile(r"(/(?:invitations|password/reset)/)(?!(?:sent|done)/)[^/?\s\"']+")
# A query may hold a code, a token, a hint or a name.
_QUERIES = re.compile(r"(/[^\s?\"']*)\?[^\s\"']+")


def hide_secrets(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Blot out the keys in addresses, and queries altogether, wherever a line shows them."""
    for name, value in line.items():
        if isinstance(value, str) and "/" in value:
            line[name] = _QUERIES.sub(r"\1?…", _KEYS_IN_PATHS.sub(r"\1…", value))
    return line


class DatabaseAwayFilter(logging.Filter):
    """Drop what the framework says of a database that is away: the 503 page writes the line."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not isinstance(_error_of(record), DATABASE_AWAY)


def _error_of(record: logging.LogRecord) -> BaseException | None:
    if record.exc_info:
        return record.exc_info[1]
    is_structured = isinstance(record.msg, dict) and bool(record.msg.get("exc_info"))
    return sys.exc_info()[1] if is_structured else None
