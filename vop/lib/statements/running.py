"""A compiled statement, as a connection runs it."""

import itertools
import json
import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connections, models
from django.db.models import Expression
from django.db.utils import DEFAULT_DB_ALIAS

PLACE = re.compile("%([%s])")
# PostgreSQL's driver takes values of these fields as they are; the others know what to make of one.
_PLAIN = frozenset({
    "AutoField", "BigAutoField", "BooleanField", "CharField", "DateTimeField",
    "PositiveSmallIntegerField", "TextField",
})  # fmt: skip
_FETCH = operator.methodcaller("fetchall")
_COUNT = operator.attrgetter("rowcount")
_names = itertools.count(1)


class Parameter(Expression):
    """The place of a value that each call of a statement brings, by its name and field type."""

    def __init__(self, name: str, output_field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:  # noqa: ARG002
        return "%s", [self]


class Runnable(ABC):
    """A compiled statement."""

    def fetch(self, values: Mapping[str, Any]) -> list[Any]:
        """Execute it with the values of a call; return the rows."""
        return list(self._execute(values, _FETCH))

    def count(self, values: Mapping[str, Any]) -> int:
        """Execute it with the values of a call; return how many rows it changed."""
        return int(self._execute(values, _COUNT))

    def _execute(self, values: Mapping[str, Any], take: Callable[[Any], Any]) -> Any:
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            self._run(connection, cursor, values)
            return take(cursor)

    @abstractmethod
    def _run(self, connection: Any, cursor: Any, values: Mapping[str, Any]) -> None: ...


class _Text(Runnable):
    """Its text with %s, and what stands there in order.

    That is a Parameter, or a value that is always the same.
    """

    def __init__(self, text: str, places: Sequence[Any]) -> None:
        self._text = text
        self._places = places

    def _run(self, connection: Any, cursor: Any, values: Mapping[str, Any]) -> None:
        shown = [
            place.output_field.get_db_prep_save(values[place.name], connection)
            if isinstance(place, Parameter)
            else place
            for place in self._places
        ]
        cursor.execute(self._text, shown)


class _Prepared(Runnable):
    """The same for PostgreSQL, which keeps the plan; equal parameters are sent once."""

    def __init__(self, text: str, places: Sequence[Any]) -> None:
        self._name = f"vop_{next(_names)}"
        self._text = text
        self._places = places
        self._parameters: Sequence[Parameter] = list(
            dict.fromkeys(place for place in places if isinstance(place, Parameter))
        )
        self._inputs = [(each.name, self._choose_input(each)) for each in self._parameters]
        marks = ", ".join(["%s"] * len(self._parameters))
        self._call = f"EXECUTE {self._name} ({marks})" if marks else f"EXECUTE {self._name}"

    def _execute(self, values: Mapping[str, Any], take: Callable[[Any], Any]) -> Any:
        connection: Any = connections[DEFAULT_DB_ALIAS]
        if _is_watched(connection):
            return super()._execute(values, take)
        with connection.wrap_database_errors:
            self._run(connection, connection.kept_cursor, values)
            return take(connection.kept_cursor)

    def _run(self, connection: Any, cursor: Any, values: Mapping[str, Any]) -> None:
        if self._name not in connection.prepared:  # the first call of a connection prepares it
            with connection.create_cursor() as plain:  # the driver's own: no query of the caller's
                plain.execute(self._write(plain))
            connection.prepared.add(self._name)
        shown = [
            values[name] if convert is None else convert(values[name], connection)
            for name, convert in self._inputs
        ]
        cursor.execute(self._call, shown)

    @staticmethod
    def _choose_input(parameter: Parameter) -> Callable[[Any, Any], Any] | None:
        field: Any = parameter.output_field
        while field.is_relation:  # a link to a link has the values of its end
            field = field.target_field
        if isinstance(field, models.JSONField) and field.encoder is None:
            return _to_json  # the driver's own wrapper for JSON costs three times as much
        if isinstance(field, models.UUIDField | models.GenericIPAddressField):
            return _to_text  # the driver's own adapters are written in Python, too
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
        text = PLACE.sub(lambda found: "%" if found[1] == "%" else next(shown), self._text)
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


def _to_text(value: Any, _connection: Any) -> str | None:
    return str(value) if value else None  # an empty address is none, as for Django


def _to_json(value: Any, _connection: Any) -> str | None:
    return None if value is None else json.dumps(value)


def finish(text: str, places: Sequence[Any]) -> Runnable:
    """Return what runs a text with these in its places: a Parameter, or what is always the same."""
    connection = connections[DEFAULT_DB_ALIAS]
    is_kept = connection.vendor == "postgresql" and settings.DATABASE_KEEPS_PLANS
    return (_Prepared if is_kept else _Text)(text, places)
