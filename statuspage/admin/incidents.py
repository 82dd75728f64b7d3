"""Incidents for staff: what needs somebody comes first."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.http import PersonRequest
from statuspage import operations
from statuspage.admin.steps import Step, StepsAdmin
from statuspage.forms import (
    AssignForm,
    ConfirmForm,
    DismissForm,
    OpenForm,
    PostmortemForm,
    ResolveForm,
    ReviewForm,
    SuspectForm,
    UpdateForm,
)
from statuspage.models import DismissalReason, Incident, IncidentState
from statuspage.queries import list_updates, order_for_staff


def _suspect(_thing: None, form: SuspectForm, request: PersonRequest) -> Incident:
    return operations.suspect_incident(
        name=form.get_text("name"),
        source=form.cleaned_data["source"],
        started_at=form.cleaned_data["started_at"],
        actor=request.actor,
        now=request.now,
    )


def _open(_thing: None, form: OpenForm, request: PersonRequest) -> Incident:
    return operations.open_incident(
        name=form.get_text("name"),
        text=form.get_text("text"),
        effects=form.effects,
        assignee=form.cleaned_data["assignee"],
        next_update_at=form.cleaned_data["next_update_at"],
        started_at=form.cleaned_data["started_at"],
        actor=request.actor,
        now=request.now,
    )


def _review(incident: Incident, form: ReviewForm, request: PersonRequest) -> Incident:
    return operations.review_incident(
        incident=incident,
        reviewer=form.cleaned_data["reviewer"],
        actor=request.actor,
        now=request.now,
    )


def _dismiss(incident: Incident, form: DismissForm, request: PersonRequest) -> Incident:
    return operations.dismiss_incident(
        incident=incident,
        reason=DismissalReason(form.cleaned_data["reason"]),
        actor=request.actor,
        now=request.now,
    )


def _confirm(incident: Incident, form: ConfirmForm, request: PersonRequest) -> Incident:
    return operations.confirm_incident(
        incident=incident,
        name=form.get_text("name"),
        text=form.get_text("text"),
        effects=form.effects,
        assignee=form.cleaned_data["assignee"],
        next_update_at=form.cleaned_data["next_update_at"],
        actor=request.actor,
        now=request.now,
    )


def _update(incident: Incident, form: UpdateForm, request: PersonRequest) -> Incident:
    return operations.update_incident(
        incident=incident,
        state=form.cleaned_data["state"],
        text=form.get_text("text"),
        effects=form.effects,
        next_update_at=form.cleaned_data["next_update_at"],
        actor=request.actor,
        now=request.now,
        seen_at=form.seen_at,
    )


def _assign(incident: Incident, form: AssignForm, request: PersonRequest) -> Incident:
    return operations.assign_incident(
        incident=incident,
        assignee=form.cleaned_data["assignee"],
        actor=request.actor,
        now=request.now,
    )


def _resolve(incident: Incident, form: ResolveForm, request: PersonRequest) -> Incident:
    return operations.resolve_incident(
        incident=incident,
        text=form.get_text("text"),
        actor=request.actor,
        now=request.now,
        seen_at=form.seen_at,
    )


def _publish_postmortem(
    incident: Incident, form: PostmortemForm, request: PersonRequest
) -> Incident:
    return operations.publish_postmortem(
        incident=incident, text=form.get_text("text"), actor=request.actor, now=request.now
    )


@admin.register(Incident)
class IncidentAdmin(StepsAdmin[Incident]):
    list_display = ["heading", "state", "next_update", "responsible", "impact", "started_at"]
    list_filter = ["state"]
    list_select_related = ["assignee"]
    search_fields = ["name_sv", "name_en", "code"]
    fields = [
        "state", "impact", "assignee", "next_update_at", "name_sv", "name_en", "source", "effects",
        "started_at", "suspected_at", "reviewed_at", "confirmed_at", "monitoring_at", "resolved_at",
        "dismissal_reason", "code",
    ]  # fmt: skip
    readonly_fields = ["effects"]
    beginnings = (
        Step(
            "open",
            _("Open a confirmed incident"),
            _("It goes public at once, with what you write here."),
            OpenForm,
            _open,
            is_main=True,
        ),
        Step(
            "suspect",
            _("Note a suspicion"),
            _("Only staff see it until somebody confirms it."),
            SuspectForm,
            _suspect,
        ),
    )
    steps = (
        Step(
            "confirm",
            _("Confirm and go public"),
            _("It goes public at once, with what you write here."),
            ConfirmForm,
            _confirm,
            lambda incident: incident.is_undecided,
            is_main=True,
        ),
        Step(
            "review",
            _("Look into it"),
            _("Others see that somebody has it. Nothing goes public."),
            ReviewForm,
            _review,
            lambda incident: incident.state == IncidentState.SUSPECTED,
        ),
        Step(
            "dismiss",
            _("Dismiss"),
            _("It stays in the list, with the reason. Nothing goes public."),
            DismissForm,
            _dismiss,
            lambda incident: incident.is_undecided,
        ),
        Step(
            "update",
            _("Write an update"),
            _("It goes public at once. Change the components that have changed."),
            UpdateForm,
            _update,
            lambda incident: incident.is_open,
            is_main=True,
        ),
        Step(
            "resolve",
            _("Mark as resolved"),
            _("Its components are shown as working again, unless something else hurts them."),
            ResolveForm,
            _resolve,
            lambda incident: incident.is_open,
        ),
        Step(
            "assign",
            _("Hand over"),
            _("Somebody is always responsible for an open incident."),
            AssignForm,
            _assign,
            lambda incident: incident.is_open or incident.state == IncidentState.REVIEWING,
        ),
        Step(
            "postmortem",
            _("Publish a report"),
            _("It stands on top of the incident's page."),
            PostmortemForm,
            _publish_postmortem,
            lambda incident: incident.state == IncidentState.RESOLVED,
            is_main=True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        return order_for_staff(super().get_queryset(request))

    def list_updates(self, thing: Any) -> Any:
        return list_updates(thing)

    @admin.display(description=_("heading"))
    def heading(self, incident: Incident) -> str:
        return str(incident.name)

    @admin.display(description=_("responsible"))
    def responsible(self, incident: Incident) -> str:
        return incident.assignee.display_name if incident.assignee else "–"

    @admin.display(description=_("next update"))
    def next_update(self, incident: Incident) -> str:
        if incident.next_update_at is None:
            return "–"
        written = f"{timezone.localtime(incident.next_update_at):%H:%M}"
        if incident.is_update_overdue(timezone.now()):
            return gettext("%(time)s – late") % {"time": written}
        return written

    @admin.display(description=_("affected components"))
    def effects(self, incident: Incident) -> str:
        effects = incident.effects.select_related("component").order_by("pk")
        return ", ".join(f"{e.component.name}: {e.get_status_display()}" for e in effects) or "–"
