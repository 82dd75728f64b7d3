"""Subscriptions and bases."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from billing.admin.downloads import BasisDownloads
from billing.models import BasisLine, InvoiceBasis, Subscription, SubscriptionChange, VatTotal
from billing.operations import approve_basis, credit_basis
from vop.lib.admin import PagedInline, ReadOnlyAdmin, ReadOnlyInline, act_on_each
from vop.lib.money import format_money


def _write(cents: int | None, currency: str = "SEK") -> str:
    return format_money(cents or 0, currency, get_language() or "sv")


class ChangeInline(ReadOnlyInline):
    model = SubscriptionChange
    fields = ["kind", "effective_on", "recorded_at", "payload", "actor_kind"]
    ordering = ["recorded_at", "pk"]


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Who pays for what, until when it is billed, and what was decided about it."""

    list_display = [
        "company", "plan", "quantity", "paid_quantity", "billed_through", "cancel_on", "ended_on",
    ]  # fmt: skip
    list_filter = ["plan__service", ("ended_on", admin.EmptyFieldListFilter)]
    list_select_related = ["company", "plan"]
    search_fields = ["company__name", "company__org_number"]
    ordering = ["company__name", "pk"]
    actions = ["discount"]
    inlines = [ChangeInline]

    @admin.action(description=_("Give a discount"), permissions=["discount"])
    def discount(
        self, request: HttpRequest, queryset: QuerySet[Subscription]
    ) -> HttpResponseRedirect | None:
        chosen = queryset.first()
        if chosen is None or queryset.count() > 1:
            messages.warning(request, _("Choose one subscription."))
            return None
        url = reverse("admin:billing_discount_add", query={"subscription": str(chosen.pk)})
        return HttpResponseRedirect(url)

    def has_discount_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.add_discount")


class LineInline(PagedInline):
    model = BasisLine
    fk_name = "basis"
    fields = [
        "position", "text", "reason", "period_start", "period_end", "quantity", "unit_price",
        "net", "vat_rate", "cause", "cause_on",
    ]  # fmt: skip
    readonly_fields = ["net"]
    ordering = ["position", "pk"]

    @admin.display(description=_("net"))
    def net(self, line: BasisLine) -> str:
        return _write(line.net_cents, line.basis.currency)


class VatInline(ReadOnlyInline):
    model = VatTotal
    fields = ["rate", "category", "base", "vat"]
    readonly_fields = ["base", "vat"]
    ordering = ["-rate", "pk"]

    @admin.display(description=_("base"))
    def base(self, part: VatTotal) -> str:
        return _write(part.base_cents, part.basis.currency)

    @admin.display(description=_("VAT"))
    def vat(self, part: VatTotal) -> str:
        return _write(part.vat_cents, part.basis.currency)


@admin.register(InvoiceBasis)
class InvoiceBasisAdmin(BasisDownloads, ReadOnlyAdmin):
    """What customers are to be invoiced: read, then approve."""

    list_display = [
        "label", "company", "billing_date", "kind", "state", "held_for", "net", "payable",
    ]  # fmt: skip
    list_filter = ["state", "kind", "held_for", "currency"]
    list_select_related = ["company"]
    date_hierarchy = "billing_date"
    search_fields = ["company__name", "company__org_number", "number"]
    ordering = ["-billing_date", "-number", "pk"]
    actions = ["approve", "credit"]
    inlines = [LineInline, VatInline]
    fields = [
        "label", "company", "billing_date", "kind", "credits", "state", "held_for", "currency",
        "po_number", "net", "vat", "rounding", "payable", "vat_in_sek", "fx_rate", "fx_date",
        "content_sha256", "run", "created_at", "approved_at", "seller_snapshot",
        "customer_snapshot",
    ]  # fmt: skip
    readonly_fields = ["label", "net", "vat", "rounding", "payable", "vat_in_sek"]

    @admin.display(description=_("number"), ordering="number")
    def label(self, basis: InvoiceBasis) -> str:
        return basis.label

    @admin.display(description=_("net"), ordering="net_cents")
    def net(self, basis: InvoiceBasis) -> str:
        return _write(basis.net_cents, basis.currency)

    @admin.display(description=_("VAT"))
    def vat(self, basis: InvoiceBasis) -> str:
        return _write(basis.vat_cents, basis.currency)

    @admin.display(description=_("rounding"))
    def rounding(self, basis: InvoiceBasis) -> str:
        return _write(basis.rounding_cents, basis.currency)

    @admin.display(description=_("to pay"), ordering="payable_cents")
    def payable(self, basis: InvoiceBasis) -> str:
        return _write(basis.payable_cents, basis.currency)

    @admin.display(description=_("VAT in SEK"))
    def vat_in_sek(self, basis: InvoiceBasis) -> str:
        return "" if basis.vat_sek_cents is None else _write(basis.vat_sek_cents)

    @admin.action(description=_("Approve and number"), permissions=["approve"])
    def approve(self, request: HttpRequest, queryset: QuerySet[InvoiceBasis]) -> None:
        act_on_each(
            request,
            queryset.order_by("billing_date", "company__name", "pk"),
            lambda basis, who: approve_basis(basis=basis, actor=who.actor, now=who.now),
        )

    @admin.action(description=_("Credit what remains"), permissions=["approve"])
    def credit(self, request: HttpRequest, queryset: QuerySet[InvoiceBasis]) -> None:
        act_on_each(
            request,
            queryset.order_by("billing_date", "company__name", "pk"),
            lambda basis, who: credit_basis(basis=basis, actor=who.actor, now=who.now),
        )

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_invoicebasis")
