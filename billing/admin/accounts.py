"""The systems of the seller's that bases go to, what became of each, and the receipts."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from accounts.http import AnyRequest
from billing.forms import ConnectionForm
from billing.models import BasisDelivery, DeliveryAttempt, ErpConnection, ErpKey, ErpReceipt
from billing.operations import (
    disable_connection,
    issue_erp_key,
    renew_signing_secret,
    replay_delivery,
    save_connection,
)
from vop.lib.admin import OperationAdmin, ReadOnlyAdmin, ReadOnlyInline, act_on_each
from vop.lib.errors import DomainError
from vop.lib.money import format_money


@admin.register(ErpConnection)
class ErpConnectionAdmin(OperationAdmin):
    """Systems that read bases, are told of them, or both. A secret is shown once."""

    list_display = ["name", "webhook_url", "may_acknowledge", "key_hints", "disabled_at"]
    ordering = ["name", "pk"]
    actions = ["issue_key", "renew_secret", "disable"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ErpConnection]:
        return ErpConnection.objects.prefetch_related("keys")

    @admin.display(description=_("API keys"))
    def key_hints(self, connection: ErpConnection) -> str:
        return ", ".join(_describe_key(key) for key in connection.keys.all())

    def build_form(self, request: HttpRequest, row: ErpConnection | None) -> ConnectionForm:
        return ConnectionForm(request.POST if request.method == "POST" else None, connection=row)

    def save(
        self, request: AnyRequest, form: ConnectionForm, row: ErpConnection | None
    ) -> ErpConnection:
        return save_connection(
            facts=form.facts,
            connection=row,
            since=form.told_since,
            actor=request.actor,
            now=request.now,
        )

    @admin.action(description=_("New API key"), permissions=["change"])
    def issue_key(
        self, request: HttpRequest, queryset: QuerySet[ErpConnection]
    ) -> HttpResponse | None:
        return self._show_once(request, queryset, issue_erp_key, "api_key")

    @admin.action(description=_("New signing secret"), permissions=["change"])
    def renew_secret(
        self, request: HttpRequest, queryset: QuerySet[ErpConnection]
    ) -> HttpResponse | None:
        return self._show_once(request, queryset, renew_signing_secret, "signing_secret")

    @admin.action(description=_("Disable the chosen connections"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[ErpConnection]) -> None:
        act_on_each(
            request,
            queryset.order_by("name", "pk"),
            lambda row, who: disable_connection(connection=row, actor=who.actor, now=who.now),
        )

    def _show_once(
        self, request: HttpRequest, queryset: QuerySet[ErpConnection], operation: Any, what: str
    ) -> HttpResponse | None:
        """Make a secret and show it on this very page: a message would carry it in a cookie."""
        who = cast("AnyRequest", request)
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, _("Choose one connection."), messages.ERROR)
            return None
        try:
            secret = operation(connection=chosen[0], actor=who.actor, now=who.now)
        except DomainError as error:
            self.message_user(request, str(error.message), messages.ERROR)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Shown this once"),
            "connection": chosen[0],
            "what": what,
            "secret": secret,
        }
        response = render(request, "billing/admin/secret.html", context)
        add_never_cache_headers(response)
        return response


class AttemptInline(ReadOnlyInline):
    model = DeliveryAttempt
    fields = ["at", "round", "status", "error"]
    ordering = ["-at", "-pk"]


@admin.register(BasisDelivery)
class BasisDeliveryAdmin(ReadOnlyAdmin):
    """Which connection was told of which basis, call by call."""

    list_display = [
        "basis", "connection", "created_at", "round", "attempts", "delivered_at", "given_up_at",
    ]  # fmt: skip
    list_filter = [
        "connection", ("delivered_at", admin.EmptyFieldListFilter),
        ("given_up_at", admin.EmptyFieldListFilter),
    ]  # fmt: skip
    list_select_related = ["connection", "basis"]
    search_fields = ["basis__number", "basis__company__name", "basis__company__org_number"]
    ordering = ["-created_at", "-pk"]
    actions = ["replay"]
    inlines = [AttemptInline]
    fields = [
        "id", "basis", "connection", "created_at", "round", "attempts", "exported_at",
        "delivered_at", "given_up_at",
    ]  # fmt: skip

    @admin.action(description=_("Hand over again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[BasisDelivery]) -> None:
        act_on_each(
            request,
            queryset.select_related("connection", "basis").order_by("created_at", "pk"),
            lambda row, who: replay_delivery(delivery=row, actor=who.actor, now=who.now),
        )

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_basisdelivery")


@admin.register(ErpReceipt)
class ErpReceiptAdmin(ReadOnlyAdmin):
    """The invoices that the accounts made."""

    list_display = ["invoice_number", "basis", "payable", "ocr", "connection", "received_at"]
    list_filter = ["connection"]
    list_select_related = ["basis", "connection"]
    search_fields = ["invoice_number", "ocr", "basis__number"]
    date_hierarchy = "received_at"
    ordering = ["-received_at", "-pk"]
    fields = ["basis", "connection", "invoice_number", "payable", "ocr", "received_at"]
    readonly_fields = ["payable"]

    @admin.display(description=_("invoiced"), ordering="payable_cents")
    def payable(self, receipt: ErpReceipt) -> str:
        return format_money(receipt.payable_cents, receipt.currency, get_language() or "sv")


def _describe_key(key: ErpKey) -> str:
    return str(key) if key.valid_until is None else f"{key} → {key.valid_until:%Y-%m-%d}"
