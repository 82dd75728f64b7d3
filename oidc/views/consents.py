"""What a person let services do, and taking it back."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.http import PersonRequest
from oidc.access import get_admission_for
from oidc.operations.grants import withdraw_consent
from oidc.queries import list_admissions
from oidc.views.answers import SCOPE_TEXTS


@login_required
@require_safe
@never_cache
def list_consents(request: PersonRequest) -> HttpResponse:
    """Show the services that the person let in."""
    admissions = [
        {
            "name": row.client.service.name,
            "client_id": row.client.client_id_text,
            "companies": row.companies,
            "scopes": [SCOPE_TEXTS[scope] for scope in SCOPE_TEXTS if scope in row.scopes],
            "since": row.since,
        }
        for row in list_admissions(request.user, at=request.now)
    ]
    return render(request, "oidc/consents.html", {"admissions": admissions})


@login_required
@require_POST
def withdraw(request: PersonRequest, client_id: str) -> HttpResponse:
    """Take back what the person let one service do."""
    admission = get_admission_for(request.user, client_id, at=request.now)
    withdraw_consent(
        client=admission.client, user=request.user, actor=request.actor, now=request.now
    )
    messages.success(request, _("Withdrawn. The service is told that your session there is over."))
    return redirect("oidc_consents")
