"""Clients, grants and keys for staff: to read, and to end. Nothing secret is ever shown again."""

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.http import AnyRequest
from oidc.models import ClientProfile, Grant, LogoutDelivery, RevocationReason, SigningKey
from oidc.operations.clients import disable_client, renew_client_secret
from oidc.operations.grants import end_grants
from oidc.operations.keys import revoke_signing_key, rotate_signing_key
from vop.lib.errors import DomainError

if TYPE_CHECKING:
    _ClientAdmin = admin.ModelAdmin[ClientProfile]
    _GrantAdmin = admin.ModelAdmin[Grant]
    _KeyAdmin = admin.ModelAdmin[SigningKey]
    _LogoutAdmin = admin.ModelAdmin[LogoutDelivery]
else:  # they take no brackets at run time
    _ClientAdmin = _GrantAdmin = _KeyAdmin = _LogoutAdmin = admin.ModelAdmin


class _ReadOnly:
    """No form of Django's own: rows change through actions only, and none is ever deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The page of one row is for reading; the list's actions ask for this without one."""
        may: bool = super().has_change_permission(request)  # type: ignore[misc]
        return obj is None and may

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ClientProfile)
class ClientProfileAdmin(_ReadOnly, _ClientAdmin):
    list_display = ["name", "client_id_text", "service", "auth_method", "profile", "disabled_at"]
    list_filter = ["auth_method", "profile", "service"]
    list_select_related = ["client", "service"]
    search_fields = ["client__name", "client__client_id"]
    ordering = ["client__name", "pk"]
    actions = ["renew_secret", "disable"]
    fields = [
        "name", "client_id_text", "service", "auth_method", "secrets_in_force", "jwks", "jwks_uri",
        "id_token_alg", "require_pkce", "require_pushed_requests", "require_dpop",
        "require_signed_request", "profile", "grant_types", "scope_text", "refresh_policy",
        "machine_company", "customer_claims", "require_second_factor", "second_factor_max_age",
        "redirect_uri_lines", "post_logout_lines", "frontchannel_logout_uri",
        "backchannel_logout_uri", "created_at", "disabled_at",
    ]  # fmt: skip

    @admin.display(description=_("name"), ordering="client__name")
    def name(self, client: ClientProfile) -> str:
        return str(client.client.name)

    @admin.display(description="client_id")
    def client_id_text(self, client: ClientProfile) -> str:
        return client.client_id_text

    @admin.display(description=_("scopes"))
    def scope_text(self, client: ClientProfile) -> str:
        return " ".join(sorted(client.scopes))

    @admin.display(description=_("redirect URIs"))
    def redirect_uri_lines(self, client: ClientProfile) -> str:
        return "\n".join(client.redirect_uris)

    @admin.display(description=_("post-logout redirect URIs"))
    def post_logout_lines(self, client: ClientProfile) -> str:
        return "\n".join(client.post_logout_redirect_uris)

    @admin.display(description=_("secrets that hold"))
    def secrets_in_force(self, client: ClientProfile) -> int:
        return client.secrets.in_force(timezone.now()).count()

    @admin.action(description=_("Make a new secret"), permissions=["change"])
    def renew_secret(
        self, request: HttpRequest, queryset: QuerySet[ClientProfile]
    ) -> HttpResponse | None:
        edge = cast("AnyRequest", request)
        chosen = list(queryset.select_related("client")[:2])
        if len(chosen) != 1:
            self.message_user(request, _("Choose one client."), messages.ERROR)
            return None
        try:
            secret = renew_client_secret(client=chosen[0], actor=edge.actor, now=edge.now)
        except DomainError as error:
            self.message_user(request, str(error.message), messages.ERROR)
            return None
        # Shown on this very page: a message would carry the secret in a cookie.
        context = {
            **self.admin_site.each_context(request),
            "title": _("The new secret"),
            "opts": self.opts,
            "client": chosen[0],
            "secret": secret,
        }
        response = render(request, "oidc/admin/secret.html", context)
        add_never_cache_headers(response)
        return response

    @admin.action(description=_("Disable the chosen clients"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[ClientProfile]) -> None:
        edge = cast("AnyRequest", request)
        for client in queryset.select_related("client").order_by("pk"):
            disable_client(client=client, actor=edge.actor, now=edge.now)
        self.message_user(request, _("Disabled, and everything granted to them ended."))


@admin.register(Grant)
class GrantAdmin(_ReadOnly, _GrantAdmin):
    list_display = ["user", "company", "client", "created_at", "expires_at", "revoked_at"]
    list_filter = ["client", "revoked_reason"]
    list_select_related = ["user", "company", "client__client"]
    search_fields = ["user__email", "company__name", "company__org_number", "sid"]
    ordering = ["-created_at", "-pk"]
    actions = ["revoke"]
    fields = [
        "user", "company", "client", "scope", "redirect_uri", "sid", "auth_time", "amr", "acr",
        "created_at", "redeemed_at", "expires_at", "revoked_at", "revoked_reason",
    ]  # fmt: skip

    @admin.action(description=_("End the chosen grants"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Grant]) -> None:
        edge = cast("AnyRequest", request)
        chosen = Grant.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        ended = end_grants(chosen, reason=RevocationReason.BY_STAFF, actor=edge.actor, now=edge.now)
        told = ngettext("%(count)d grant ended.", "%(count)d grants ended.", ended)
        self.message_user(request, told % {"count": ended})


@admin.register(SigningKey)
class SigningKeyAdmin(_ReadOnly, _KeyAdmin):
    list_display = ["kid", "alg", "state", "active_from", "retiring_from", "retired_at"]
    list_filter = ["alg"]
    ordering = ["-active_from", "-pk"]
    actions = ["rotate", "revoke"]
    fields = [
        "kid", "alg", "state", "public_jwk", "created_at", "published_from", "active_from",
        "retiring_from", "retired_at",
    ]  # fmt: skip

    @admin.display(description=_("state"))
    def state(self, key: SigningKey) -> str:
        return key.state_at(timezone.now())

    @admin.action(description=_("Publish the next key of the chosen"), permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[SigningKey]) -> None:
        edge = cast("AnyRequest", request)
        for alg in sorted(set(queryset.values_list("alg", flat=True))):
            try:
                key = rotate_signing_key(alg=alg, actor=edge.actor, now=edge.now)
            except DomainError as error:
                self.message_user(request, f"{alg}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, f"{alg}: {key.kid}", messages.SUCCESS)

    @admin.action(
        description=_("Revoke the chosen at once, because they leaked"), permissions=["change"]
    )
    def revoke(self, request: HttpRequest, queryset: QuerySet[SigningKey]) -> None:
        edge = cast("AnyRequest", request)
        for kid in queryset.values_list("kid", flat=True):
            try:
                key = revoke_signing_key(kid=kid, actor=edge.actor, now=edge.now)
            except DomainError as error:
                self.message_user(request, f"{kid}: {error.message}", messages.ERROR)
            else:
                told = _("%(old)s is revoked. %(new)s signs now.") % {"old": kid, "new": key.kid}
                self.message_user(request, told, messages.SUCCESS)


@admin.register(LogoutDelivery)
class LogoutDeliveryAdmin(_ReadOnly, _LogoutAdmin):
    list_display = [
        "client", "user", "company", "reason", "created_at", "attempts", "last_status",
        "delivered_at", "given_up_at",
    ]  # fmt: skip
    list_filter = [
        "client", "reason", ("delivered_at", admin.EmptyFieldListFilter),
        ("given_up_at", admin.EmptyFieldListFilter),
    ]  # fmt: skip
    list_select_related = ["client__client", "user", "company"]
    search_fields = ["sid", "sub", "user__email", "company__name"]
    ordering = ["-created_at", "-pk"]
    fields = [
        "client", "user", "company", "sub", "sid", "reason", "created_at", "attempts",
        "last_status", "delivered_at", "given_up_at",
    ]  # fmt: skip
