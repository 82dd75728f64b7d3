"""The catalogue and who has what of it, for staff. Every change is an operation."""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.http import AnyRequest, PersonRequest
from companies.operations import record_look
from companies.queries import get_support_grant, list_supported_companies
from services.forms import RoleFormSet, ServiceForm, describe_roles
from services.models import Entitlement, Seat, Service, ServiceRole
from services.operations import (
    create_service,
    update_service,
    withdraw_service,
)
from services.queries import list_roles
from vop.lib.admin import ReadOnlyAdmin, act_on_each
from vop.lib.errors import DomainError, NotFound

if TYPE_CHECKING:
    _ServiceAdmin = admin.ModelAdmin[Service]
else:  # it takes no brackets at run time
    _ServiceAdmin = admin.ModelAdmin


@admin.register(Service)
class ServiceAdmin(_ServiceAdmin):
    """The catalogue, with a form of our own: Django's would save past the operations."""

    list_display = ["name", "slug", "launch_url", "is_first_party", "is_active"]
    list_filter = ["is_active", "is_first_party"]
    search_fields = ["name", "slug"]
    ordering = ["name", "pk"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        service = self.get_object(request, object_id) if object_id else None
        if object_id and service is None:
            raise NotFound
        if not self._may_save(request, service):
            raise PermissionDenied
        form, roles = _build_forms(request, service)
        if request.method == "POST" and form.is_valid() and roles.is_valid():
            try:
                saved = _save(cast("AnyRequest", request), service, form, roles)
            except DomainError as error:
                form.add_error(None, str(error.message))
            else:
                messages.success(request, gettext("%(name)s is saved.") % {"name": saved.name})
                return redirect("admin:services_service_changelist")
        return self._render(request, service, form, roles)

    def _may_save(self, request: HttpRequest, service: Service | None) -> bool:
        if service is None:
            return self.has_add_permission(request)
        return self.has_change_permission(request, service)

    def _render(
        self, request: HttpRequest, service: Service | None, form: ServiceForm, roles: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": service.name if service else gettext("Add a service"),
            "service": service,
            "form": form,
            "roles": roles,
            "changelist_url": reverse("admin:services_service_changelist"),
        }
        status = 422 if form.errors or roles.is_bound else 200
        return render(request, "services/admin/service.html", context, status=status)


@admin.register(Entitlement)
class EntitlementAdmin(ReadOnlyAdmin):
    list_display = ["company", "service", "seat_limit", "valid_from", "valid_until"]
    list_filter = ["service"]
    list_select_related = ["company", "service"]
    search_fields = ["company__name", "company__org_number"]
    ordering = ["-valid_from", "pk"]
    actions = ["withdraw"]

    @admin.action(description=_("End now, with every seat in it"), permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Entitlement]) -> None:
        act_on_each(
            request,
            queryset.order_by("pk"),
            lambda entitlement, who: withdraw_service(
                entitlement=entitlement, actor=who.actor, now=who.now
            ),
        )

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("services.change_entitlement")


@admin.register(Seat)
class SeatAdmin(ReadOnlyAdmin):
    """Who works with what, where the company lets staff look. They read; the company changes."""

    list_display = ["person", "company", "service", "role_name", "valid_from", "valid_until"]
    list_filter = ["entitlement__service"]
    search_fields = ["membership__user__email", "entitlement__company__name"]
    ordering = ["-valid_from", "pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Seat]:
        """Only of companies that let staff look: seats say who works with what."""
        who = cast("PersonRequest", request)
        open_to_staff = list_supported_companies(who.user, at=who.now)
        return Seat.objects.with_names().filter(entitlement__company__in=open_to_staff)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.has_view_permission(request):
            who = cast("PersonRequest", request)
            open_ones = list_supported_companies(who.user, at=who.now).distinct()
            _tell_companies(who, open_ones, "admin:services_seat_changelist")
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        seat = self.get_object(request, object_id) if object_id else None
        if seat is not None and self.has_view_permission(request, seat):
            company_id = seat.entitlement.company_id
            _tell_companies(
                cast("PersonRequest", request), [company_id], "admin:services_seat_change"
            )
        return super().changeform_view(request, object_id, form_url, extra_context)

    @admin.display(description=_("person"), ordering="membership__user__full_name")
    def person(self, seat: Seat) -> str:
        return seat.membership.user.display_name

    @admin.display(description=_("company"), ordering="entitlement__company__name")
    def company(self, seat: Seat) -> str:
        return seat.entitlement.company.name

    @admin.display(description=_("service"), ordering="entitlement__service__name")
    def service(self, seat: Seat) -> str:
        return seat.entitlement.service.name

    @admin.display(description=_("role"))
    def role_name(self, seat: Seat) -> str:
        return seat.role.name


def _tell_companies(request: PersonRequest, companies: Iterable[uuid.UUID], page: str) -> None:
    """Tell those that let this member of staff look that their seats are looked at."""
    for company_id in companies:
        grant = get_support_grant(request.user, company_id, at=request.now)
        if grant is not None:
            record_look(grant=grant, page=page, actor=request.actor, now=request.now)


def _build_forms(request: HttpRequest, service: Service | None) -> tuple[ServiceForm, Any]:
    is_sent = request.method == "POST"
    data, files = (request.POST, request.FILES) if is_sent else (None, None)
    if service is None:
        first = [{"code": "user", "name": gettext("User"), "is_default": True}]
        form = ServiceForm(data, files, initial={"is_active": True})
        return form, RoleFormSet(data, initial=first)
    roles: QuerySet[ServiceRole] = list_roles(service)
    form = ServiceForm(data, files, initial=ServiceForm.initial_of(service))
    return form, RoleFormSet(data, initial=describe_roles(roles))


def _save(request: AnyRequest, service: Service | None, form: ServiceForm, roles: Any) -> Service:
    if service is None:
        return create_service(
            facts=form.facts,
            roles=roles.facts,
            picture=form.picture_sent,
            actor=request.actor,
            now=request.now,
        )
    return update_service(
        service=service,
        facts=form.facts,
        roles=roles.facts,
        picture=form.picture_sent,
        drop_picture=form.drops_picture,
        actor=request.actor,
        now=request.now,
    )
