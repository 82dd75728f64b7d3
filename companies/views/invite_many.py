"""Inviting many people: a paste or a file, what will happen, and then it does."""

from collections.abc import Mapping
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.http import demand_fresh_proof
from companies import operations
from companies.forms import InviteManyForm, choose_roles
from companies.http import CompanyRequest, company_page
from companies.models import Permission, Role
from vop.lib.errors import DomainError
from vop.lib.tables import WORKBOOK, write_csv, write_workbook


@company_page(Permission.MEMBER_INVITE)
def invite_many(request: CompanyRequest) -> HttpResponse:
    """Ask for a list of people, then show row by row what would happen. Nothing is sent yet."""
    if request.method != "POST":
        return _render_form(request, _form(request))
    form = _form(request)
    if not form.is_valid():
        return _render_form(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if "change" in request.POST:  # back from the preview: shown as it was, a file as text
        return _render_form(request, form)
    return _render_preview(request, form, _find_faults(request, form))


@require_POST
@company_page(Permission.MEMBER_INVITE)
def send_many(request: CompanyRequest) -> HttpResponse:
    """Send what the preview showed; if a row became wrong meanwhile, nothing is sent."""
    form = _form(request)
    if not form.is_valid():
        return _render_form(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if any(Role.OWNER in draft.roles for draft in form.drafts):
        demand_fresh_proof(request, _("Invite an owner"))
    try:
        sent = operations.invite_people(
            company=request.company,
            drafts=form.drafts,
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )
    except operations.RowsRefusedError as error:
        return _render_preview(request, form, error.faults)
    except DomainError as error:
        form.add_error(None, str(error.message))
        return _render_form(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    text = ngettext("%(count)s invitation sent.", "%(count)s invitations sent.", len(sent))
    messages.success(request, text % {"count": len(sent)})
    return redirect("companies:members", request.company.pk)


@require_POST
@company_page(Permission.MEMBER_INVITE)
def download_faults(request: CompanyRequest) -> HttpResponse:
    """Hand the list back, as the kind of file that came, with what is wrong in a last column."""
    form = _form(request)
    if not form.is_valid():
        return _render_form(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    faults = _find_faults(request, form)
    heading = _("What is wrong")
    rows = [
        [*line.cells, faults.get(line.number, "" if number or not form.has_header else heading)]
        for number, line in enumerate(form.lines)
    ]
    if form.cleaned_data["is_workbook"]:
        return _attach(write_workbook(_("Invitations"), rows), WORKBOOK, "inbjudningar.xlsx")
    return _attach(write_csv(rows), "text/csv; charset=utf-8", "inbjudningar.csv")


def _attach(content: str | bytes, content_type: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _form(request: CompanyRequest) -> InviteManyForm:
    is_sent = request.method == "POST"
    return InviteManyForm(
        request.POST if is_sent else None,
        request.FILES if is_sent else None,
        roles=choose_roles(request.company, request.permissions),
    )


def _find_faults(request: CompanyRequest, form: InviteManyForm) -> Mapping[int, str]:
    return operations.find_faults(
        request.company, form.drafts, permissions=request.permissions, now=request.now
    )


def _render_form(
    request: CompanyRequest, form: InviteManyForm, status: int = HTTPStatus.OK
) -> HttpResponse:
    context = {"form": form, "most": operations.MOST_INVITATIONS}
    return render(request, "companies/invite_many.html", context, status=status)


def _render_preview(
    request: CompanyRequest, form: InviteManyForm, faults: Mapping[int, str]
) -> HttpResponse:
    rows = [{"draft": draft, "fault": faults.get(draft.line, "")} for draft in form.drafts]
    rows.sort(key=lambda row: not row["fault"])  # what needs attention comes first
    context = {
        "rows": rows,
        "fault_count": len(faults),
        "text": form.plain_text,
        "is_workbook": form.cleaned_data["is_workbook"],
        "roles": form.cleaned_data["roles"],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK
    return render(request, "companies/invite_many_preview.html", context, status=status)
