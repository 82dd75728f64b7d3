"""What the log must not say: keys in addresses, and one thing from every layer that noticed it."""

import json
import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
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


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    """Write each record as a line of text.

    The library's copies a record first and looks at what it is made of; a request's is a mapping
    already, and there is one for each request.
    """

    def format(self, record: logging.LogRecord) -> str:
        if not isinstance(record.msg, dict) or not hasattr(record, "_logger"):
            return super().format(record)
        line: Any = {**record.msg}
        for process in self.processors[1:]:  # the first takes away what the library's adds
            line = process(None, record.levelname, line)
        return str(line)


_JSON = json.JSONEncoder(default=repr)


def write_json(line: MutableMapping[str, Any], **_options: Any) -> str:
    """Write a line as JSON, without an encoder of its own."""
    return _JSON.encode(line)


@contextmanager
def log_about(**about: str) -> Iterator[None]:
    """Say these in each line of a block; what was said before holds again afterwards.

    The library's own copies all context twice.
    """
    tokens = structlog.contextvars.bind_contextvars(**about)
    try:
        yield
    finally:
        structlog.contextvars.reset_contextvars(**tokens)


class DatabaseAwayFilter(logging.Filter):
    """Drop what the framework says of a database that is away: the 503 page writes the line."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not isinstance(_error_of(record), DATABASE_AWAY)


def _error_of(record: logging.LogRecord) -> BaseException | None:
    if record.exc_info:
        return record.exc_info[1]
    is_structured = isinstance(record.msg, dict) and bool(record.msg.get("exc_info"))
    return sys.exc_info()[1] if is_structured else None
