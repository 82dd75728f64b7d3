"""Planned updates: the rule proposes them, staff announce them, the clock starts them.

The clock never completes one: a person says that everything works again.
"""

import functools
from collections.abc import Collection
from datetime import date, datetime, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext

from auditlog.actors import Actor
from auditlog.operations import audit
from statuspage.events import MaintenanceEvent
from statuspage.models import (
    ACTIVE_STATES,
    COMING_STATES,
    Component,
    ComponentStatus,
    PlannedUpdate,
    StatusUpdate,
    Text,
    UpdateKind,
    UpdateState,
    Window,
    list_months,
    make_code,
    ordinary_window,
)
from statuspage.operations.errors import (
    DowntimeTooLongError,
    LateNoticeError,
    NoComponentError,
    PlannedUpdateStateError,
    ReasonMissingError,
    WindowNotOpenError,
    WindowOrderError,
    WindowPassedError,
)
from statuspage.operations.shared import (
    Change,
    check_person,
    check_text,
    check_unchanged,
    publish_after_commit,
    refresh_components,
    tell,
)
from vop.lib.clock import local_date
from vop.lib.db import use_case
from vop.lib.errors import DomainError

PLANNED_MONTHS = 12
_WORKING, _MAINTAINED = ComponentStatus.OPERATIONAL, ComponentStatus.UNDER_MAINTENANCE


@use_case
def plan_ordinary_updates(*, months: int, actor: Actor, now: datetime) -> list[PlannedUpdate]:
    """Plan the ordinary updates of the coming months that aren't planned yet; return them all.

    A month that was moved or cancelled stays as staff decided.
    """
    components = list(Component.objects.in_order())
    plan, is_changed = [], False
    for month in _list_coming_months(months, now):
        window = ordinary_window(month)
        title = Text.of(functools.partial(_write_title, month))
        update, created = PlannedUpdate.objects.get_or_create(
            month=month,
            defaults={
                "code": make_code(),
                "kind": UpdateKind.ORDINARY,
                "title_sv": title.sv,
                "title_en": title.en,
                "window_start": window.start,
                "window_end": window.end,
                "state": UpdateState.TENTATIVE,
                "created_at": now,
                "updated_at": now,
            },
        )
        if created:
            update.components.set(components)
            audit(MaintenanceEvent.PLANNED, actor=actor, now=now, target=update.ref)
            is_changed = True
        plan.append(update)
    if is_changed:
        publish_after_commit()
    return plan


@use_case
def announce_planned_update(
    *,
    planned_update: PlannedUpdate,
    text: Text,
    expected_downtime_minutes: int,
    components: Collection[Component],
    actor: Actor,
    now: datetime,
    reason: str = "",
    seen_at: datetime | None = None,
) -> PlannedUpdate:
    """Tell customers of a window and how long to expect things to be down in it.

    Less than 14 days ahead it needs a reason. Raises: PersonNeededError,
    PlannedUpdateStateError, StaleError, TextMissingError, NoComponentError, WindowPassedError,
    DowntimeTooLongError, LateNoticeError.
    """
    check_person(actor)
    locked = _lock(planned_update, UpdateState.TENTATIVE)
    check_unchanged(locked, seen_at)
    if locked.window_start <= now:
        raise WindowPassedError
    if locked.is_late_at(now) and not reason.strip():
        raise LateNoticeError
    locked.reason = reason.strip()
    _announce(locked, text, expected_downtime_minutes, components, now)
    audit(
        MaintenanceEvent.ANNOUNCED,
        actor=actor,
        now=now,
        target=locked.ref,
        data=_describe_notice(locked, now),
    )
    return locked


@use_case
def announce_unscheduled_update(
    *,
    title: Text,
    text: Text,
    window: Window,
    expected_downtime_minutes: int,
    components: Collection[Component],
    reason: str,
    actor: Actor,
    now: datetime,
) -> PlannedUpdate:
    """Tell customers of work that can't wait for the third Wednesday, at once if it must be.

    Raises: PersonNeededError, TextMissingError, ReasonMissingError, WindowOrderError,
    WindowPassedError, NoComponentError, DowntimeTooLongError.
    """
    check_person(actor)
    check_text(title)
    if not reason.strip():
        raise ReasonMissingError
    _check_window(window, now)
    update = PlannedUpdate(
        code=make_code(),
        kind=UpdateKind.UNSCHEDULED,
        title_sv=title.sv,
        title_en=title.en,
        window_start=window.start,
        window_end=window.end,
        reason=reason.strip(),
        created_at=now,
    )
    _announce(update, text, expected_downtime_minutes, components, now)
    audit(
        MaintenanceEvent.UNSCHEDULED_ANNOUNCED,
        actor=actor,
        now=now,
        target=update.ref,
        data=_describe_notice(update, now),
    )
    return update


