"""Django's PostgreSQL, with cheaper health checks of kept connections and cheaper keys."""

import select
import uuid
from typing import Any, Final

import psycopg2.extensions  # type: ignore[import-untyped]
from django.db.backends.postgresql import base

from vop.lib.keys import read_uuid

_UUID_OID: Final = 2950


def _read_uuid(text: str | None, _cursor: object) -> uuid.UUID | None:
    return None if text is None else read_uuid(text)


_UUID = psycopg2.extensions.new_type((_UUID_OID,), "UUID", _read_uuid)


class DatabaseWrapper(base.DatabaseWrapper):
    """Its check is asked once per request (CONN_HEALTH_CHECKS); Django's own sends `SELECT 1`.

    `prepared` has the names of the statements whose plans this connection keeps.
    """

    prepared: set[str]
    _kept_cursor: Any

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, and read keys of rows without making the same one twice."""
        connection = super().get_new_connection(conn_params)
        psycopg2.extensions.register_type(_UUID, connection)
        self.prepared, self._kept_cursor = set(), None
        return connection

    @property
    def kept_cursor(self) -> Any:
        """The driver's own cursor for one statement after the other; making one costs more."""
        if self._kept_cursor is None:
            self._kept_cursor = self.create_cursor()
        return self._kept_cursor

    def is_usable(self) -> bool:
        """Tell whether the server still holds this connection.

        A server says nothing unasked except that it closes: a socket with something to read is
        over. One that the network lost silently shows at the next statement, as it would have at
        `SELECT 1`.
        """
        if self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)
