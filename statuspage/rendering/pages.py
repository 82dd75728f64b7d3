"""The pages of the public site, in each language, as complete HTML files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext

from statuspage.models import (
    Component,
    Incident,
    PlannedUpdate,
    StatusUpdate,
    UpdateState,
)
from statuspage.queries import Snapshot
from statuspage.rendering import words
from statuspage.rendering.rollup import ALL_OPERATIONAL, roll_up
from statuspage.rendering.words import Label
from vop.lib.clock import STOCKHOLM

STALE_AFTER_MINUTES = 10
RECENT = 5
_FOLDERS = {"sv": "", "en": "en/"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One text in a timeline."""

    label: Label
    body: str
    language: str
    at: datetime
    written_at: str
    changes: list[tuple[str, Label]]


@dataclass(frozen=True, slots=True)
class Card:
    """An incident or a planned update as the pages show it."""

    code: str
    name: str
    kind: str
    tone: str
    labels: list[Label]
    is_open: bool
    at: datetime
    summary: str
    facts: list[tuple[str, str]]
    components: list[str]
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Site:
    """What every page needs to know: where the assets are, when it was made, what it says."""

    generated_at: datetime
    version: str
    assets: Mapping[str, str]


def render_pages(snapshot: Snapshot, site: Site) -> dict[str, bytes]:
    """Return every page by its path."""
    pages: dict[str, bytes] = {}
    for language, folder in _FOLDERS.items():
        with translation.override(language), timezone.override(STOCKHOLM):
            for path, template, context in _list_pages(snapshot):
                pages[folder + path] = _render(template, path, language, context, site)
    with translation.override("sv"):
        pages["404.html"] = _render("not_found", "404.html", "sv", {}, site, root="/")
    return pages


def _list_pages(snapshot: Snapshot) -> Iterator[tuple[str, str, dict[str, object]]]:
    incidents = [_incident_card(incident, snapshot) for incident in snapshot.incidents]
    planned = [_planned_card(update, snapshot) for update in snapshot.planned_updates]
    yield "index.html", "index", _index(snapshot, incidents, planned)
    past = _past([*incidents, *planned])
    yield "history.html", "history", {"months": _by_month(past)}
    for card in (*incidents, *planned):
        yield f"incidents/{card.code}.html", "incident", {"card": card}


def _index(snapshot: Snapshot, incidents: list[Card], planned: list[Card]) -> dict[str, object]:
    state = roll_up([component.status for component in snapshot.components])
    open_incidents = [card for card in incidents if card.is_open]
    headline = words.describe_whole(state)
    if state == ALL_OPERATIONAL and open_incidents:
        headline = Label(gettext("A disturbance is being followed up"), "warn")
    states = {update.code: update for update in snapshot.planned_updates}
    return {
        "headline": headline,
        "incidents": open_incidents,
        "active": [card for card in planned if states[card.code].is_active],
        "announced": [card for card in reversed(planned) if states[card.code].is_announced],
        "tentative": [words.write_window(u.window) for u in snapshot.tentative_updates],
        "groups": [
            (
                str(group.name),
                [
                    (component, words.describe_component(component.status))
                    for component in snapshot.components
                    if component.group_id == group.pk
                ],
            )
            for group in snapshot.groups
        ],
        "recent": _past([*incidents, *planned])[:RECENT],
    }


def _render(
    template: str,
    path: str,
    language: str,
    context: Mapping[str, object],
    site: Site,
    *,
    root: str | None = None,
) -> bytes:
    depth = (_FOLDERS[language] + path).count("/")
    other = "en" if language == "sv" else "sv"
    twin = "index.html" if template == "not_found" else path
    root = "../" * depth if root is None else root
    full = {
        **context,
        "site": site,
        "language": language,
        "root": root,
        "home": root + _FOLDERS[language],
        "other": {"language": other, "href": root + _FOLDERS[other] + twin},
        "platform_url": settings.BASE_URL,
        "written_at": words.write_moment(site.generated_at),
        "stale_after": STALE_AFTER_MINUTES,
    }
    return render_to_string(f"statuspage/site/{template}.html", full).encode()


def _incident_card(incident: Incident, snapshot: Snapshot) -> Card:
    effects = incident.effects.all()
    facts = [(gettext("Began"), words.write_moment(incident.started_at))]
    if incident.resolved_at:
        facts.append((gettext("Resolved"), words.write_moment(incident.resolved_at)))
        length = words.write_length(incident.resolved_at - incident.started_at)
        facts.append((gettext("Lasted"), length))
    if incident.is_open and incident.next_update_at:
        facts.append(
            (gettext("Next update at the latest"), words.write_moment(incident.next_update_at))
        )
    entries = _entries(incident.updates.all(), snapshot)
    impact = words.describe_impact(incident.impact)
    return Card(
        code=incident.code,
        name=str(incident.name),
        kind=gettext("Incident"),
        tone=impact.tone,
        labels=[*(entry.label for entry in entries[:1]), impact],
        is_open=incident.is_open,
        at=incident.started_at,
        summary=words.write_moment(incident.started_at),
        facts=facts,
        components=[str(effect.component.name) for effect in effects],
        entries=entries,
    )


def _planned_card(update: PlannedUpdate, snapshot: Snapshot) -> Card:
    window = words.write_window(update.window)
    facts = [(gettext("Window"), window)]
    if update.expected_downtime_minutes is not None:
        facts.append((gettext("Expected downtime"), _write_downtime(update)))
    if update.kind == "unscheduled" or update.sequence:
        facts.append((gettext("Why"), update.reason))
    return Card(
        code=update.code,
        name=str(update.title),
        kind=str(update.get_kind_display()),
        tone="info",
        labels=[_planned_label(update)],
        is_open=update.is_announced or update.is_active,
        at=update.window_start,
        summary=window,
        facts=facts,
        components=[str(component.name) for component in update.components.all()],
        entries=_entries(update.updates.all(), snapshot),
    )


def _planned_label(update: PlannedUpdate) -> Label:
    state = UpdateState(update.state)
    tone = {UpdateState.COMPLETED: "good", UpdateState.CANCELLED: "neutral"}.get(state, "info")
    return Label(str(state.label), tone)


def _write_downtime(update: PlannedUpdate) -> str:
    minutes = update.expected_downtime_minutes
    if not minutes:
        return gettext("none")
    return gettext("at most %(n)d minutes") % {"n": minutes}


def _entries(updates: Iterable[StatusUpdate], snapshot: Snapshot) -> list[Entry]:
    shown: dict[str, Component] = {component.code: component for component in snapshot.components}
    return [
        Entry(
            label=words.describe_step(update.status),
            body=str(update.body),
            language=update.body.find_language(get_language()),
            at=update.display_at,
            written_at=words.write_moment(update.display_at),
            changes=[
                (
                    str(shown[change["code"]].name),
                    words.describe_component(change["new_status"]),
                )
                for change in update.changes
                if change["code"] in shown and _is_news(change)
            ],
        )
        for update in updates
    ]


def _is_news(change: Mapping[str, str]) -> bool:
    return change["old_status"] != change["new_status"]


def _past(cards: list[Card]) -> list[Card]:
    over = (card for card in cards if not card.is_open)
    return sorted(over, key=lambda card: (card.at, card.code), reverse=True)


def _by_month(cards: list[Card]) -> list[tuple[str, list[Card]]]:
    months: dict[str, list[Card]] = {}
    for card in cards:
        months.setdefault(date_format(card.at.astimezone(STOCKHOLM), "F Y"), []).append(card)
    return list(months.items())