@use_case
def move_planned_update(
    *,
    planned_update: PlannedUpdate,
    window: Window,
    reason: str,
    text: Text,
    actor: Actor,
    now: datetime,
    seen_at: datetime | None = None,
) -> PlannedUpdate:
    """Move an update that hasn't begun; what was announced is told to have moved.

    Raises: PersonNeededError, PlannedUpdateStateError, StaleError, ReasonMissingError,
    WindowOrderError, WindowPassedError, DowntimeTooLongError, TextMissingError.
    """
    check_person(actor)
    locked = _lock(planned_update, *COMING_STATES)
    check_unchanged(locked, seen_at)
    if not reason.strip():
        raise ReasonMissingError
    _check_window(window, now)
    before = locked.window
    locked.window_start, locked.window_end = window.start, window.end
    _check_downtime(locked, locked.expected_downtime_minutes or 0)
    locked.reason = reason.strip()
    locked.sequence += 1
    _save(locked, now)
    if locked.is_announced:
        check_text(text)
        tell(locked, status=StatusUpdate.Status.SCHEDULED, text=text, changes=[], now=now)
    else:
        publish_after_commit()
    audit(
        MaintenanceEvent.MOVED,
        actor=actor,
        now=now,
        target=locked.ref,
        data={
            "from": before.start.isoformat(),
            "to": window.start.isoformat(),
            "reason": locked.reason,
        },
    )
    return locked


@use_case
def cancel_planned_update(
    *,
    planned_update: PlannedUpdate,
    reason: str,
    text: Text,
    actor: Actor,
    now: datetime,
    seen_at: datetime | None = None,
) -> PlannedUpdate:
    """Call off an update that hasn't begun; what was announced is told to be cancelled.

    Raises: PersonNeededError, PlannedUpdateStateError, StaleError, ReasonMissingError,
    TextMissingError.
    """
    check_person(actor)
    locked = _lock(planned_update, *COMING_STATES)
    check_unchanged(locked, seen_at)
    if not reason.strip():
        raise ReasonMissingError
    if locked.is_announced:
        check_text(text)
        # The public API knows no "cancelled": it is over, and the text says why.
        tell(locked, status=StatusUpdate.Status.COMPLETED, text=text, changes=[], now=now)
    else:
        publish_after_commit()
    locked.reason = reason.strip()
    locked.state = UpdateState.CANCELLED
    locked.sequence += 1
    _save(locked, now)
    audit(
        MaintenanceEvent.CANCELLED,
        actor=actor,
        now=now,
        target=locked.ref,
        data={"reason": locked.reason},
    )
    return locked


@use_case
def start_planned_update(
    *, planned_update: PlannedUpdate, actor: Actor, now: datetime
) -> PlannedUpdate:
    """Begin announced work in its window; the clock does it if nobody has.

    Raises: PlannedUpdateStateError, WindowNotOpenError.
    """
    locked = _lock(planned_update, UpdateState.ANNOUNCED)
    if now < locked.window_start:
        raise WindowNotOpenError
    locked.state = UpdateState.IN_PROGRESS
    locked.started_at = now
    _save(locked, now)
    text = Text.of(
        lambda: gettext("The update has begun. Shorter interruptions may occur until it is done.")
    )
    tell(
        locked,
        status=StatusUpdate.Status.IN_PROGRESS,
        text=text,
        changes=_list_changes(locked, _WORKING, _MAINTAINED),
        now=now,
    )
    refresh_components(locked.components.all(), actor=actor, now=now)
    audit(MaintenanceEvent.STARTED, actor=actor, now=now, target=locked.ref)
    return locked


@use_case
def verify_planned_update(
    *, planned_update: PlannedUpdate, actor: Actor, now: datetime
) -> PlannedUpdate:
    """Say that the work is done and being checked; at the window's end the clock says so.

    Raises: PlannedUpdateStateError.
    """
    locked = _lock(planned_update, UpdateState.ANNOUNCED, UpdateState.IN_PROGRESS)
    has_overrun = now >= locked.window_end
    before = _WORKING if locked.is_announced else _MAINTAINED
    if locked.is_announced and not has_overrun:
        raise PlannedUpdateStateError
    locked.state = UpdateState.VERIFYING
    locked.verifying_at = now
    _save(locked, now)
    text = Text.of(functools.partial(_write_verifying, has_overrun=has_overrun))
    changes = _list_changes(locked, before, _MAINTAINED)
    tell(locked, status=StatusUpdate.Status.VERIFYING, text=text, changes=changes, now=now)
    refresh_components(locked.components.all(), actor=actor, now=now)
    audit(MaintenanceEvent.VERIFYING, actor=actor, now=now, target=locked.ref)
    if has_overrun:
        audit(MaintenanceEvent.OVERRAN, actor=actor, now=now, target=locked.ref)
    return locked


