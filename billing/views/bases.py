import uuid

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from billing.access import get_basis_for
from billing.models import InvoiceBasis
from billing.queries import (
    get_basis_page,
    get_receipt,
    is_number_refused,
    list_bases,
    list_credits_of,
    list_lines,
    map_events,
)
from billing.rendering import get_pdf, stream_csv
from companies.http import CompanyRequest, company_page
from companies.models import Permission

BASES_PER_PAGE = 50
LINES_PER_PAGE = 100


@require_safe
@company_page(Permission.BASIS_VIEW)
def bases(request: CompanyRequest) -> HttpResponse:
    """List what the company is to be invoiced."""
    page = Paginator(list_bases(request.company), BASES_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "billing/bases.html", {"company": request.company, "page": page})


@require_safe
@company_page(Permission.BASIS_VIEW)
def basis(request: CompanyRequest, basis_id: uuid.UUID) -> HttpResponse:
    """Show one basis: each line with its days, its price and what made it."""
    found = get_basis_for(request.company, basis_id)
    lines = Paginator(list_lines(found), LINES_PER_PAGE).get_page(request.GET.get("page"))
    page = get_basis_page(found, list(lines))
    may_read = Permission.AUDIT_VIEW in request.permissions
    context = {
        "company": request.company,
        "basis": found,
        "page": page,
        "lines": lines,
        "events": map_events(page, request.company.pk) if may_read else {},
        "receipt": get_receipt(found),
        "credits_of": [] if found.is_draft else list_credits_of(found),
        "is_number_refused": is_number_refused(found),
    }
    return render(request, "billing/basis.html", context)


@require_safe
@company_page(Permission.BASIS_VIEW)
def basis_pdf(request: CompanyRequest, basis_id: uuid.UUID) -> HttpResponse:
    """Send the document, rendered when it is first asked for."""
    page = get_basis_page(get_basis_for(request.company, basis_id))
    pdf = get_pdf(page, get_language() or "sv")
    return _send(HttpResponse(pdf, content_type="application/pdf"), page.basis, "inline", "pdf")


@require_safe
@company_page(Permission.BASIS_VIEW)
def basis_csv(request: CompanyRequest, basis_id: uuid.UUID) -> HttpResponse:
    """Send the lines as a table."""
    page = get_basis_page(get_basis_for(request.company, basis_id))
    table = "".join(stream_csv(page.lines))
    response = HttpResponse(table, content_type="text/csv; charset=utf-8")
    return _send(response, page.basis, "attachment", "csv")


def _send(response: HttpResponse, basis: InvoiceBasis, how: str, ending: str) -> HttpResponse:
    name = f"fakturaunderlag-{basis.label}.{ending}"
    response["Content-Disposition"] = f'{how}; filename="{name}"'
    response["Cache-Control"] = "private, no-cache"
    return response
