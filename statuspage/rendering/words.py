"""How the pages say things: labels with their tone, windows and moments as people read them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from statuspage.models import ComponentStatus, Impact, StatusUpdate, Window
from statuspage.rendering import rollup
from vop.lib.clock import STOCKHOLM

_MORNING = 7


@dataclass(frozen=True, slots=True)
class Label:
    """A word with the tone that colours it."""

    text: str
    tone: str


def describe_whole(state: rollup.Rollup) -> Label:
    """Return the line on top of the page."""
    return {
        rollup.ALL_OPERATIONAL: Label(gettext("Everything works"), "good"),
        rollup.MAINTENANCE: Label(gettext("Planned work is going on"), "info"),
        rollup.PARTIALLY_DEGRADED: Label(gettext("Some things are slow or faulty"), "warn"),
        rollup.DEGRADED: Label(gettext("Everything is slow or faulty"), "warn"),
        rollup.MINOR_OUTAGE: Label(gettext("Some things are partly down"), "warn"),
        rollup.PARTIAL_OUTAGE: Label(gettext("Parts of the platform are down"), "bad"),
        rollup.MAJOR_OUTAGE: Label(gettext("The platform is down"), "bad"),
    }[state]


def describe_component(status: str) -> Label:
    """Return a component's status in words."""
    found = ComponentStatus(status)
    tone = {
        ComponentStatus.OPERATIONAL: "good",
        ComponentStatus.UNDER_MAINTENANCE: "info",
        ComponentStatus.DEGRADED_PERFORMANCE: "warn",
        ComponentStatus.PARTIAL_OUTAGE: "warn",
        ComponentStatus.MAJOR_OUTAGE: "bad",
    }[found]
    return Label(str(found.label), tone)


def describe_impact(impact: str) -> Label:
    """Return how bad an incident is, in words."""
    tone = {Impact.NONE: "neutral", Impact.MINOR: "warn"}.get(Impact(impact), "bad")
    return Label(str(Impact(impact).label), tone)


def describe_step(status: str) -> Label:
    """Return what kind of news a text is."""
    found = StatusUpdate.Status(status)
    done = {StatusUpdate.Status.RESOLVED, StatusUpdate.Status.COMPLETED}
    planned = {
        StatusUpdate.Status.SCHEDULED,
        StatusUpdate.Status.IN_PROGRESS,
        StatusUpdate.Status.VERIFYING,
    }
    tone = "good" if found in done else "info" if found in planned else "warn"
    if found == StatusUpdate.Status.POSTMORTEM:
        tone = "neutral"
    return Label(str(found.label), tone)


def write_moment(at: datetime) -> str:
    """Write a moment by the Stockholm clock."""
    local = at.astimezone(STOCKHOLM)
    return gettext("%(day)s at %(time)s") % {
        "day": date_format(local, "j F Y"),
        "time": date_format(local, "H:i"),
    }


def write_window(window: Window) -> str:
    """Write a window so that nobody mistakes which night it is."""
    start, end = (moment.astimezone(STOCKHOLM) for moment in (window.start, window.end))
    # A word joiner on both sides of the dash: a window never breaks in the middle.
    times = f"{start:%H:%M}\u2060–\u2060{end:%H:%M}"
    if start.date() != end.date():
        return f"{write_moment(window.start)} – {write_moment(window.end)}"
    day = date_format(start, "l j F Y")
    if end.hour < _MORNING:
        return gettext("the night towards %(day)s, %(times)s") % {"day": day, "times": times}
    return gettext("%(day)s, %(times)s") % {"day": day, "times": times}


def write_length(length: timedelta) -> str:
    """Write how long something lasted, in the units people would use."""
    minutes = max(int(length.total_seconds() // 60), 1)
    hours, rest = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours})
    if rest:
        parts.append(ngettext("%(n)d minute", "%(n)d minutes", rest) % {"n": rest})
    return " ".join(parts)
