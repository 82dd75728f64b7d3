"""Choosing the company to work in."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.http import PersonRequest
from companies.forms import SEARCH_FROM
from companies.http import CompanyRequest, company_page
from companies.models import Permission
from companies.operations import choose_company
from companies.queries import find_memberships_of, list_memberships_of


@require_safe
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """List the person's companies, the last used first."""
    person = cast("PersonRequest", request)
    text = request.GET.get("q", "")
    memberships = find_memberships_of(person.user, text, at=person.now)
    everything = memberships if not text else list_memberships_of(person.user, at=person.now)
    rows = [
        {"company": membership.company, "roles": membership.role_labels_at(person.now)}
        for membership in memberships
    ]
    context = {"rows": rows, "q": text, "is_searchable": len(everything) >= SEARCH_FROM}
    return render(request, "companies/switch.html", context)


@require_POST
@company_page(Permission.COMPANY_VIEW)
def choose(request: CompanyRequest) -> HttpResponse:
    """Work in this company from now on."""
    choose_company(membership=request.membership, actor=request.actor, now=request.now)
    return redirect("company_home", request.company.pk)
