"""A company closes: its services end now, and nothing more is billed than is paid for already."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from billing.models import Subscription
from companies import operations as companies
from companies.models import Company, Membership
from services.operations import end_entitlements_of
from vop.lib.db import use_case
from vop.lib.errors import DomainError


class PaysForOthersError(DomainError):
    message = _("The company pays for services of other companies. Let them pay themselves first.")


@use_case
def close_company(*, acting: Membership, actor: Actor, now: datetime) -> Company:
    """Close the asking member's company: every service and seat ends, nobody gets in any more.

    A subscription is billed no further than it is: whose service has ended has no next period, and
    the next run ends it. What is paid for isn't credited, and nothing is deleted.

    Raises: NotAllowedError, PaysForOthersError.
    """
    company = companies.close_company(acting=acting, actor=actor, now=now)
    others = Subscription.objects.running().filter(payer=company).exclude(company=company)
    if others.exists():
        raise PaysForOthersError
    end_entitlements_of(company=company, actor=actor, now=now)
    return company
