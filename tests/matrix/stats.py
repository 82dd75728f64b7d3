"""Who may open the addresses of stats."""

from collections.abc import Mapping

from companies.models import Permission
from tests.matrix.rules import STAFF, STAFF_WITH_GRANT, Lookup, Outcome, Rule, company, exactly

# As all of the admin: whoever isn't let in is led to its door, which answers 403 to customers.
STAFF_ONLY = exactly(
    {STAFF: Outcome.LET_IN, STAFF_WITH_GRANT: Outcome.LET_IN}, otherwise=Outcome.ASKED_TO_SIGN_IN
)

RULES: Mapping[str, Rule] = {
    "stats:company": company(Permission.STATISTICS_VIEW),
    "stats:company_hours": company(Permission.STATISTICS_VIEW),
    "stats:company_days": company(Permission.STATISTICS_VIEW),
    "stats:staff": STAFF_ONLY,
    "stats:staff_hours": STAFF_ONLY,
    "stats:staff_days": STAFF_ONLY,
}
ARGUMENTS: Mapping[str, Lookup] = {}
