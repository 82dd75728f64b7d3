"""Planned updates for staff: announce, move, call off, begin and complete."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.http import PersonRequest
from statuspage import operations
from statuspage.admin.steps import NO_LEAD, Step, StepsAdmin
from statuspage.forms import (
    AnnounceForm,
    CancelForm,
    CompleteForm,
    MoveForm,
    StartForm,
    UnscheduledForm,
    VerifyForm,
)
from statuspage.models import PlannedUpdate
from statuspage.queries import list_updates, order_planned_for_staff


def _announce_unscheduled(
    _thing: None, form: UnscheduledForm, request: PersonRequest
) -> PlannedUpdate:
    return operations.announce_unscheduled_update(
        title=form.get_text("title"),
        text=form.get_text("text"),
        window=form.window,
        expected_downtime_minutes=form.cleaned_data["expected_downtime_minutes"],
        components=form.chosen,
        reason=form.cleaned_data["reason"],
        actor=request.actor,
        now=request.now,
    )


def _announce(update: PlannedUpdate, form: AnnounceForm, request: PersonRequest) -> PlannedUpdate:
    return operations.announce_planned_update(
        planned_update=update,
        text=form.get_text("text"),
        expected_downtime_minutes=form.cleaned_data["expected_downtime_minutes"],
        components=form.chosen,
        reason=form.cleaned_data.get("reason", ""),
        actor=request.actor,
        now=request.now,
        seen_at=form.seen_at,
    )


def _move(update: PlannedUpdate, form: MoveForm, request: PersonRequest) -> PlannedUpdate:
    return operations.move_planned_update(
        planned_update=update,
        window=form.window,
        reason=form.cleaned_data["reason"],
        text=form.get_text("text"),
        actor=request.actor,
        now=request.now,
        seen_at=form.seen_at,
    )


def _cancel(update: PlannedUpdate, form: CancelForm, request: PersonRequest) -> PlannedUpdate:
    return operations.cancel_planned_update(
        planned_update=update,
        reason=form.cleaned_data["reason"],
        text=form.get_text("text"),
        actor=request.actor,
        now=request.now,
        seen_at=form.seen_at,
    )


def _start(update: PlannedUpdate, _form: StartForm, request: PersonRequest) -> PlannedUpdate:
    return operations.start_planned_update(
        planned_update=update, actor=request.actor, now=request.now
    )


def _verify(update: PlannedUpdate, _form: VerifyForm, request: PersonRequest) -> PlannedUpdate:
    return operations.verify_planned_update(
        planned_update=update, actor=request.actor, now=request.now
    )


def _complete(update: PlannedUpdate, form: CompleteForm, request: PersonRequest) -> PlannedUpdate:
    return operations.complete_planned_update(
        planned_update=update,
        text=form.get_text("text"),
        actor=request.actor,
        now=request.now,
        seen_at=form.seen_at,
    )


@admin.register(PlannedUpdate)
class PlannedUpdateAdmin(StepsAdmin[PlannedUpdate]):
    list_display = [
        "heading", "state", "kind", "window_start", "window_end", "expected_downtime_minutes",
    ]  # fmt: skip
    list_filter = ["state", "kind"]
    search_fields = ["title_sv", "title_en", "code"]
    fields = [
        "state", "kind", "window_start", "window_end", "expected_downtime_minutes", "title_sv",
        "title_en", "reason", "components", "announced_at", "started_at", "verifying_at",
        "completed_at", "sequence", "code",
    ]  # fmt: skip
    beginnings = (
        Step(
            "unscheduled",
            _("Announce an unscheduled update"),
            _("For what can't wait until the third Wednesday. It goes public at once."),
            UnscheduledForm,
            _announce_unscheduled,
            is_main=True,
        ),
    )
    steps = (
        Step(
            "announce",
            _("Announce"),
            _("It goes public at once: the window, the downtime and your text."),
            AnnounceForm,
            _announce,
            lambda update: update.is_tentative,
            is_main=True,
        ),
        Step(
            "start",
            _("Begin now"),
            NO_LEAD,
            StartForm,
            _start,
            lambda update: update.is_announced,
        ),
        Step(
            "complete",
            _("Complete: everything works"),
            _("Try to sign in and open a service first. Then say that it works."),
            CompleteForm,
            _complete,
            lambda update: update.is_active,
            is_main=True,
        ),
        Step(
            "verify",
            _("Done, being verified"),
            NO_LEAD,
            VerifyForm,
            _verify,
            lambda update: update.is_in_progress,
        ),
        Step(
            "move",
            _("Move"),
            _("What was announced is told to have moved."),
            MoveForm,
            _move,
            lambda update: update.is_coming,
        ),
        Step(
            "cancel",
            _("Call off"),
            _("What was announced is told to be called off."),
            CancelForm,
            _cancel,
            lambda update: update.is_coming,
            is_dangerous=True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlannedUpdate]:
        return order_planned_for_staff(super().get_queryset(request))

    @admin.display(description=_("heading"))
    def heading(self, update: PlannedUpdate) -> str:
        return str(update.title)

    def list_updates(self, thing: Any) -> Any:
        return list_updates(thing)
