"""Many rows at once: COPY on PostgreSQL, Django's own way on SQLite.

Rows are tuples in the order of the named columns. Where many rows say the same in most of them,
they can share an object that has those `shared` columns as attributes, as the last value of each:
what it says is then written once. Nothing here sends a model's signals or calls its `save`;
constraints and triggers in the database hold as always.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

Row = Sequence[Any]

_ENCODE_JSON = DjangoJSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

# In COPY's text format a backslash hides what would end a column or a row, in an array's a text.
_COPY_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
_ARRAY_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\""})


def insert_rows(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Row],
    *,
    shared: Sequence[str] = (),
) -> None:
    """Insert rows; `columns` are attribute names, a foreign key's with its `_id`.

    Raises: IntegrityError.
    """
    names = [*columns, *shared]
    if connection.vendor != "postgresql":
        model._base_manager.bulk_create(  # noqa: SLF001 (Django documents it)
            [model(**dict(zip(names, row, strict=True))) for row in _spread(rows, shared)]
        )
        return
    fields = _fields(model, names)
    text = _to_copy(fields, rows, shared)
    if text:
        quoted = ", ".join(_quote(field.column) for field in fields)
        with connection.cursor() as cursor, connection.wrap_database_errors:
            cursor.cursor.copy_expert(
                f"COPY {_quote(model._meta.db_table)} ({quoted}) FROM STDIN", io.StringIO(text)
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
    types = ", ".join(f"%s::{field.rel_db_type(connection)}[]" for field in fields)
    names = ", ".join(f"c{n}" for n in range(len(fields)))
    sql = (
        f"UPDATE {table} SET {sets} FROM unnest({types}) AS new ({names}) "  # noqa: S608
        f"WHERE {table}.{_quote(key.column)} = new.c0"
    )
    arrays = [
        _to_array(field, column)
        for field, column in zip(fields, zip(*rows, strict=True), strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, arrays)
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


def _to_array(field: Any, values: Sequence[Any]) -> str:
    """Write a column as PostgreSQL's text of an array: it reads that as one value, not as many."""
    write = _writer(field, _ARRAY_ESCAPES)
    texts = ["NULL" if value is None else f'"{write(value)}"' for value in values]
    return f"{{{','.join(texts)}}}"


def _spread(rows: Iterable[Row], shared: Sequence[str]) -> Iterable[Row]:
    """Return rows with the columns of what they share."""
    if not shared:
        return rows
    read = attrgetter(*shared)
    return [(*row[:-1], *read(row[-1])) for row in rows]


def _to_copy(fields: Sequence[Any], rows: Iterable[Row], shared: Sequence[str]) -> str:
    """Write rows column by column: a cell then costs one call, mostly of a function in C."""
    columns = list(zip(*rows, strict=True))
    own = len(fields) - len(shared)
    texts = [
        _write_column(field, column)
        for field, column in zip(fields[:own], columns[:own], strict=bool(columns))
    ]
    if shared and columns:
        texts.append(_write_shared(fields[own:], shared, columns[-1]))
    return "".join(f"{line}\n" for line in map("\t".join, zip(*texts, strict=True)))


def _write_shared(fields: Sequence[Any], names: Sequence[str], objects: Sequence[Any]) -> list[str]:
    """Write what rows share, each object once, as the columns that it stands for."""
    read = attrgetter(*names)
    different = list({id(one): one for one in objects}.values())
    columns = zip(*map(read, different), strict=True)
    texts = [_write_column(field, column) for field, column in zip(fields, columns, strict=True)]
    known = dict(zip(map(id, different), map("\t".join, zip(*texts, strict=True)), strict=True))
    return [known[id(one)] for one in objects]


def _write_column(field: Any, values: Sequence[Any]) -> list[str]:
    write = _writer(field, _COPY_ESCAPES)
    return [r"\N" if value is None else write(value) for value in values]


def _writer(field: Any, escapes: Mapping[int, str]) -> Callable[[Any], str]:
    """Return how a column's values are written: only texts can hold what must be hidden."""
    kind = field.target_field if field.is_relation else field
    if isinstance(kind, models.JSONField):
        return _json_writer(escapes)
    if isinstance(kind, models.CharField | models.TextField):
        return _text_writer(escapes)
    if isinstance(kind, models.UUIDField):
        return lambda value: "%032x" % value.int  # a third of what str() takes  # noqa: UP031
    return str


def _text_writer(escapes: Mapping[int, str]) -> Callable[[Any], str]:
    known: dict[str, str] = {}  # rows share their texts

    def write(value: Any) -> str:
        return known.get(value) or known.setdefault(value, str(value).translate(escapes))

    return write


def _json_writer(escapes: Mapping[int, str]) -> Callable[[Any], str]:
    """Return a writer of JSON that knows the object that it wrote last: rows share a few."""
    last: Any = None
    text = "null"

    def write(value: Any) -> str:
        nonlocal last, text
        if value is not last:
            last, text = value, _ENCODE_JSON(value).translate(escapes)
        return text

    return write
