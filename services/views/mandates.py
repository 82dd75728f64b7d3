"""Pages of one mandate, for both its parties."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from companies.access import get_mandate_for
from companies.http import CompanyRequest, company_page
from companies.models import MANDATE_STATE_LABELS, MandateState, Permission
from companies.queries import list_assignments
from services.queries import list_covered, map_assigned


@require_safe
@company_page(Permission.MANDATE_VIEW)
def mandate(request: CompanyRequest, mandate_id: uuid.UUID) -> HttpResponse:
    """Show what a mandate covers, how long, and who works under it."""
    found = get_mandate_for(request.company, mandate_id)
    state = found.state_at(request.now)
    assigned = list(list_assignments(found, at=request.now))
    parts = map_assigned(assigned)
    context = {
        "mandate": found,
        "state": MANDATE_STATE_LABELS[state],
        "is_active": state is MandateState.ACTIVE,
        "covered": list_covered(found),
        "people": [{"assignment": each, "covered": parts[each.pk]} for each in assigned],
    }
    return render(request, "services/mandate.html", context)
