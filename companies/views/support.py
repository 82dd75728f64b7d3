"""Who of our staff may look at the company's data, and each look that they took."""

import uuid
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from auditlog.queries import LogFilter, read_log
from companies import operations
from companies.access import get_support_grant_for
from companies.forms import SupportForm
from companies.http import CompanyRequest, company_page
from companies.models import Permission
from companies.queries import list_support_grants
from companies.rendering import describe_each
from vop.lib.errors import DomainError


@require_safe
@company_page(Permission.SUPPORT_GRANT)
def support(request: CompanyRequest) -> HttpResponse:
    """Show whether support is let in, who of it looked, when and why."""
    return _render(request, SupportForm())


@require_POST
@company_page(Permission.SUPPORT_GRANT)
def let_in(request: CompanyRequest) -> HttpResponse:
    form = SupportForm(request.POST)
    if form.is_valid():
        try:
            operations.open_support(
                company=request.company,
                reason=form.cleaned_data["reason"],
                days=form.cleaned_data["days"],
                acting=request.membership,
                actor=request.actor,
                now=request.now,
            )
        except DomainError as error:
            form.add_error(None, str(error.message))
        else:
            messages.success(request, _("Support can look now. You see each look here."))
            return redirect("companies:support", request.company.pk)
    return _render(request, form)


@require_POST
@company_page(Permission.SUPPORT_GRANT)
def shut_out(request: CompanyRequest, grant_id: uuid.UUID) -> HttpResponse:
    grant = get_support_grant_for(request.company, grant_id)
    try:
        operations.end_support(
            grant=grant, acting=request.membership, actor=request.actor, now=request.now
        )
    except DomainError as error:
        messages.error(request, str(error.message))
    else:
        messages.success(request, _("Support is shut out."))
    return redirect("companies:support", request.company.pk)


def _render(request: CompanyRequest, form: SupportForm) -> HttpResponse:
    page = read_log(request.company.pk, LogFilter(group="staff"))
    context = {
        "form": form,
        "grants": [
            {"grant": grant, "is_open": grant.is_in_force(request.now)}
            for grant in list_support_grants(request.company.pk)
        ],
        "looks": list(describe_each(page.events)),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "companies/support.html", context, status=status)
