"""Writes that are compiled once: a condition, and the rows that depend on it."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import connections, models, transaction
from django.db.models import QuerySet, sql
from django.db.models.base import ModelState
from django.db.utils import DEFAULT_DB_ALIAS

from vop.lib.statements.running import Parameter, Runnable, finish

M = TypeVar("M", bound=models.Model)
_LENGTH = re.compile(r"\(.*\)")


class Found:
    """A row that must be there for a write; `select_for_update` also keeps it as it is."""

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        self._build = build

    def run(self, **values: Any) -> bool:
        """Look for the row, in an open transaction; tell whether it is there."""
        return bool(self._runnable.fetch(values))

    def compile(self) -> tuple[str, Sequence[Any]]:
        """Return the text and what stands in it."""
        queryset = self._build()
        with transaction.atomic():  # Django refuses to write the text outside of one
            text, places = queryset.query.get_compiler(using=queryset.db).as_sql()
        return text, places

    @functools.cached_property
    def _runnable(self) -> Runnable:
        return finish(*self.compile())


class Update:
    """A conditional UPDATE of one table."""

    def __init__(self, build: Callable[[], QuerySet[Any, Any]], **changes: Any) -> None:
        self._build = build
        self._changes = changes

    def run(self, **values: Any) -> int:
        """Change what fits these values; return how many rows."""
        return self._runnable.count(values)

    def compile(self) -> tuple[str, Sequence[Any]]:
        """Return the text and what stands in it."""
        queryset = self._build()
        query: Any = queryset.query.chain(sql.UpdateQuery)
        query.add_update_values(self._changes)
        text, places = query.get_compiler(using=queryset.db).as_sql()
        return text, places

    @functools.cached_property
    def _runnable(self) -> Runnable:
        return finish(*self.compile())


def new_row(kind: type[M], **values: Any) -> M:
    """Make a new row for `write`: what `kind(**values)` makes, without its signals.

    It costs a quarter. Links are given as instances; what isn't given has its default.

    Raises: TypeError for a name that the model doesn't have.
    """
    row = kind.__new__(kind)
    row._state = ModelState()  # noqa: SLF001 (documented by Django)
    columns = row.__dict__
    for name, attname, default, field, key in _list_fields(kind):
        if name not in values:
            columns[attname] = default()
            continue
        value = values.pop(name)
        if field is None:
            columns[attname] = value
        else:
            field.set_cached_value(row, value)
            columns[attname] = None if value is None else getattr(value, key)
    if values:
        raise TypeError(f"{kind.__name__} has no {', '.join(values)}")
    return row


def copy_new(row: M, **columns: Any) -> M:
    """Make another new row like one that isn't saved, with columns of its own, by attribute.

    It costs a tenth of making it anew. Instances that `row` links to aren't carried over.
    """
    made = row.__class__.__new__(row.__class__)
    made.__dict__.update(row.__dict__, _state=ModelState(), **columns)
    return made


@functools.cache
def _list_fields(
    kind: type[models.Model],
) -> Sequence[tuple[str, str, Callable[[], Any], Any, str]]:
    """Return name, attribute, default; for a link the field itself, and the other row's key."""
    fields: Sequence[Any] = kind._meta.local_concrete_fields
    return [
        (each.name, each.attname, each.get_default, each, each.target_field.attname)
        if each.remote_field
        else (each.name, each.attname, each.get_default, None, "")
        for each in fields
    ]


def write(*rows: models.Model, when: Update | Found | None = None, **values: Any) -> bool:
    """Insert new rows, all or none; with `when`, only if that changes, or finds, its one row.

    Tell whether it was done. A row that refers to a kind standing
    before it, whose key the database makes, refers to that very row. No signal is sent.

    PostgreSQL gets one statement: several would each cost a round trip, which costs more than the
    writing itself.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    kinds = tuple(type(row) for row in rows)
    if connection.vendor != "postgresql":
        return _write_one_by_one(rows, when, values)
    shown = {key: getattr(rows[place], name) for key, place, name in _list_columns(kinds)}
    is_done, *keys = _join(kinds, when).fetch({**values, **shown})[0]
    if is_done:
        _note_saved(rows, keys)
    return bool(is_done)


def _write_one_by_one(
    rows: Sequence[models.Model], when: Update | Found | None, values: Mapping[str, Any]
) -> bool:
    with transaction.atomic():
        if when is not None and not when.run(**values):
            return False
        for row in rows:
            for field in _list_links(type(row)):  # an earlier row got its key meanwhile
                if field.is_cached(row):
                    setattr(row, field.name, getattr(row, field.name))
            row.save(force_insert=True)
    return True


def _note_saved(rows: Sequence[models.Model], keys: Sequence[Any]) -> None:
    made = iter(keys)
    for row in rows:
        if row._meta.auto_field is not None:
            row.pk = next(made)
        row._state.adding = False  # noqa: SLF001 (documented by Django)


@functools.cache
def _list_columns(kinds: tuple[type[models.Model], ...]) -> Sequence[tuple[str, int, str]]:
    """Return each column's name in the statement, the place of its row, and its attribute."""
    return [
        (f"{place}.{field.attname}", place, field.attname)
        for place, kind in enumerate(kinds)
        for field in kind._meta.local_concrete_fields
        if field is not kind._meta.auto_field
    ]


@functools.cache
def _list_links(kind: type[models.Model]) -> Sequence[Any]:
    return [field for field in kind._meta.local_concrete_fields if field.remote_field is not None]


@functools.cache
def _join(kinds: tuple[type[models.Model], ...], when: Update | Found | None) -> Runnable:
    """Make one statement of an update and the inserts that depend on it: WITH … SELECT."""
    parts: list[str] = []
    places: list[Any] = []
    if when is not None:
        text, changed = when.compile()
        parts.append(f"done AS ({text}{' RETURNING 1' if isinstance(when, Update) else ''})")
        places += changed
    makers: dict[type[models.Model], str] = {}
    found = ["EXISTS (SELECT FROM done)" if when is not None else "true"]
    for number, kind in enumerate(kinds):
        text, own = _write_insert(kind, number, makers, is_bound=when is not None)
        parts.append(f"row{number} AS ({text})")
        places += own
        if kind._meta.auto_field is not None:
            makers[kind] = f"row{number}"
            found.append(f"(SELECT key FROM row{number})")  # noqa: S608
    text = f"WITH {', '.join(parts)} SELECT {', '.join(found)}"
    return finish(text, places)


def _write_insert(
    kind: type[models.Model], number: int, makers: Mapping[Any, str], *, is_bound: bool
) -> tuple[str, list[Any]]:
    meta, connection = kind._meta, connections[DEFAULT_DB_ALIAS]
    quote: Callable[[Any], str] = connection.ops.quote_name
    sources = ["done"] if is_bound else []
    columns, shown, places = [], [], []
    for field in meta.local_concrete_fields:
        if field is meta.auto_field:
            continue
        columns.append(quote(field.column))
        maker = makers.get(field.related_model) if field.remote_field else None
        if maker is not None:
            sources.append(maker)
            shown.append(f"{maker}.key")
            continue
        # The type without its length: a cast cuts what is too long, the column refuses it.
        shown.append(f"%s::{_LENGTH.sub('', field.db_type(connection) or '')}")
        places.append(Parameter(f"{number}.{field.attname}", field))
    text = f"INSERT INTO {quote(meta.db_table)} ({', '.join(columns)}) SELECT {', '.join(shown)}"
    if sources:
        text += f" FROM {', '.join(sources)}"
    key = quote(meta.auto_field.column) if meta.auto_field is not None else "1"
    return f"{text} RETURNING {key} AS key", places
