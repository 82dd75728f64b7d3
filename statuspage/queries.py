"""Reads of the status page: for the published site, for the portal's notices, for staff."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, Prefetch, Q, QuerySet, When
from django.utils import translation

from accounts.models import User
from statuspage.models import (
    OPEN_STATES,
    Component,
    ComponentGroup,
    Incident,
    IncidentComponent,
    IncidentState,
    PlannedUpdate,
    StatusUpdate,
    UpdateState,
)

SHOWN = 50  # as many as the Statuspage API lists
TENTATIVE_SHOWN = 4
FORESIGHT = timedelta(days=14)
OVER_UPDATE_STATES = [UpdateState.COMPLETED, UpdateState.CANCELLED]


@dataclass(frozen=True, slots=True)
class IncidentNotice:
    """An open incident as the portal tells of it."""

    code: str
    name: str
    impact: str
    status: str
    started_at: datetime
    url: str


@dataclass(frozen=True, slots=True)
class PlannedUpdateNotice:
    """A planned update as the portal tells of it."""

    code: str
    title: str
    window_start: datetime
    window_end: datetime
    expected_downtime_minutes: int | None
    is_tentative: bool
    is_active: bool
    url: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the public may know at one moment, with nothing left to fetch."""

    groups: list[ComponentGroup]
    components: list[Component]
    incidents: list[Incident]
    planned_updates: list[PlannedUpdate]
    tentative_updates: list[PlannedUpdate]


def list_open_incidents() -> list[IncidentNotice]:
    """List what is wrong now, newest first, in the active language."""
    return [
        IncidentNotice(
            code=incident.code,
            name=str(incident.name),
            impact=incident.impact,
            status=incident.get_state_display(),
            started_at=incident.started_at,
            url=_page_url(incident.code),
        )
        for incident in Incident.objects.public().unresolved().newest_first()
    ]


def get_next_planned_update(now: datetime) -> PlannedUpdateNotice | None:
    """Return the next window: an announced one, or a tentative one within 14 days."""
    coming = PlannedUpdate.objects.filter(window_start__gt=now).filter(
        Q(state=UpdateState.ANNOUNCED)
        | Q(state=UpdateState.TENTATIVE, window_start__lte=now + FORESIGHT)
    )
    update = coming.soonest_first().first()
    return _describe(update) if update else None


def list_active_planned_updates(now: datetime) -> list[PlannedUpdateNotice]:
    """List the work that is going on, also when the clock has yet to notice its start."""
    begun = PlannedUpdate.objects.active() | PlannedUpdate.objects.due_to_start(now)
    return [_describe(update, is_active=True) for update in begun.soonest_first()]


def load_snapshot(now: datetime) -> Snapshot:
    """Load what the public site shows: a handful of queries, however much there is."""
    components = list(Component.objects.public().select_related("group").in_order())
    shown = {component.group_id for component in components}
    effects = (
        IncidentComponent.objects.filter(component__is_public=True)
        .select_related("component__group")
        .order_by("component__group__position", "component__position", "pk")
    )
    incidents = Incident.objects.public().prefetch_related(
        _with_updates(), Prefetch("effects", queryset=effects)
    )
    planned = (
        PlannedUpdate.objects.public()
        .prefetch_related(
            _with_updates(),
            Prefetch("components", Component.objects.public().select_related("group").in_order()),
        )
        .latest_first()
    )
    tentative = PlannedUpdate.objects.tentative().filter(window_start__gt=now).soonest_first()
    return Snapshot(
        groups=[group for group in ComponentGroup.objects.in_order() if group.pk in shown],
        components=components,
        incidents=_merge(incidents.unresolved().newest_first(), incidents.newest_first()[:SHOWN]),
        planned_updates=list(planned[:SHOWN]),
        tentative_updates=list(tentative[:TENTATIVE_SHOWN]),
    )


def list_public_codes() -> set[str]:
    """Return the code of everything that has a page of its own."""
    incidents = Incident.objects.public().values_list("code", flat=True)
    return {*incidents, *PlannedUpdate.objects.public().values_list("code", flat=True)}


def list_staff() -> QuerySet[User]:
    """List those who can be responsible for an incident."""
    return User.objects.filter(is_staff=True, is_active=True).order_by("full_name", "pk")


def list_components() -> list[Component]:
    """List every component in the order of the page, with its group."""
    return list(Component.objects.select_related("group").in_order())


def list_groups() -> QuerySet[ComponentGroup]:
    """List the groups in the order of the page."""
    return ComponentGroup.objects.in_order()


def list_effects(incident: Incident) -> dict[str, str]:
    """Return what an incident does to each component, by the component's code."""
    return dict(incident.effects.values_list("component__code", "status"))


def list_updates(thing: Incident | PlannedUpdate) -> QuerySet[StatusUpdate]:
    """List what was told about something, newest first."""
    return thing.updates.newest_first()


def order_for_staff(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    """Order by what needs a person: open and suspected first, then the newest."""
    rank = Case(
        When(state__in=OPEN_STATES, then=0),
        When(state__in=[IncidentState.SUSPECTED, IncidentState.REVIEWING], then=1),
        default=2,
    )
    return incidents.order_by(rank, F("started_at").desc(), "pk")


def order_planned_for_staff(updates: QuerySet[PlannedUpdate]) -> QuerySet[PlannedUpdate]:
    """Order what is going on or coming first, the soonest on top; then what is over."""
    is_over = Case(When(state__in=OVER_UPDATE_STATES, then=1), default=0)
    return updates.order_by(is_over, "window_start", "pk")


def order_components_for_staff(components: QuerySet[Component]) -> QuerySet[Component]:
    """Order as the page does."""
    return components.order_by("group__position", "group_id", "position", "pk")


def _merge(*lists: Iterable[Incident]) -> list[Incident]:
    found = {incident.pk: incident for incidents in lists for incident in incidents}
    by_id = sorted(found.values(), key=lambda incident: incident.pk)
    return sorted(
        by_id, key=lambda incident: incident.confirmed_at or incident.suspected_at, reverse=True
    )


def _with_updates() -> "Prefetch[str, QuerySet[StatusUpdate], str]":
    return Prefetch("updates", queryset=StatusUpdate.objects.newest_first())


def _describe(update: PlannedUpdate, *, is_active: bool = False) -> PlannedUpdateNotice:
    return PlannedUpdateNotice(
        code=update.code,
        title=str(update.title),
        window_start=update.window_start,
        window_end=update.window_end,
        expected_downtime_minutes=update.expected_downtime_minutes,
        is_tentative=update.is_tentative,
        is_active=is_active,
        url=settings.STATUS_URL if update.is_tentative else _page_url(update.code),
    )


def _page_url(code: str) -> str:
    folder = "en/" if (translation.get_language() or "").startswith("en") else ""
    return f"{settings.STATUS_URL}/{folder}incidents/{code}"
