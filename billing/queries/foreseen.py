"""Whom a run can't bill, told before anybody approves it."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from billing.models import BillingBatch, BillingRun, BillingRunItem
from companies.models import Company


def list_foreseen(run: BillingRun, *, at: datetime) -> Sequence[BillingRunItem]:
    """List the customers that a preview found it can't bill, with the reasons; none is saved."""
    reasons: dict[str, str] = {}
    batches = BillingBatch.objects.filter(run=run, preview__parked__gt=0).order_by("number")
    for preview in batches.values_list("preview", flat=True):
        reasons |= preview.get("reasons", {})
    companies = Company.objects.in_bulk([uuid.UUID(key) for key in reasons])
    return [
        BillingRunItem(
            run=run,
            company=company,
            state=BillingRunItem.State.PARKED,
            attempts=0,
            error=reasons[str(company.pk)],
            updated_at=at,
        )
        for company in sorted(companies.values(), key=lambda one: (one.name, str(one.pk)))
    ]
