"""Closing a company: first what ends, then it does. It stands here because subscriptions do."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.http import demand_fresh_proof
from billing.forms import CloseCompanyForm
from billing.operations import close_company
from billing.queries import list_consequences
from companies.http import CompanyRequest, company_page
from companies.models import Permission
from vop.lib.errors import DomainError


@company_page(Permission.COMPANY_CLOSE)
def close(request: CompanyRequest) -> HttpResponse:
    """Show what ends with the company, ask for its number, and close it."""
    sent = request.POST if request.method == "POST" else None
    form = CloseCompanyForm(sent, company=request.company)
    if form.is_bound and form.is_valid():
        demand_fresh_proof(request, _("Close the company"))
        try:
            close_company(acting=request.membership, actor=request.actor, now=request.now)
        except DomainError as error:
            form.add_error(None, str(error.message))
        else:
            closed = _("%(company)s is closed.") % {"company": request.company.name}
            messages.success(request, closed)
            return redirect("home")
    context = {"form": form, "ends": list_consequences(request.company, at=request.now)}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "billing/close_company.html", context, status=status)
