"""Many rows at once: COPY on PostgreSQL, Django's own way on SQLite.

Rows are tuples in the order of the named columns. Nothing here sends a model's signals or calls
its `save`; constraints and triggers in the database hold as always.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

Row = Sequence[Any]

_NULL = r"\N"
_ENCODE_JSON = DjangoJSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
# The text format of COPY: a backslash hides what would end a column or a row.
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def insert_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows; `columns` are attribute names, a foreign key's with its `_id`.

    Raises: IntegrityError.
    """
    fields = _fields(model, columns)
    if connection.vendor != "postgresql":
        model._base_manager.bulk_create(  # noqa: SLF001 (Django documents it)
            [model(**dict(zip(columns, row, strict=True))) for row in rows]
        )
        return
    text = _to_copy(fields, rows)
    if text:
        names = ", ".join(_quote(field.column) for field in fields)
        with connection.cursor() as cursor, connection.wrap_database_errors:
            cursor.cursor.copy_expert(
                f"COPY {_quote(model._meta.db_table)} ({names}) FROM STDIN", io.StringIO(text)
            )


def reserve_keys(model: type[models.Model], count: int) -> list[int]:
    """Take numbers for rows to come from a table's own count; inside a transaction."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            key = model._meta.pk.column
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
                [_quote(table), key, count],
            )
            return [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        found = cursor.fetchone()
    first = (found[0] if found else 0) + 1  # there is one writer at a time
    return list(range(first, first + count))


def update_rows(model: type[models.Model], columns: Sequence[str], rows: Sequence[Row]) -> int:
    """Set columns of the rows whose key is the first column; return how many there were.

    Raises: IntegrityError.
    """
    if not rows:
        return 0
    fields = _fields(model, columns)
    key, *others = fields
    table = _quote(model._meta.db_table)
    if connection.vendor != "postgresql":
        sets = ", ".join(f"{_quote(field.column)} = %s" for field in others)
        sql = f"UPDATE {table} SET {sets} WHERE {_quote(key.column)} = %s"  # noqa: S608 (our names)
        with connection.cursor() as cursor:
            cursor.executemany(sql, [_prepare(fields, [*row[1:], row[0]]) for row in rows])
        return len(rows)
    sets = ", ".join(f"{_quote(field.column)} = new.c{n}" for n, field in enumerate(others, 1))
    arrays = ", ".join(f"%s::text[]::{field.rel_db_type(connection)}[]" for field in fields)
    names = ", ".join(f"c{n}" for n in range(len(fields)))
    sql = (
        f"UPDATE {table} SET {sets} FROM unnest({arrays}) AS new ({names}) "  # noqa: S608
        f"WHERE {table}.{_quote(key.column)} = new.c0"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [_to_texts(column) for column in zip(*rows, strict=True)])
        return int(cursor.rowcount)


def _fields(model: type[models.Model], columns: Sequence[str]) -> list[Any]:
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    return [by_name[name] for name in columns]


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)


def _prepare(fields: Sequence[Any], row: Row) -> list[Any]:
    ordered = [*fields[1:], fields[0]]
    return [
        field.get_db_prep_save(value, connection) for field, value in zip(ordered, row, strict=True)
    ]


def _to_texts(values: Iterable[Any]) -> list[str | None]:
    return [
        None if value is None else value.hex if isinstance(value, UUID) else str(value)
        for value in values
    ]


def _to_copy(fields: Sequence[Any], rows: Iterable[Row]) -> str:
    """Write rows column by column: a cell then costs one call, mostly of a function in C."""
    columns = [
        _write_column(field, column)
        for field, column in zip(fields, zip(*rows, strict=True), strict=False)
    ]
    return "".join(f"{line}\n" for line in map("\t".join, zip(*columns, strict=True)))


def _write_column(field: Any, values: Sequence[Any]) -> list[str]:
    write = _writer(field)
    if None not in values:
        return list(map(write, values))
    return [_NULL if value is None else write(value) for value in values]


def _writer(field: Any) -> Callable[[Any], str]:
    """Return how a column's values are written: only texts can hold what must be hidden."""
    kind = field.target_field if field.is_relation else field
    if isinstance(kind, models.JSONField):
        return _json_writer()
    if isinstance(kind, models.CharField | models.TextField):
        return _text_writer()
    if isinstance(kind, models.UUIDField):
        return lambda value: "%032x" % value.int  # a third of what str() takes  # noqa: UP031
    return str


def _text_writer() -> Callable[[Any], str]:
    known: dict[str, str] = {}  # rows share their texts
    return lambda value: known.get(value) or known.setdefault(value, str(value).translate(_ESCAPES))


def _json_writer() -> Callable[[Any], str]:
    """Return a writer of JSON that knows the object that it wrote last: rows share a few."""
    last: Any = None
    text = "null"

    def write(value: Any) -> str:
        nonlocal last, text
        if value is not last:
            last, text = value, _ENCODE_JSON(value).translate(_ESCAPES)
        return text

    return write
