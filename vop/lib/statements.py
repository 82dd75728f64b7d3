"""Statements of the hot paths: written with the ORM, compiled once per process, then only run.

Building and compiling a query of some joins costs Django several times what running it costs, and
PostgreSQL plans such a query longer than it runs it (docs/performance.md). A `Query` or `Update` is
an ordinary one with a `Parameter` wherever a value changes from call to call; `write` puts the
rows of one change into one statement, which is a transaction by itself. PostgreSQL also keeps the
plans, by PREPARE, as long as the connection lives.
"""

import functools
import itertools
import json
import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connections, models, transaction
from django.db.models import Expression, QuerySet, sql
from django.db.models.base import ModelState
from django.db.models.query import ModelIterable
from django.db.utils import DEFAULT_DB_ALIAS

R = TypeVar("R")
S = TypeVar("S")
M = TypeVar("M", bound=models.Model)
_PLACE = re.compile("%([%s])")
_LENGTH = re.compile(r"\(.*\)")
# PostgreSQL's driver takes values of these fields as they are; the others know what to make of one.
_PLAIN = frozenset({
    "BooleanField", "CharField", "DateTimeField", "PositiveSmallIntegerField", "TextField",
    "UUIDField",
})  # fmt: skip
_FETCH = operator.methodcaller("fetchall")
_COUNT = operator.attrgetter("rowcount")
_names = itertools.count(1)
# Which statements a connection of the driver has prepared; they end with it.
_prepared: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


