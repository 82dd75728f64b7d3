"""Which version of a row was read, so that a later statement can tell whether it still stands."""

from typing import Any

from django.db.models import CharField, Func


class RowVersion(Func):
    """One text for the versions of several rows: another after any change of one of them.

    Name a column of each row's table. PostgreSQL keeps the versions itself: which transaction wrote
    a row (`xmin`) and where it stands (`ctid`). Elsewhere the text is empty and tells nothing.
    """

    output_field = CharField()

    def as_sql(self, *_about: Any, **_context: Any) -> Any:
        """Write nothing that could be compared."""
        return "''", []

    def as_postgresql(self, compiler: Any, _connection: Any, **_context: Any) -> Any:
        """Write the versions of the tables that the columns are from."""
        columns = self.get_source_expressions()
        tables = [compiler.quote_name_unless_alias(column.alias) for column in columns]
        versions = ", ".join(f"{table}.xmin, {table}.ctid" for table in tables)
        return f"ROW({versions})::text", []
