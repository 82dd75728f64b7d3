"""Django admin for staff: through the platform's own sign-in, with a second factor."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import LogoutView
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from accounts.http import PersonRequest
from accounts.queries import get_authentication, has_totp

SECOND_FACTOR_LASTS = timedelta(hours=12)
# Libraries bring admin pages that show secrets, keys and tokens: ours only, and Django's groups.
SHOWN = frozenset(
    {"accounts", "auditlog", "auth", "billing", "companies", "oidc", "outbox", "services"}
    | {"stats", "statuspage"}
)


class StaffSite(admin.AdminSite):
    site_header = _("vop staff")
    site_title = _("vop staff")
    index_title = _("Overview")
    enable_nav_sidebar = False  # lists need the width; the crumbs lead back to the overview

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: "type[admin.ModelAdmin[Any]] | None" = None,
        **options: Any,
    ) -> None:
        models = (
            [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        )
        shown = [model for model in models if model._meta.app_label in SHOWN]
        super().register(shown, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and has_fresh_second_factor(request)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to what is missing: the sign-in, the app, or a code from it."""
        if self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        if not request.user.is_authenticated:
            return _lead_to("account_login", request)
        if not request.user.is_staff:
            raise PermissionDenied
        if has_totp(cast("PersonRequest", request).user):
            return _lead_to("mfa_reauthenticate", request)
        messages.warning(request, _("The staff pages take a second step. Add it here, then go on."))
        return _lead_to("mfa_activate_totp", request)

    def logout(  # type: ignore[override]  # the stubs forget that it may redirect
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        return LogoutView.as_view(next_page=reverse("account_login"))(request)

    def password_change(  # type: ignore[override]  # the same
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("account_change_password"))


def has_fresh_second_factor(request: HttpRequest) -> bool:
    """Tell whether this session has a second factor, not older than a working day."""
    proof = get_authentication(request)
    if not proof.has_second_factor or proof.second_factor_at is None:
        return False
    return cast("PersonRequest", request).now - proof.second_factor_at < SECOND_FACTOR_LASTS


def _lead_to(name: str, request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    back = wanted if is_ours else reverse("admin:index")
    return HttpResponseRedirect(f"{reverse(name)}?{urlencode({REDIRECT_FIELD_NAME: back})}")