class Parameter(Expression):
    """The place of a value that each call of a statement brings, by its name and field type."""

    def __init__(self, name: str, output_field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:  # noqa: ARG002
        return "%s", [self]


class _Runnable(ABC):
    """A compiled statement."""

    def fetch(self, values: Mapping[str, Any]) -> list[Any]:
        """Execute it with the values of a call; return the rows."""
        return list(self._execute(values, _FETCH))

    def count(self, values: Mapping[str, Any]) -> int:
        """Execute it with the values of a call; return how many rows it changed."""
        return int(self._execute(values, _COUNT))

    def _execute(self, values: Mapping[str, Any], take: Callable[[Any], Any]) -> Any:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            self._run(cursor, values)
            return take(cursor)

    @abstractmethod
    def _run(self, cursor: Any, values: Mapping[str, Any]) -> None: ...


class _Text(_Runnable):
    """Its text with %s, and what stands there in order.

    That is a Parameter, or a value that is always the same.
    """

    def __init__(self, text: str, places: Sequence[Any], connection: Any) -> None:
        self._text = text
        self._places = places
        self._connection = connection

    def _run(self, cursor: Any, values: Mapping[str, Any]) -> None:
        shown = [
            place.output_field.get_db_prep_save(values[place.name], self._connection)
            if isinstance(place, Parameter)
            else place
            for place in self._places
        ]
        cursor.execute(self._text, shown)


class _Prepared(_Runnable):
    """The same for PostgreSQL, which keeps the plan; equal parameters are sent once."""

    def __init__(self, text: str, places: Sequence[Any], connection: Any) -> None:
        self._name = f"vop_{next(_names)}"
        self._text = text
        self._places = places
        self._connection = connection
        self._parameters: Sequence[Parameter] = list(
            dict.fromkeys(place for place in places if isinstance(place, Parameter))
        )
        self._inputs = [(each.name, self._choose_input(each)) for each in self._parameters]
        marks = ", ".join(["%s"] * len(self._parameters))
        self._call = f"EXECUTE {self._name} ({marks})" if marks else f"EXECUTE {self._name}"

    def _execute(self, values: Mapping[str, Any], take: Callable[[Any], Any]) -> Any:
        connection = connections[DEFAULT_DB_ALIAS]
        if _is_watched(connection):
            return super()._execute(values, take)
        with connection.wrap_database_errors, connection.create_cursor() as cursor:
            self._run(cursor, values)
            return take(cursor)

    def _run(self, cursor: Any, values: Mapping[str, Any]) -> None:
        # The first call of a connection prepares it.
        known = _prepared.setdefault(cursor.connection, set())
        if self._name not in known:
            with cursor.connection.cursor() as plain:  # the driver's own: no query of the caller's
                plain.execute(self._write(plain))
            known.add(self._name)
        shown = [
            values[name] if convert is None else convert(values[name], self._connection)
            for name, convert in self._inputs
        ]
        cursor.execute(self._call, shown)

    @staticmethod
    def _choose_input(parameter: Parameter) -> Callable[[Any, Any], Any] | None:
        field = getattr(parameter.output_field, "target_field", parameter.output_field)
        if isinstance(field, models.JSONField) and field.encoder is None:
            return _to_json  # the driver's own wrapper for JSON costs three times as much
        return None if field.get_internal_type() in _PLAIN else field.get_db_prep_save

    def _write(self, cursor: Any) -> str:
        marks = {parameter: f"${number}" for number, parameter in enumerate(self._parameters, 1)}
        shown = iter(
            [
                marks[place]
                if isinstance(place, Parameter)
                else cursor.mogrify("%s", [place]).decode()
                for place in self._places
            ]
        )
        text = _PLACE.sub(lambda found: "%" if found[1] == "%" else next(shown), self._text)
        return f"PREPARE {self._name} AS {text}"


def _is_watched(connection: Any) -> bool:
    """Tell whether Django's own cursor is needed: to connect, to refuse, or for who looks on.

    Without it a statement costs a third less around the driver's call.
    """
    return (
        connection.connection is None
        or connection.needs_rollback
        or connection.queries_logged
        or connection.execute_wrappers
    )


def _to_json(value: Any, _connection: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _finish(text: str, places: Sequence[Any]) -> _Runnable:
    connection = connections[DEFAULT_DB_ALIAS]
    is_kept = connection.vendor == "postgresql" and settings.DATABASE_KEEPS_PLANS
    return (_Prepared if is_kept else _Text)(text, places, connection)


class Query(Generic[R]):
    """A SELECT: rows of `values_list`, or model instances with their `select_related`."""

    def __init__(self, build: Callable[[], QuerySet[Any, R]]) -> None:
        self._build = build

    def all(self, **values: Any) -> list[R]:
        """Return what is found with these values."""
        select = self.select
        rows = select.runnable.fetch(values)
        return list(select.read(rows)) if rows else []

    def first(self, **values: Any) -> R | None:
        """Return the first of what is found, or nothing."""
        return next(iter(self.all(**values)), None)

    @functools.cached_property
    def select(self) -> "_Select":
        """It compiled, to be run by itself or as a part of another statement."""
        return _Select(self._build())


class Together(Generic[R, S]):
    """Rows of a query, each with what another finds by it, by one statement.

    The first gives model instances. Each parameter of the second that is an attribute of such an
    instance (a column of its own, or an annotation) takes its value from there.
    """

    def __init__(self, first: Query[R], second: Query[S]) -> None:
        self._first = first
        self._second = second

    def first(self, **values: Any) -> tuple[R, list[S]] | None:
        """Return the first row with what belongs to it, or nothing."""
        return next(iter(self.all(**values)), None)

    def all(self, **values: Any) -> list[tuple[R, list[S]]]:
        """Return the rows, each with what belongs to it."""
        if connections[DEFAULT_DB_ALIAS].vendor != "postgresql":
            return self._find_one_by_one(values)
        rows = self._runnable.fetch(values)
        one, two = self._first.select, self._second.select
        width = len(one.names)
        found: list[tuple[Sequence[Any], list[Sequence[Any]]]] = []
        for row in rows:
            key = row[:width]
            beside = next((others for known, others in found if known == key), None)
            if beside is None:
                beside = []
                found.append((key, beside))
            if row[width]:  # null when the second found nothing
                beside.append(row[width + 1 :])
        return [
            (row, list(two.read(beside)))
            for row, (_key, beside) in zip(one.read([key for key, _ in found]), found, strict=True)
        ]

    def _find_one_by_one(self, values: Mapping[str, Any]) -> list[tuple[R, list[S]]]:
        found = []
        for row in self._first.all(**values):
            taken = {name: getattr(row, name) for name in self._linked if hasattr(row, name)}
            found.append((row, self._second.all(**{**values, **taken})))
        return found

    @functools.cached_property
    def _linked(self) -> Collection[str]:
        return {each.name for each in self._second.select.places if isinstance(each, Parameter)}

    @functools.cached_property
    def _runnable(self) -> _Runnable:
        one, two = self._first.select, self._second.select
        columns = {name: f"one.c{place}" for place, name in enumerate(one.names) if name}
        names = ", ".join(f"c{place}" for place in range(len(one.names)))
        rest: list[Any] = []
        places = iter(two.places)

        def put(found: re.Match[str]) -> str:
            if found[1] == "%":
                return "%%"
            place = next(places)
            if isinstance(place, Parameter) and place.name in columns:
                return columns[place.name]
            rest.append(place)
            return "%s"

        text = _PLACE.sub(put, two.text)
        text = (
            f"SELECT * FROM ({one.text}) one ({names})"  # noqa: S608 (the ORM's own texts)
            f" LEFT JOIN LATERAL (SELECT true, found.* FROM ({text}) found) two ON true"
        )
        return _finish(text, [*one.places, *rest])


class _Select:
    """The text of a SELECT, what stands in it, and how Django would read its rows."""

    def __init__(self, queryset: QuerySet[Any, Any]) -> None:
        compiler: Any = queryset.query.get_compiler(using=queryset.db)
        self.text, self.places = compiler.as_sql()
        self._apply = compiler.apply_converters
        self._converters = compiler.get_converters(
            expression for expression, _sql, _alias in compiler.select
        )
        self.names: list[str] = [""] * len(compiler.select)  # attributes of an instance
        self._make: Callable[[Sequence[Any]], Any] = tuple
        if queryset._iterable_class is ModelIterable:  # noqa: SLF001
            self._make = self._prepare_instances(compiler, queryset.db)

    @functools.cached_property
    def runnable(self) -> _Runnable:
        """The statement by itself."""
        return _finish(self.text, self.places)

    def read(self, rows: Sequence[Sequence[Any]]) -> Iterator[Any]:
        """Return rows as the query set would."""
        if self._converters:
            rows = self._apply(rows, self._converters)
        return map(self._make, rows)

    def _prepare_instances(self, compiler: Any, alias: str) -> Callable[[Sequence[Any]], Any]:
        kind = compiler.klass_info
        start, names = _list_names(kind, compiler.select)
        self.names[start : start + len(names)] = names
        for name, place in compiler.annotation_col_map.items():
            self.names[place] = name
        extras = list(compiler.annotation_col_map.items())
        build = _make_builder(kind, compiler.select, alias)

        def make(row: Sequence[Any]) -> Any:
            found = build(row)
            for name, place in extras:
                setattr(found, name, row[place])
            return found

        return make


def _list_names(kind: Mapping[str, Any], select: Sequence[Any]) -> tuple[int, list[str]]:
    """Return where the columns of a model start, and its attributes in their order."""
    places = kind["select_fields"]
    start, end = places[0], places[-1] + 1
    return start, [column[0].target.attname for column in select[start:end]]


def _make_builder(
    kind: Mapping[str, Any], select: Sequence[Any], alias: str
) -> Callable[[Sequence[Any]], Any]:
    """Return what makes an instance of a row, with those that it refers to.

    It puts the columns where `Model.__init__` would, at a tenth of its cost; no signal is sent.
    """
    model = kind["model"]
    start, names = _list_names(kind, select)
    end, key = start + len(names), start + names.index(model._meta.pk.attname)
    others = [
        (_make_builder(other, select, alias), other["local_setter"], other["remote_setter"])
        for other in kind.get("related_klass_infos", ())
    ]

    def build(row: Sequence[Any]) -> Any:
        if row[key] is None:  # an outer join that found nothing
            return None
        found = model.__new__(model)
        state = found._state = ModelState()  # noqa: SLF001 (documented by Django)
        state.db, state.adding = alias, False
        found.__dict__.update(zip(names, row[start:end], strict=True))
        for build_other, set_here, set_there in others:
            other = build_other(row)
            set_here(found, other)
            if other is not None:
                set_there(other, found)
        return found

    return build


class Lock:
    """A row that is looked for and locked; found or not is the condition of a write."""

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        self._build = build

    def run(self, **values: Any) -> bool:
        """Lock the row, in an open transaction; tell whether it is there."""
        return bool(self._runnable.fetch(values))

    def compile(self) -> tuple[str, Sequence[Any]]:
        """Return the text and what stands in it."""
        queryset = self._build()
        with transaction.atomic():  # Django refuses to write the text outside of one
            text, places = queryset.query.get_compiler(using=queryset.db).as_sql()
        return text, places

    @functools.cached_property
    def _runnable(self) -> _Runnable:
        return _finish(*self.compile())


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
    def _runnable(self) -> _Runnable:
        return _finish(*self.compile())


def new_row(kind: type[M], **values: Any) -> M:
    """Make a new row for `write`: what `kind(**values)` makes, without its signals.

    It costs a quarter. Links are given as instances; what isn't given has its default.

    Raises: TypeError for a name that the model doesn't have.
    """
    row = kind.__new__(kind)
    row._state = ModelState()  # noqa: SLF001 (documented by Django)
    columns = row.__dict__
    for name, attname, default, field in _list_fields(kind):
        if name not in values:
            columns[attname] = default()
            continue
        value = values.pop(name)
        if field is None:
            columns[attname] = value
        else:
            field.set_cached_value(row, value)
            columns[attname] = None if value is None else getattr(value, field.target_field.attname)
    if values:
        raise TypeError(f"{kind.__name__} has no {', '.join(values)}")
    return row


@functools.cache
def _list_fields(kind: type[models.Model]) -> Sequence[tuple[str, str, Callable[[], Any], Any]]:
    """Return name, attribute, default, and the field itself where it links to another row."""
    fields: Sequence[Any] = kind._meta.local_concrete_fields
    return [
        (each.name, each.attname, each.get_default, each if each.remote_field else None)
        for each in fields
    ]


def write(*rows: models.Model, when: Update | Lock | None = None, **values: Any) -> bool:
    """Insert new rows, all or none; with `when`, only if that changes, or locks, its one row.

    Tell whether it was done. A row that refers to a kind standing
    before it, whose key the database makes, refers to that very row. No signal is sent.

    PostgreSQL gets one statement: several would each cost a round trip, which costs more than the
    writing itself.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    kinds = tuple(type(row) for row in rows)
    if connection.vendor != "postgresql":
        return _write_one_by_one(rows, when, values)
    shown = {
        f"{place}.{name}": getattr(row, name)
        for place, row in enumerate(rows)
        for name in _list_columns(type(row))
    }
    is_done, *keys = _join(kinds, when).fetch({**values, **shown})[0]
    if is_done:
        _note_saved(rows, keys)
    return bool(is_done)


def _write_one_by_one(
    rows: Sequence[models.Model], when: Update | Lock | None, values: Mapping[str, Any]
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
def _list_columns(kind: type[models.Model]) -> Sequence[str]:
    auto = kind._meta.auto_field
    return [field.attname for field in kind._meta.local_concrete_fields if field is not auto]


@functools.cache
def _list_links(kind: type[models.Model]) -> Sequence[Any]:
    return [field for field in kind._meta.local_concrete_fields if field.remote_field is not None]


@functools.cache
def _join(kinds: tuple[type[models.Model], ...], when: Update | Lock | None) -> _Runnable:
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
    return _finish(text, places)


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
