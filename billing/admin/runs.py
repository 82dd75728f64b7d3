"""The renewal runs: preview, approval, what became of each, and whether it adds up."""

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.http import AnyRequest
from billing.admin.downloads import RunDownloads
from billing.models import BillingRun, BillingRunItem
from billing.operations import approve_run, prepare_run
from billing.queries import (
    compare_with_last_month,
    count_waiting,
    find_oldest_due,
    get_run_totals,
    list_due_payers,
    list_exceptions,
    list_foreseen,
    reconcile,
)
from vop.lib.admin import ReadOnlyAdmin
from vop.lib.clock import local_date
from vop.lib.errors import DomainError, NotFound

EXCEPTIONS_ON_A_PAGE = 100


@admin.register(BillingRun)
class BillingRunAdmin(RunDownloads, ReadOnlyAdmin):
    """The renewals of each day, from preview to what became of them."""

    list_display = ["as_of", "state", "due", "billed", "exceptions", "line_total", "approved_at"]
    list_filter = ["state"]
    ordering = ["-as_of", "-made_at"]
    change_list_template = "billing/admin/runs.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BillingRun]:
        return BillingRun.objects.annotate(
            due_sum=Sum("batches__due_count"),
            billed_sum=Sum("batches__billed_count"),
            line_sum=Sum("batches__line_count"),
            parked_sum=Sum("batches__parked_count"),
            skipped_sum=Sum("batches__skipped_count"),
        )

    @admin.display(description=_("due"))
    def due(self, run: BillingRun) -> int:
        return int(getattr(run, "due_sum", 0) or 0)

    @admin.display(description=_("billed"))
    def billed(self, run: BillingRun) -> int:
        return int(getattr(run, "billed_sum", 0) or 0)

    @admin.display(description=_("exceptions"))
    def exceptions(self, run: BillingRun) -> int:
        parked, skipped = getattr(run, "parked_sum", 0), getattr(run, "skipped_sum", 0)
        return int((parked or 0) + (skipped or 0))

    @admin.display(description=_("lines"))
    def line_total(self, run: BillingRun) -> int:
        return int(getattr(run, "line_sum", 0) or 0)

    def get_urls(self) -> list[URLPattern]:
        prepare = self.admin_site.admin_view(self.prepare)
        approve = self.admin_site.admin_view(require_POST(self.approve))
        return [
            path("prepare/", prepare, name="billing_billingrun_prepare"),
            path("<uuid:run_id>/approve/", approve, name="billing_billingrun_approve"),
            *super().get_urls(),
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a run: totals, the month before, exceptions, and whether it adds up."""
        run = self.get_object(request, object_id or "")
        if run is None:
            raise NotFound
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        who = cast("AnyRequest", request)
        found = list_foreseen(run, at=who.now) if run.is_ahead else list_exceptions(run)
        exceptions: Paginator[BillingRunItem] = Paginator(found, EXCEPTIONS_ON_A_PAGE)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Billing run of %(day)s") % {"day": run.as_of},
            "run": run,
            "totals": get_run_totals(run),
            "months": compare_with_last_month(run),
            "exceptions": exceptions.get_page(request.GET.get("page")),
            "checks": reconcile(run),
            "waiting": count_waiting(run.as_of),
            "may_approve": self._may_work(request) and bool(run.sha256_to_approve),
        }
        return render(request, "billing/admin/run.html", context)

    def prepare(self, request: HttpRequest) -> HttpResponse:
        """Tell what is due today, then work it out as a preview."""
        if not self._may_work(request):
            raise PermissionDenied
        who = cast("AnyRequest", request)
        today = local_date(who.now)
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": gettext("Prepare a billing run"),
                "as_of": today,
                "due": len(list_due_payers(today)),
                "oldest": find_oldest_due(today),
            }
            return render(request, "billing/admin/prepare.html", context)
        try:
            run = prepare_run(as_of=today, actor=who.actor, now=who.now)
        except DomainError as error:
            messages.warning(request, str(error.message))
            return redirect("admin:billing_billingrun_changelist")
        if run is None:
            messages.info(request, gettext("Nothing is due."))
            return redirect("admin:billing_billingrun_changelist")
        return redirect("admin:billing_billingrun_change", run.pk)

    def approve(self, request: HttpRequest, run_id: Any) -> HttpResponse:
        """Agree to exactly what the page showed; a worker goes on from there."""
        if not self._may_work(request):
            raise PermissionDenied
        run = self.get_object(request, str(run_id))
        if run is None:
            raise NotFound
        who = cast("AnyRequest", request)
        seen = request.POST.get("preview_sha256", "")
        try:
            approve_run(run=run, preview_sha256=seen, actor=who.actor, now=who.now)
        except DomainError as error:
            messages.warning(request, str(error.message))
        else:
            messages.success(request, gettext("The run is approved and goes on by itself."))
        return redirect("admin:billing_billingrun_change", run.pk)

    def _may_work(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_billingrun")
