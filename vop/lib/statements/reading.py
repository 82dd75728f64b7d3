"""Queries that are compiled once: rows, instances, and rows with what belongs to them."""

import functools
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet
from django.db.models.base import ModelState
from django.db.models.query import ModelIterable
from django.db.utils import DEFAULT_DB_ALIAS

from vop.lib.statements.running import PLACE, Parameter, Runnable, finish

R = TypeVar("R")
S = TypeVar("S")


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
    def _runnable(self) -> Runnable:
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

        text = PLACE.sub(put, two.text)
        text = (
            f"SELECT * FROM ({one.text}) one ({names})"  # noqa: S608 (the ORM's own texts)
            f" LEFT JOIN LATERAL (SELECT true, found.* FROM ({text}) found) two ON true"
        )
        return finish(text, [*one.places, *rest])


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
    def runnable(self) -> Runnable:
        """The statement by itself."""
        return finish(self.text, self.places)

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


def fetch(queryset: QuerySet[Any, R]) -> list[R]:
    """Run a query once, and make its rows as cheaply as a `Query` does."""
    try:
        select = _Select(queryset)
    except EmptyResultSet:  # Django's way to say that nothing can fit
        return []
    with connections[queryset.db].cursor() as cursor:
        cursor.execute(select.text, select.places)
        rows = cursor.fetchall()
    return list(select.read(rows))


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