@use_case
def complete_planned_update(
    *,
    planned_update: PlannedUpdate,
    text: Text,
    actor: Actor,
    now: datetime,
    seen_at: datetime | None = None,
) -> PlannedUpdate:
    """Say that the update is done and that everything works: a person's word, never the clock's.

    Raises: PersonNeededError, PlannedUpdateStateError, StaleError, TextMissingError.
    """
    check_person(actor)
    locked = _lock(planned_update, *ACTIVE_STATES)
    check_unchanged(locked, seen_at)
    check_text(text)
    changes = _list_changes(locked, _MAINTAINED, _WORKING)
    locked.state = UpdateState.COMPLETED
    locked.completed_at = now
    _save(locked, now)
    tell(locked, status=StatusUpdate.Status.COMPLETED, text=text, changes=changes, now=now)
    refresh_components(locked.components.all(), actor=actor, now=now)
    audit(MaintenanceEvent.COMPLETED, actor=actor, now=now, target=locked.ref)
    return locked


@use_case
def drop_missed_update(
    *, planned_update: PlannedUpdate, actor: Actor, now: datetime
) -> PlannedUpdate:
    """Cancel a window that passed without anybody announcing it: nothing was done in it.

    Raises: PlannedUpdateStateError.
    """
    locked = _lock(planned_update, UpdateState.TENTATIVE)
    if locked.window_end > now:
        raise PlannedUpdateStateError
    locked.state = UpdateState.CANCELLED
    _save(locked, now)
    audit(MaintenanceEvent.CANCELLED, actor=actor, now=now, target=locked.ref)
    publish_after_commit()
    return locked


def advance_planned_updates(*, actor: Actor, now: datetime) -> int:
    """Do what the clock may do by itself, each update in a transaction of its own."""
    count = 0
    for due, operation in (
        (PlannedUpdate.objects.due_to_start(now), start_planned_update),
        (PlannedUpdate.objects.due_to_end(now), verify_planned_update),
        (PlannedUpdate.objects.missed(now), drop_missed_update),
    ):
        for update in due.soonest_first():
            try:
                operation(planned_update=update, actor=actor, now=now)
            except DomainError:  # a person was quicker
                continue
            count += 1
    return count


def _announce(
    update: PlannedUpdate,
    text: Text,
    expected_downtime_minutes: int,
    components: Collection[Component],
    now: datetime,
) -> None:
    check_text(text)
    if not components:
        raise NoComponentError
    _check_downtime(update, expected_downtime_minutes)
    update.expected_downtime_minutes = expected_downtime_minutes
    update.state = UpdateState.ANNOUNCED
    update.announced_at = now
    _save(update, now)
    update.components.set(components)
    tell(update, status=StatusUpdate.Status.SCHEDULED, text=text, changes=[], now=now)


def _lock(planned_update: PlannedUpdate, *states: UpdateState) -> PlannedUpdate:
    rows = PlannedUpdate.objects.select_for_update(of=("self",), no_key=True)
    locked = rows.get(pk=planned_update.pk)
    if locked.state not in states:
        raise PlannedUpdateStateError
    return locked


def _save(locked: PlannedUpdate, now: datetime) -> None:
    locked.updated_at = now
    locked.save()


def _check_window(window: Window, now: datetime) -> None:
    if window.end <= window.start:
        raise WindowOrderError
    if window.end <= now:
        raise WindowPassedError


def _check_downtime(update: PlannedUpdate, minutes: int) -> None:
    if minutes * 60 > update.window.duration.total_seconds():
        raise DowntimeTooLongError


def _describe_notice(update: PlannedUpdate, now: datetime) -> dict[str, object]:
    notice = max(update.window_start - now, timedelta(0))
    return {
        "window_start": update.window_start.isoformat(),
        "window_end": update.window_end.isoformat(),
        "expected_downtime_minutes": update.expected_downtime_minutes,
        "notice_hours": int(notice.total_seconds() // 3600),
        "reason": update.reason,
    }


def _list_changes(
    update: PlannedUpdate, before: ComponentStatus, after: ComponentStatus
) -> list[Change]:
    return [
        Change(code=component.code, old_status=before.value, new_status=after.value)
        for component in update.components.in_order()
    ]


def _list_coming_months(count: int, now: datetime) -> list[date]:
    months = list_months(local_date(now), count + 1)
    return [month for month in months if ordinary_window(month).start > now][:count]


def _write_title(month: date) -> str:
    return gettext("Monthly update, %(month)s") % {"month": date_format(month, "F Y")}


def _write_verifying(*, has_overrun: bool) -> str:
    if has_overrun:
        return gettext("The window is over. We check that everything works and tell when it does.")
    return gettext("The update is done. We check that everything works.")
