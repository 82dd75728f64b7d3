"""How the log reads, on a page and as lines of a file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from auditlog.events import WordsByKey
from auditlog.models import Event
from companies.rendering.words import FIELD_LABELS, KEYS, MARKS, PAGES, WORDS
from vop.lib.clock import STOCKHOLM
from vop.lib.money import format_money
from vop.lib.tables import defuse


@dataclass(frozen=True, slots=True)
class LogRow:
    """An event as the log page shows it."""

    event: Event
    who: str
    ip: str
    target: str
    sentence: str
    details: tuple[tuple[str, str], ...]

    @property
    def is_by_staff(self) -> bool:
        """Whether somebody of ours did it."""
        return self.event.actor_kind == "staff"

    @property
    def is_success(self) -> bool:
        """Whether it worked."""
        return self.event.outcome == Event.Outcome.SUCCESS


def describe_each(events: Iterable[Event]) -> Iterator[LogRow]:
    """Return events in words; what the rooms call things is asked for once."""
    words = WordsByKey()
    for event in events:
        yield _describe(event, words)


def _describe(event: Event, words: WordsByKey) -> LogRow:
    personal = _personal(event)
    data: dict[str, Any] = {**event.data, **personal["data"]}
    return LogRow(
        event=event,
        who=_who(event, personal["actor_label"]),
        ip=personal["ip"],
        target=personal["target_label"],
        sentence=" · ".join(_sentence(data, words, known=personal["target_label"])),
        details=tuple(_details(event, data, words, personal["user_agent"])),
    )


def list_columns() -> list[str]:
    """Head the columns of an exported log."""
    return [
        _("Time"), _("Event"), _("Event name"), _("Outcome"), _("Who"), _("Kind of actor"),
        _("Concerns"), _("Description"), _("IP address"), _("Event id"),
    ]  # fmt: skip


def list_cells(events: Iterable[Event]) -> Iterator[list[str]]:
    """Return events as lines of an exported log, safe to open in a spreadsheet."""
    return (_cells(row) for row in describe_each(events))


def _cells(row: LogRow) -> list[str]:
    event = row.event
    cells = [
        _local(event.occurred_at), str(event.label), event.action, event.get_outcome_display(),
        row.who, str(event.get_actor_kind_display()), row.target, row.sentence, row.ip,
        str(event.uid),
    ]  # fmt: skip
    return [defuse(cell) for cell in cells]


def _personal(event: Event) -> dict[str, Any]:
    """Return the personal part; it may have been erased."""
    try:
        part = event.personal
    except ObjectDoesNotExist:
        return {"actor_label": "", "target_label": "", "ip": "", "user_agent": "", "data": {}}
    is_staff = event.actor_kind == "staff"  # where our staff sit is not the customer's business
    return {
        "actor_label": part.actor_label,
        "target_label": part.target_label,
        "ip": "" if is_staff else part.ip or "",
        "user_agent": "" if is_staff else part.user_agent,
        "data": part.data,
    }


def _who(event: Event, label: str) -> str:
    if event.actor_kind == "system":
        return _("The platform")
    if event.actor_kind == "anonymous":
        return _("Somebody not signed in")
    return label or _("Erased person")


def _sentence(data: Mapping[str, Any], words: WordsByKey, *, known: str) -> Iterator[str]:
    changes = data.get("changes")
    if isinstance(changes, dict):
        for name, pair in changes.items():
            if isinstance(pair, list) and len(pair) == 2:  # noqa: PLR2004 (before and after)
                yield f"{_field_label(name)}: {_value(pair[0]) or '–'} → {_value(pair[1]) or '–'}"
    elif isinstance(data.get("fields"), list):  # the values were erased
        yield ", ".join(_field_label(str(name)) for name in data["fields"])
    for key, label in KEYS.items():
        value = data.get(key)
        if value in (None, "", [], {}, known):
            continue
        told = _told(key, data, words)
        if told and told != known:
            yield f"{label}: {told}"


def _details(
    event: Event, data: Mapping[str, Any], words: WordsByKey, user_agent: str
) -> Iterator[tuple[str, str]]:
    yield _("Event name"), event.action
    yield _("Event id"), str(event.uid)
    if user_agent:
        yield _("Browser"), user_agent
    if event.request_id:
        yield _("Request"), event.request_id
    for key in sorted(data):
        if key not in KEYS and key not in {"changes", "fields"}:
            yield str(MARKS.get(key, key)), _told(key, data, words)


def _told(key: str, data: Mapping[str, Any], words: WordsByKey) -> str:
    """Say what stands under a key, by the names that the rooms have for it."""
    value = data[key]
    if isinstance(value, list):
        return ", ".join(_told(key, {**data, key: item}, words) for item in value)
    text = str(value)
    if (
        key in {"role", "role_before"} and "service" in data
    ):  # a role in that service, not in the company
        return str(words["service_role"].get(f"{data['service']}/{text}", text))
    if key.endswith("_cents") and isinstance(value, int):
        currency = str(data.get("currency", "SEK"))
        return format_money(value, currency, get_language() or "sv")
    if key == "page":
        return str(PAGES.get(text, text))
    if text in words[key]:
        return str(words[key][text])
    return _value(value)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(
            f"{MARKS.get(key) or KEYS.get(key, key)}: {_value(item)}" for key, item in value.items()
        )
    if isinstance(value, bool) or value is None:
        return _BOOLEANS[value]()
    text = str(value)
    return _as_instant(text) or str(WORDS.get(text, text))


_BOOLEANS: Mapping[bool | None, Callable[[], str]] = {
    True: lambda: _("yes"),
    False: lambda: _("no"),
    None: lambda: "–",
}


def _as_instant(text: str) -> str:
    if len(text) < len("2026-01-01T00:00Z") or "T" not in text:
        return ""
    try:
        return _local(datetime.fromisoformat(text))
    except ValueError:
        return ""


def _local(instant: datetime) -> str:
    return instant.astimezone(STOCKHOLM).strftime("%Y-%m-%d %H:%M:%S")


def _field_label(name: str) -> str:
    return str(FIELD_LABELS.get(name, name))
