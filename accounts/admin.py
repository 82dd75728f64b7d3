"""People as staff see them: found, deactivated and let in again, never edited."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import operations
from accounts.http import AnyRequest
from accounts.models import User
from vop.lib.errors import DomainError

if TYPE_CHECKING:
    UserAdminBase = admin.ModelAdmin[User]
else:  # the class takes no parameter at run time
    UserAdminBase = admin.ModelAdmin


@admin.register(User)
class UserAdmin(UserAdminBase):
    list_display = ["email", "full_name", "is_active", "is_staff", "has_totp", "last_login"]
    list_filter = ["is_active", "is_staff", "language"]
    search_fields = ["email", "full_name", "id", "sub"]
    ordering = ["email", "id"]
    actions = ["deactivate", "reactivate"]
    fields = [
        "email", "full_name", "language", "sub", "is_active", "is_staff", "groups", "created_at",
        "last_login",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        totp = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
        return super().get_queryset(request).annotate(_has_totp=Exists(totp))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """The page of one person is for reading; the list's actions ask for this without one."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    @admin.display(description=_("second step"), boolean=True)
    def has_totp(self, user: User) -> bool:
        return bool(getattr(user, "_has_totp", False))

    @admin.action(description=_("Deactivate the chosen people"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._apply(operations.deactivate_person, request, queryset)

    @admin.action(description=_("Let the chosen people in again"), permissions=["change"])
    def reactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._apply(operations.reactivate_person, request, queryset)

    def _apply(
        self, operation: Callable[..., Any], request: HttpRequest, queryset: QuerySet[User]
    ) -> None:
        edge = cast("AnyRequest", request)
        done = 0
        for user in queryset.order_by("pk"):
            try:
                operation(user=user, actor=edge.actor, now=edge.now)
                done += 1
            except DomainError as error:
                self.message_user(request, f"{user.email}: {error.message}", messages.ERROR)
        if done:
            told = ngettext("%(count)d person changed.", "%(count)d people changed.", done)
            self.message_user(request, told % {"count": done}, messages.SUCCESS)
