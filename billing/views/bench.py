"""A firm's work bench: its clients in one list, and the same list as a file."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from billing.forms import ClientFilterForm, TickedForm
from billing.queries import describe_clients, find_clients, iterate_clients
from billing.rendering import list_client_cells, list_client_columns
from companies.events import MandateEvent
from companies.http import CompanyRequest, company_page
from companies.models import Permission
from companies.operations import record_export
from companies.queries import list_active_members
from vop.lib.clock import local_date
from vop.lib.errors import NotFound
from vop.lib.tables import write_csv

CLIENTS_PER_PAGE = 100
SUGGESTIONS = 500


@require_http_methods(["GET", "HEAD", "POST"])
@company_page(Permission.MANDATE_VIEW)
def clients(request: CompanyRequest) -> HttpResponse:
    """List the clients that a firm acts for or has asked, and what needs a hand.

    Posted to, it changes nothing: it shows again what was ticked, and what is missing.
    """
    if not request.company.is_firm:
        raise NotFound
    form = ClientFilterForm(request.GET)
    found = find_clients(request.membership, form.chosen, at=request.now)
    page = Paginator(found, CLIENTS_PER_PAGE).get_page(request.GET.get("page"))
    ticked = TickedForm(request.POST if request.method == "POST" else None)
    context = {
        "form": form,
        "ticked": ticked,
        "page_obj": page,
        "rows": describe_clients(list(page), request.user, at=request.now),
        "is_narrowed": any(form.cleaned_data.values()),
        "query": request.GET.urlencode(),
        "may_ask": Permission.MANDATE_REQUEST in request.permissions,
        "people": list_active_members(request.company.pk, at=request.now, limit=SUGGESTIONS),
        "may_assign": Permission.ASSIGNMENT_CREATE in request.permissions,
        "may_pay": Permission.ORDER_CREATE in request.permissions,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if ticked.errors else HTTPStatus.OK
    return render(request, "billing/clients.html", context, status=status)


@require_POST
@company_page(Permission.MANDATE_VIEW)
def export_clients(request: CompanyRequest) -> HttpResponse:
    """Hand out the list as the page shows it, all pages of it, and say so in the log."""
    if not request.company.is_firm:
        raise NotFound
    content = write_csv(_rows(request))
    record_export(
        acting=request.membership,
        kind="csv",
        event=MandateEvent.EXPORTED,
        actor=request.actor,
        now=request.now,
    )
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    name = f"klienter-{request.company.org_number}-{local_date(request.now)}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _rows(request: CompanyRequest) -> Iterator[Sequence[str]]:
    chosen = ClientFilterForm(request.GET).chosen
    yield list_client_columns()
    for row in iterate_clients(request.membership, chosen, at=request.now):
        yield list_client_cells(row)
