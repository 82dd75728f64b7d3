"""Reading the log."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from auditlog.events import EventType, all_event_types
from auditlog.models import Event, EventAudience

EXPORT_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Kinds of events that people look for together, by the nouns of their names."""

    label: str | Promise
    nouns: frozenset[str]


EVENT_GROUPS: Mapping[str, EventGroup] = {
    "sign_in": EventGroup(_("Sign-ins"), frozenset({"login", "logout", "session", "device"})),
    "people": EventGroup(
        _("People and their proofs"),
        frozenset(
            {"person", "password", "totp", "passkey", "recovery_code", "email", "phone", "account"}
        ),
    ),
    "company": EventGroup(_("Company"), frozenset({"company"})),
    "members": EventGroup(_("Members and roles"), frozenset({"member", "owner", "group"})),
    "mandates": EventGroup(
        _("Mandates"), frozenset({"mandate", "assignment", "elevation", "review"})
    ),
    "services": EventGroup(_("Services and seats"), frozenset({"service", "seat", "trial"})),
    "billing": EventGroup(
        _("Orders and invoices"),
        frozenset({"order", "subscription", "payer", "basis", "price", "plan"}),
    ),
    "services_access": EventGroup(
        _("Sign-ins to services"),
        frozenset({"authorization", "consent", "token", "client_app", "redirect_uri"}),
    ),
    "staff": EventGroup(_("Our staff"), frozenset({"staff", "support_grant", "break_glass"})),
    "log": EventGroup(_("Log"), frozenset({"audit"})),
}


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which events to read; what is empty or None doesn't narrow."""

    group: str = ""
    actor_id: str = ""
    outcome: str = ""
    start: datetime | None = None
    end: datetime | None = None
    actions: frozenset[str] = frozenset()

    @property
    def description(self) -> dict[str, str]:
        """What narrows, for the event that tells of an export."""
        instants = {"from": self.start, "to": self.end}
        texts = {"group": self.group, "actor": self.actor_id, "outcome": self.outcome}
        return {name: text for name, text in texts.items() if text} | {
            name: instant.isoformat() for name, instant in instants.items() if instant
        }


@dataclass(frozen=True, slots=True)
class LogPage:
    """A stretch of the log, newest first, and where the older part begins."""

    events: Sequence[Event]
    older_than: int | None


def read_log(
    company_id: uuid.UUID, chosen: LogFilter, *, before: int | None = None, size: int = 50
) -> LogPage:
    """Read one page of what a company may see, newest first, in one query.

    Walks the index (company, event) backwards from `before`, so that the last page of a long log
    costs what the first does.
    """
    rows = _select(company_id, chosen)
    if before is not None:
        rows = rows.filter(event_id__lt=before)
    found = [row.event for row in rows[: size + 1]]
    return LogPage(found[:size], found[size - 1].pk if len(found) > size else None)


def iterate_log(company_id: uuid.UUID, chosen: LogFilter) -> Iterator[Event]:
    """Read everything that a company may see, newest first, without holding it all."""
    for row in _select(company_id, chosen).iterator(chunk_size=EXPORT_CHUNK):
        yield row.event


def count_events(kinds: Iterable[EventType], *, since: datetime) -> dict[str, int]:
    """Count events by name since an instant; a name without any isn't there."""
    rows = Event.objects.filter(action__in=[kind.value for kind in kinds], occurred_at__gte=since)
    return dict(rows.values_list("action").annotate(Count("pk")))


def list_actions(group: str) -> Sequence[str]:
    """List the names of the events in a group."""
    nouns = EVENT_GROUPS[group].nouns
    return sorted(name for name in all_event_types() if name.partition(".")[0] in nouns)


def _select(company_id: uuid.UUID, chosen: LogFilter) -> QuerySet[EventAudience]:
    rows = EventAudience.objects.filter(company_id=company_id).select_related("event__personal")
    if chosen.group:
        rows = rows.filter(event__action__in=list_actions(chosen.group))
    if chosen.actions:
        rows = rows.filter(event__action__in=sorted(chosen.actions))
    if chosen.actor_id:
        rows = rows.filter(event__actor_id=chosen.actor_id)
    if chosen.outcome:
        rows = rows.filter(event__outcome=chosen.outcome)
    if chosen.start:
        rows = rows.filter(event__occurred_at__gte=chosen.start)
    if chosen.end:
        rows = rows.filter(event__occurred_at__lt=chosen.end)
    return rows.order_by("-event_id")
