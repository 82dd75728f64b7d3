"""What can stand in the log. Each room declares its own events as a subclass of EventType."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Self, TypeAlias

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Retention(StrEnum):
    """How long an event is kept (docs/privacy.md)."""

    SEVEN_YEARS = "a"  # access rights, mandates, money: bokföringslagen 7 kap. 2 §
    THIRTEEN_MONTHS = "b"  # administration, security
    NINETY_DAYS = "c"  # sign-ins, token traffic


class EventType(StrEnum):
    """A kind of event: "noun.verb", what people read, how long it is kept, what is personal.

    `personal` names the keys of an event's data that tell something about a person. They are
    stored beside the event and go when the person is erased.
    """

    label: str | Promise
    retention: Retention
    personal: frozenset[str]

    def __new__(
        cls,
        value: str,
        label: str | Promise,
        retention: Retention,
        personal: tuple[str, ...] = (),
    ) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.retention = retention
        member.personal = frozenset(personal)
        return member


Words: TypeAlias = Mapping[str, str | Promise]
_LOADERS: dict[str, list[Callable[[], Words]]] = {}


def name_values(key: str, load: Callable[[], Words]) -> None:
    """Tell what the values under a key of events' data are called; a room says so in `apps.py`.

    `load` is asked once for each page or file of the log; it may read the database.
    """
    _LOADERS.setdefault(key, []).append(load)


class WordsByKey(dict[str, Words]):
    """What values are called, by the key that they stand under; a key is read when it is met."""

    def __missing__(self, key: str) -> Words:
        loaded = [load() for load in _LOADERS.get(key, ())]
        self[key] = {value: label for words in loaded for value, label in words.items()}
        return self[key]


class LogEvent(EventType):
    VIEWED = "audit.viewed", _("The log was viewed"), Retention.SEVEN_YEARS
    EXPORTED = "audit.exported", _("The log was exported"), Retention.SEVEN_YEARS


class UnregisteredEventError(LookupError):
    """No room declares an event of that name."""


def all_event_types() -> dict[str, EventType]:
    """Return every declared event by its name."""
    return {str(event): event for family in EventType.__subclasses__() for event in family}


def get_event_type(name: str) -> EventType:
    """Return the declared event of that name.

    Raises: UnregisteredEventError.
    """
    for family in EventType.__subclasses__():
        if name in family.__members__.values():
            return family(name)  # type: ignore[call-arg]
    raise UnregisteredEventError(name)
