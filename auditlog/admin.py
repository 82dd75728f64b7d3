"""The log as staff read it: nobody adds, changes or deletes anything, whatever their rights."""

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from auditlog.models import Event
from auditlog.queries import EVENT_GROUPS, list_actions
from vop.lib.admin import ReadOnlyAdmin


class GroupFilter(admin.SimpleListFilter):
    title = _("group")
    parameter_name = "group"

    def lookups(
        self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]"
    ) -> list[tuple[str, Any]]:
        return [(code, group.label) for code, group in EVENT_GROUPS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        group = self.value()
        if group is None or group not in EVENT_GROUPS:
            return queryset
        return queryset.filter(action__in=list_actions(group))


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["occurred_at", "label", "action", "outcome", "who", "actor_kind", "target"]
    list_filter = [GroupFilter, "outcome", "actor_kind", "occurred_at"]
    list_select_related = ["personal"]
    list_per_page = 50
    show_full_result_count = False  # counting a long log costs more than reading a page of it
    search_fields = ["action"]  # shows the box; get_search_results says what it finds
    search_help_text = _(
        "An event name such as login.failed, or the id of a company, person, target or request."
    )
    ordering = ["-pk"]
    actions = None
    fields = readonly_fields = (
        "occurred_at", "label", "action", "outcome", "who", "actor_kind", "actor_id", "company_id",
        "target", "target_kind", "target_id", "data", "personal_data", "ip", "user_agent",
        "request_id", "retention", "schema_version", "uid",
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Look names and ids up; no text search through a long log."""
        wanted = search_term.strip()
        if not wanted:
            return queryset, False
        found = Q(action__startswith=wanted) | Q(request_id=wanted)
        try:
            key = uuid.UUID(wanted)
        except ValueError:
            return queryset.filter(found), False
        ids = Q(company_id=key) | Q(uid=key) | Q(actor_id=str(key)) | Q(target_id=str(key))
        return queryset.filter(found | ids), False

    @admin.display(description=_("event"))
    def label(self, event: Event) -> str:
        return str(event.label)

    @admin.display(description=_("who"))
    def who(self, event: Event) -> str:
        return str(_personal(event, "actor_label"))

    @admin.display(description=_("target"))
    def target(self, event: Event) -> str:
        return str(_personal(event, "target_label"))

    @admin.display(description=_("personal data"))
    def personal_data(self, event: Event) -> str:
        return str(_personal(event, "data"))

    @admin.display(description=_("IP address"))
    def ip(self, event: Event) -> str:
        return str(_personal(event, "ip") or "–")

    @admin.display(description=_("browser"))
    def user_agent(self, event: Event) -> str:
        return str(_personal(event, "user_agent"))


def _personal(event: Event, name: str) -> Any:
    """Return something of the personal part; it may have been erased."""
    try:
        return getattr(event.personal, name)
    except ObjectDoesNotExist:
        return "–"
