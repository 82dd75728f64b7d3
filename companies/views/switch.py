"""Choosing the company to work in."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.http import PersonRequest
from companies.forms import SEARCH_FROM
from companies.http import WorkplaceRequest, workplace_page
from companies.operations import choose_client, choose_company
from companies.queries import find_clients_of, find_memberships_of


@require_safe
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """List the person's companies, the last used first."""
    person = cast("PersonRequest", request)
    text = request.GET.get("q", "")
    memberships = find_memberships_of(person.user, text, at=person.now)
    clients = find_clients_of(person.user, text, at=person.now)
    rows = [
        {"company": membership.company, "roles": membership.role_labels_at(person.now)}
        for membership in memberships
    ]
    own = {membership.company_id for membership in memberships}
    rows += [
        {"company": assignment.mandate.client, "firm": assignment.mandate.firm}
        for assignment in clients
        if assignment.mandate.client_id not in own
    ]
    context = {"rows": rows, "q": text, "is_searchable": bool(text) or len(rows) >= SEARCH_FROM}
    return render(request, "companies/switch.html", context)


@require_POST
@workplace_page
def choose(request: WorkplaceRequest) -> HttpResponse:
    """Work in this company from now on."""
    if request.membership is not None:
        choose_company(membership=request.membership, actor=request.actor, now=request.now)
    elif request.assignment is not None:
        choose_client(assignment=request.assignment, actor=request.actor, now=request.now)
    return redirect("company_home", request.company.pk)
