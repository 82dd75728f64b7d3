"""Subscriptions, bases and runs."""

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from accounts.http import AnyRequest
from billing.admin.downloads import BasisDownloads, RunDownloads
from billing.models import (
    BasisLine,
    BillingRun,
    BillingRunItem,
    InvoiceBasis,
    Subscription,
    SubscriptionChange,
    VatTotal,
)
from billing.operations import approve_basis, run_billing
from billing.queries import preview_run
from vop.lib.admin import ReadOnlyAdmin, ReadOnlyInline, act_on_each
from vop.lib.clock import local_date
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
    inlines = [ChangeInline]


class LineInline(ReadOnlyInline):
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

    list_display = ["label", "company", "billing_date", "kind", "state", "net", "payable"]
    list_filter = ["state", "kind", "currency"]
    list_select_related = ["company"]
    date_hierarchy = "billing_date"
    search_fields = ["company__name", "company__org_number", "number"]
    ordering = ["-billing_date", "-number", "pk"]
    actions = ["approve"]
    inlines = [LineInline, VatInline]
    fields = [
        "label", "company", "billing_date", "kind", "state", "currency", "net", "vat", "rounding",
        "payable", "content_sha256", "created_at", "approved_at", "seller_snapshot",
        "customer_snapshot",
    ]  # fmt: skip
    readonly_fields = ["label", "net", "vat", "rounding", "payable"]

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

    @admin.action(description=_("Approve and number"), permissions=["approve"])
    def approve(self, request: HttpRequest, queryset: QuerySet[InvoiceBasis]) -> None:
        act_on_each(
            request,
            queryset.order_by("billing_date", "company__name", "pk"),
            lambda basis, who: approve_basis(basis=basis, actor=who.actor, now=who.now),
        )

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_invoicebasis")


class ItemInline(ReadOnlyInline):
    model = BillingRunItem
    fields = ["company", "state", "line_count", "ended_count", "net", "attempts", "error"]
    readonly_fields = ["net"]
    ordering = ["-state", "company__name", "pk"]  # those that are parked first

    @admin.display(description=_("net"))
    def net(self, item: BillingRunItem) -> str:
        return _write(item.net_cents)


@admin.register(BillingRun)
class BillingRunAdmin(RunDownloads, ReadOnlyAdmin):
    """The renewals of each day, with totals and exceptions."""

    list_display = [
        "as_of", "customers", "parked", "line_total", "net", "started_at", "finished_at",
    ]  # fmt: skip
    ordering = ["-as_of"]
    inlines = [ItemInline]
    change_list_template = "billing/admin/runs.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BillingRun]:
        parked = Q(items__state=BillingRunItem.State.PARKED)
        return BillingRun.objects.annotate(
            customer_count=Count("items"),
            parked_count=Count("items", filter=parked),
            line_sum=Sum("items__line_count"),
            net_sum=Sum("items__net_cents"),
        )

    @admin.display(description=_("customers"))
    def customers(self, run: BillingRun) -> int:
        return int(getattr(run, "customer_count", 0))

    @admin.display(description=_("parked"))
    def parked(self, run: BillingRun) -> int:
        return int(getattr(run, "parked_count", 0))

    @admin.display(description=_("lines"))
    def line_total(self, run: BillingRun) -> int:
        return int(getattr(run, "line_sum", 0) or 0)

    @admin.display(description=_("net"))
    def net(self, run: BillingRun) -> str:
        return _write(getattr(run, "net_sum", 0))

    def get_urls(self) -> list[URLPattern]:
        run_now = self.admin_site.admin_view(self.run_now)
        return [path("run-now/", run_now, name="billing_billingrun_run_now"), *super().get_urls()]

    def run_now(self, request: HttpRequest) -> HttpResponse:
        """Show what is due today, then renew it."""
        if not request.user.has_perm("billing.add_billingrun"):
            raise PermissionDenied
        who = cast("AnyRequest", request)
        today = local_date(who.now)
        if request.method != "POST":
            return render(request, "billing/admin/run_now.html", self._preview(request, today))
        report = run_billing(as_of=today, actor=who.actor, now=who.now)
        if report.run is None:
            messages.info(request, gettext("Nothing is due."))
            return redirect("admin:billing_billingrun_changelist")
        messages.success(
            request,
            gettext("The run is done: %(billed)s customers billed, %(parked)s parked.")
            % {"billed": report.billed, "parked": report.parked},
        )
        return redirect("admin:billing_billingrun_change", report.run.pk)

    def _preview(self, request: HttpRequest, today: Any) -> dict[str, Any]:
        customers = list(preview_run(today))
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Run the renewals"),
            "as_of": today,
            "customers": customers,
            "net_cents": sum(customer.net_cents for customer in customers),
        }
