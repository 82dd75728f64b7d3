"""Components for staff: what they are called and who sees them; their status isn't set here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.http import PersonRequest
from statuspage import operations
from statuspage.admin.steps import Step, StepsAdmin
from statuspage.forms import ComponentForm
from statuspage.models import Component, ComponentGroup
from statuspage.queries import order_components_for_staff


def _add(_thing: None, form: ComponentForm, request: PersonRequest) -> Component:
    return operations.add_component(
        group=form.cleaned_data["group"],
        name=form.get_text("name"),
        description=form.get_text("description"),
        tier=form.cleaned_data["tier"],
        position=form.cleaned_data["position"],
        is_public=form.cleaned_data["is_public"],
        actor=request.actor,
        now=request.now,
    )


def _edit(component: Component, form: ComponentForm, request: PersonRequest) -> Component:
    return operations.update_component(
        component=component,
        group=form.cleaned_data["group"],
        name=form.get_text("name"),
        description=form.get_text("description"),
        tier=form.cleaned_data["tier"],
        position=form.cleaned_data["position"],
        is_public=form.cleaned_data["is_public"],
        actor=request.actor,
        now=request.now,
        seen_at=form.seen_at,
    )


@admin.register(Component)
class ComponentAdmin(StepsAdmin[Component]):
    list_display = ["heading", "group", "tier", "status", "is_public", "position"]
    list_filter = ["group", "tier", "status", "is_public"]
    list_select_related = ["group"]
    search_fields = ["name_sv", "name_en", "code"]
    fields = [
        "status", "group", "name_sv", "name_en", "description_sv", "description_en", "tier",
        "position", "is_public", "start_date", "last_checked_at", "code", "updated_at",
    ]  # fmt: skip
    beginnings = (
        Step(
            "new",
            _("Add a component"),
            _("It is shown as working from the start."),
            ComponentForm,
            _add,
            is_main=True,
        ),
    )
    steps = (
        Step(
            "edit",
            _("Change"),
            _("Its status is set by incidents and planned updates, never here."),
            ComponentForm,
            _edit,
            is_main=True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Component]:
        return order_components_for_staff(super().get_queryset(request))

    @admin.display(description=_("name"))
    def heading(self, component: Component) -> str:
        return str(component.name)


@admin.register(ComponentGroup)
class ComponentGroupAdmin(StepsAdmin[ComponentGroup]):
    list_display = ["heading", "position", "code"]
    fields = ["name_sv", "name_en", "position", "code"]

    @admin.display(description=_("name"))
    def heading(self, group: ComponentGroup) -> str:
        return str(group.name)
