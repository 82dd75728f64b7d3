"""What staff take out of billing by hand: files of a basis and of a run."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from billing.access import get_issued_basis
from billing.queries import get_basis_page, list_credited
from billing.rendering import render_ubl

if TYPE_CHECKING:
    AnyAdmin = admin.ModelAdmin[Any]
else:  # it takes no brackets at run time
    AnyAdmin = admin.ModelAdmin


class BasisDownloads(AnyAdmin):
    """The files of an issued basis, for those who may look at it."""

    change_form_template = "billing/admin/basis.html"

    def get_urls(self) -> list[URLPattern]:
        ubl = self.admin_site.admin_view(self.download_ubl)
        name = "billing_invoicebasis_ubl"
        return [path("<uuid:basis_id>/ubl/", ubl, name=name), *super().get_urls()]

    def download_ubl(self, request: HttpRequest, basis_id: Any) -> HttpResponse:
        """Send the basis as the accounts take it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        basis = get_issued_basis(basis_id)
        document = render_ubl(get_basis_page(basis), list_credited(basis))
        return attach(HttpResponse(document, content_type="application/xml"), f"{basis.label}.xml")


def attach(response: HttpResponse, name: str) -> HttpResponse:
    """Have the browser save a file; nobody keeps it on the way."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response
