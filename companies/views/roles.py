"""What each role may do: the table that every check reads, for people."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from companies.http import CompanyRequest, company_page
from companies.models import FIRM_ROLES, ROLE_DESCRIPTIONS, ROLE_PERMISSIONS, Permission, Role


@require_safe
@company_page(Permission.COMPANY_VIEW)
def roles(request: CompanyRequest) -> HttpResponse:
    """Show which role may do what, and which roles the reader has."""
    mine = request.membership.roles_at(request.now)
    shown = [role for role in Role if request.company.is_firm or role not in FIRM_ROLES]
    columns = [
        {"role": role, "means": ROLE_DESCRIPTIONS[role], "is_mine": role in mine} for role in shown
    ]
    rows = [
        {
            "permission": permission,
            "cells": [(role, permission in ROLE_PERMISSIONS[role]) for role in shown],
        }
        for permission in Permission
        if any(permission in ROLE_PERMISSIONS[role] for role in shown)
    ]
    context = {"columns": columns, "rows": rows}
    return render(request, "companies/roles.html", context)
