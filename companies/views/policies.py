"""The company's security rules: what they are, whom others would meet, and setting them."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.http import demand_fresh_proof
from companies import operations
from companies.forms import PolicyForm
from companies.http import CompanyRequest, company_page, read_proof
from companies.models import Permission
from vop.lib.errors import DomainError


@company_page(Permission.POLICY_UPDATE)
def policies(request: CompanyRequest) -> HttpResponse:
    """Show the rules; before others are set, show whom they would meet."""
    if request.method != "POST":
        return _render_form(request, PolicyForm(company=request.company))
    form = PolicyForm(request.POST, company=request.company)
    if form.is_valid():
        try:
            operations.check_own_way_in(form.facts, read_proof(request), at=request.now)
        except DomainError as error:
            form.add_error(None, str(error.message))
        else:
            return _render_consequences(request, form)
    return _render_form(request, form)


@require_POST
@company_page(Permission.POLICY_UPDATE)
def save(request: CompanyRequest) -> HttpResponse:
    """Set the rules; they hold at once, in open sessions too."""
    form = PolicyForm(request.POST, company=request.company)
    if not form.is_valid():
        return _render_form(request, form)
    demand_fresh_proof(request, _("Set the security rules"))
    try:
        operations.change_policy(
            company=request.company,
            facts=form.facts,
            version=form.cleaned_data["version"],
            proof=read_proof(request),
            acting=request.membership,
            actor=request.actor,
            now=request.now,
        )
    except DomainError as error:
        form.add_error(None, str(error.message))
        return _render_form(request, form)
    messages.success(request, _("The security rules are set. They hold at once."))
    return redirect("companies:policies", request.company.pk)


def _render_form(request: CompanyRequest, form: PolicyForm) -> HttpResponse:
    context = {"form": form, "ip": request.actor.ip}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "companies/policies.html", context, status=status)


def _render_consequences(request: CompanyRequest, form: PolicyForm) -> HttpResponse:
    facts = form.facts
    met = operations.find_consequences(
        request.company.pk,
        domains=facts.email_domains,
        networks=facts.networks,
        at=request.now,
    )
    context = {"form": form, "facts": facts, "met": met}
    return render(request, "companies/policy_consequences.html", context)
