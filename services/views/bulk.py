"""Many clients at once: a file, what will happen row by row, and then it does, or nothing does."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from companies.http import CompanyRequest, company_page
from companies.models import Permission
from companies.operations import DEFAULT_MONTHS, RowsRefusedError
from services.forms import AssignManyForm, RequestManyForm
from services.operations import (
    Answer,
    assign_people,
    plan_assignments,
    plan_requests,
    request_mandates,
    sum_up,
)
from services.queries import list_offered_services
from services.rendering import make_consent
from services.views.mandates import read_method
from vop.lib.clock import add_months, local_date
from vop.lib.errors import DomainError, NotFound
from vop.lib.tables import WORKBOOK, list_with_faults, write_csv, write_workbook

_BAD = HTTPStatus.UNPROCESSABLE_ENTITY


@company_page(Permission.MANDATE_REQUEST)
def request_many(request: CompanyRequest) -> HttpResponse:
    """Ask for a file of clients, then show row by row what would be asked. Nothing is sent yet."""
    form = _request_form(request)
    if request.method != "POST":
        return render(request, "services/request_many.html", {"form": form})
    if not form.is_valid():
        return render(request, "services/request_many.html", {"form": form}, status=_BAD)
    return _preview_requests(request, form)


@require_POST
@company_page(Permission.MANDATE_REQUEST)
def send_requests(request: CompanyRequest) -> HttpResponse:
    """Send what the preview showed; if a row became wrong meanwhile, nothing is sent."""
    form = _request_form(request)
    if not form.is_valid():
        return render(request, "services/request_many.html", {"form": form}, status=_BAD)
    try:
        sent = request_mandates(
            plan=form.plan,
            rows=form.rows,
            answer=Answer(form.cleaned_data["text_sha256"], read_method(request)),
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )
    except RowsRefusedError:
        return _preview_requests(request, form)
    except DomainError as error:
        form.add_error(None, str(error.message))
        return render(request, "services/request_many.html", {"form": form}, status=_BAD)
    text = ngettext("%(count)s request sent.", "%(count)s requests sent.", len(sent))
    messages.success(request, text % {"count": len(sent)})
    return redirect("billing:clients", request.company.pk)


@require_POST
@company_page(Permission.MANDATE_REQUEST)
def request_faults(request: CompanyRequest) -> HttpResponse:
    """Hand the file back with what is wrong in a last column."""
    form = _request_form(request)
    if not form.is_valid():
        return render(request, "services/request_many.html", {"form": form}, status=_BAD)
    _terms, faults = plan_requests(form.plan, form.rows, now=request.now)
    return _hand_back(form, faults, "begaran")


@company_page(Permission.ASSIGNMENT_CREATE)
def assign_many(request: CompanyRequest) -> HttpResponse:
    """Ask for a file, or take ticked clients, then show row by row who would be assigned."""
    form = _assign_form(request)
    if request.method != "POST":
        return render(request, "services/assign_many.html", {"form": form})
    if form.lacks_ticks:
        return redirect(_list_url(request), preserve_request=True)  # which tells, and keeps it
    if not form.is_valid():
        return render(request, "services/assign_many.html", {"form": form}, status=_BAD)
    return _preview_assignments(request, form)


@require_POST
@company_page(Permission.ASSIGNMENT_CREATE)
def assign_all(request: CompanyRequest) -> HttpResponse:
    """Assign whom the preview showed; if a row became wrong meanwhile, nobody is."""
    form = _assign_form(request)
    if not form.is_valid():
        return render(request, "services/assign_many.html", {"form": form}, status=_BAD)
    try:
        made = assign_people(
            rows=form.rows,
            level=form.chosen_level,
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )
    except RowsRefusedError:
        return _preview_assignments(request, form)
    except DomainError as error:
        form.add_error(None, str(error.message))
        return render(request, "services/assign_many.html", {"form": form}, status=_BAD)
    text = ngettext("%(count)s assignment made.", "%(count)s assignments made.", len(made))
    messages.success(request, text % {"count": len(made)})
    return redirect(_list_url(request))


@require_POST
@company_page(Permission.ASSIGNMENT_CREATE)
def assign_faults(request: CompanyRequest) -> HttpResponse:
    """Hand the file back with what is wrong in a last column."""
    form = _assign_form(request)
    if not form.is_valid():
        return render(request, "services/assign_many.html", {"form": form}, status=_BAD)
    return _hand_back(form, _assignment_faults(request, form), "uppdrag")


def _request_form(request: CompanyRequest) -> RequestManyForm:
    if not request.company.is_firm:
        raise NotFound
    today = local_date(request.now)
    is_sent = request.method == "POST"
    return RequestManyForm(
        request.POST if is_sent else None,
        request.FILES if is_sent else None,
        firm=request.company,
        services=list_offered_services(),
        days=(today, add_months(today, DEFAULT_MONTHS) - timedelta(days=1)),
    )


def _assign_form(request: CompanyRequest) -> AssignManyForm:
    if not request.company.is_firm:
        raise NotFound
    is_sent = request.method == "POST"
    return AssignManyForm(
        request.POST if is_sent else None,
        request.FILES if is_sent else None,
        firm=request.company,
    )


def _preview_requests(request: CompanyRequest, form: RequestManyForm) -> HttpResponse:
    plan, method = form.plan, read_method(request)
    terms, faults = plan_requests(plan, form.rows, now=request.now)
    example = make_consent(terms[0], plan.covered, method=method).text if terms else ""
    context = {"example": example, "covered": plan.covered}
    answer = {} if faults else {"text_sha256": sum_up(terms, plan.covered, method=method)}
    return _preview(request, form, faults, {"is_request": True, **context}, answer)


def _preview_assignments(request: CompanyRequest, form: AssignManyForm) -> HttpResponse:
    more = {"is_ticked": form.is_of_ticked, "list_url": _list_url(request)}
    return _preview(request, form, _assignment_faults(request, form), more, {})


def _list_url(request: CompanyRequest) -> str:
    """Return the address of the list of clients, narrowed as it was when they were ticked."""
    return reverse("billing:clients", args=[request.company.pk], query=request.GET)


def _assignment_faults(request: CompanyRequest, form: AssignManyForm) -> Mapping[int, str]:
    _planned, faults = plan_assignments(
        form.rows,
        form.chosen_level,
        acting=request.membership,
        permissions=request.permissions,
        now=request.now,
    )
    return faults


def _preview(
    request: CompanyRequest,
    form: RequestManyForm | AssignManyForm,
    faults: Mapping[int, str],
    more: Mapping[str, object],
    answer: Mapping[str, str],
) -> HttpResponse:
    """Show what would happen, the wrong rows first; the next step gets the table as text."""
    rows = [{"row": row, "fault": faults.get(row.line, "")} for row in form.rows]
    rows.sort(key=lambda row: not row["fault"])
    if form.cleaned_data.get("is_workbook"):
        answer = {**answer, "is_workbook": "on"}
    left_out = {"text", "file", "email", "client", "csrfmiddlewaretoken", *answer}
    hidden = [(name, value) for name, value in form.data.items() if name not in left_out]
    context = {
        "rows": rows,
        "fault_count": len(faults),
        "text": form.plain_text,
        "hidden": [*hidden, *answer.items()],
        "query": request.GET.urlencode(),
        **more,
    }
    status = _BAD if faults else HTTPStatus.OK
    return render(request, "services/many_preview.html", context, status=status)


def _hand_back(
    form: RequestManyForm | AssignManyForm, faults: Mapping[int, str], name: str
) -> HttpResponse:
    rows = list_with_faults(form.lines, {**faults, 1: _("What is wrong")})
    is_book = bool(form.cleaned_data.get("is_workbook"))
    content: Any = write_workbook(name, rows) if is_book else write_csv(rows)
    kind, ending = (WORKBOOK, "xlsx") if is_book else ("text/csv; charset=utf-8", "csv")
    response = HttpResponse(content, content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
    return response
