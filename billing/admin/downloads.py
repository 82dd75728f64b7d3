"""What staff take out of billing by hand: files of a basis and of a run."""

import tempfile
import uuid
import zipfile
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext

from accounts.http import AnyRequest
from billing.access import get_issued_basis, get_run
from billing.models import BillingRun
from billing.queries import (
    count_lines,
    get_basis_page,
    get_current_seller,
    iterate_documents,
    iterate_lines,
    list_credited,
    list_run_bases,
    load_accounts,
)
from billing.rendering import MOST_SHEET_ROWS, render_ubl, stream_csv, write_sie, write_workbook
from vop.lib.clock import local_date
from vop.lib.errors import DomainError, NotFound

if TYPE_CHECKING:
    AnyAdmin = admin.ModelAdmin[Any]
else:  # it takes no brackets at run time
    AnyAdmin = admin.ModelAdmin

R = TypeVar("R", bound=HttpResponseBase)

MOST_DOCUMENTS: Final = 2_000  # what one request should make; the API has the rest
SIE_TYPE: Final = "application/octet-stream"  # no text: code page 437
CSV_TYPE: Final = "text/csv; charset=utf-8"
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class BasisDownloads(AnyAdmin):
    """The files of an issued basis, for those who may look at it."""

    change_form_template = "billing/admin/basis.html"

    def get_urls(self) -> list[URLPattern]:
        ubl = self.admin_site.admin_view(self.download_ubl)
        name = "billing_invoicebasis_ubl"
        return [path("<uuid:basis_id>/ubl/", ubl, name=name), *super().get_urls()]

    def download_ubl(self, request: HttpRequest, basis_id: uuid.UUID) -> HttpResponse:
        """Send the basis as the accounts take it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        basis = get_issued_basis(basis_id)
        document = render_ubl(get_basis_page(basis), list_credited(basis))
        return attach(HttpResponse(document, content_type="application/xml"), f"{basis.label}.xml")


class RunDownloads(AnyAdmin):
    """The bases of a run as files, for those who may look at it."""

    def get_urls(self) -> list[URLPattern]:
        def route(kind: str, view: Any) -> URLPattern:
            name = f"billing_billingrun_{kind}"
            guarded = self.admin_site.admin_view(view)
            found: URLPattern = path(f"<uuid:run_id>/{kind}/", guarded, name=name)
            return found

        return [
            route("csv", self.download_csv),
            route("xlsx", self.download_workbook),
            route("ubl", self.download_documents),
            route("sie", self.download_vouchers),
            *super().get_urls(),
        ]

    def download_csv(self, request: HttpRequest, run_id: uuid.UUID) -> HttpResponseBase:
        """Send every line of every basis, drafts too, as it is read."""
        run = self._find(request, run_id)
        rows = stream_csv(iterate_lines(list_run_bases(run)))
        return attach(StreamingHttpResponse(rows, content_type=CSV_TYPE), f"{_name(run)}.csv")

    def download_workbook(self, request: HttpRequest, run_id: uuid.UUID) -> HttpResponseBase:
        """Send bases and lines as a workbook, if it isn't too large for one."""
        run = self._find(request, run_id)
        bases = list_run_bases(run)
        if count_lines(bases) > MOST_SHEET_ROWS:
            return self._refuse(request, run, MOST_SHEET_ROWS)
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
        write_workbook(file, bases.iterator(chunk_size=2000), iterate_lines(bases))
        file.seek(0)
        return attach(FileResponse(file, content_type=XLSX_TYPE), f"{_name(run)}.xlsx")

    def download_documents(self, request: HttpRequest, run_id: uuid.UUID) -> HttpResponseBase:
        """Send the issued bases as UBL, in one archive."""
        run = self._find(request, run_id)
        bases = list(list_run_bases(run).filter(number__isnull=False)[: MOST_DOCUMENTS + 1])
        if len(bases) > MOST_DOCUMENTS:
            return self._refuse(request, run, MOST_DOCUMENTS)
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for basis in bases:
                document = render_ubl(get_basis_page(basis), list_credited(basis))
                archive.writestr(f"{basis.label}.xml", document)
        file.seek(0)
        return attach(FileResponse(file, content_type="application/zip"), f"{_name(run)}.zip")

    def download_vouchers(self, request: HttpRequest, run_id: uuid.UUID) -> HttpResponseBase:
        """Send the issued bases as vouchers."""
        run = self._find(request, run_id)
        seller = get_current_seller()
        if seller is None:
            raise NotFound
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
        try:
            write_sie(
                file,
                iterate_documents(list_run_bases(run).filter(number__isnull=False)),
                seller=seller,
                accounts=load_accounts(),
                made_on=local_date(cast("AnyRequest", request).now),
            )
        except DomainError as error:
            file.close()
            messages.error(request, str(error.message))
            return redirect("admin:billing_billingrun_change", run.pk)
        file.seek(0)
        return attach(FileResponse(file, content_type=SIE_TYPE), f"{_name(run)}.si")

    def _find(self, request: HttpRequest, run_id: uuid.UUID) -> BillingRun:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_run(run_id)

    def _refuse(self, request: HttpRequest, run: BillingRun, most: int) -> HttpResponse:
        told = gettext("More than %(most)s: take the CSV, or let the accounts ask the API.")
        messages.warning(request, told % {"most": most})
        return redirect("admin:billing_billingrun_change", run.pk)


def attach(response: R, name: str) -> R:
    """Have the browser save a file; nobody keeps it on the way."""
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _name(run: BillingRun) -> str:
    return f"fakturaunderlag-{run.as_of}"
