from datetime import UTC, datetime

from accounts.models import User
from auditlog.actors import Actor
from companies.models import Company, Membership, Role, SupportGrant
from companies.operations import add_member, open_support, register_company
from vop.lib.db import use_case

LONG_AGO = datetime(2025, 1, 2, 8, 0, tzinfo=UTC)
SYSTEM = Actor.system("tests")


def make_company(
    *,
    name: str,
    owner: User,
    org_number: str,
    firm_kind: str = "",
    now: datetime = LONG_AGO,
) -> Company:
    """A registered company with its first owner."""
    return register_company(
        name=name,
        org_number=org_number,
        owner=owner,
        firm_kind=firm_kind,
        actor=SYSTEM,
        now=now,
    )


def join_company(
    company: Company, user: User, *roles: Role, now: datetime = LONG_AGO
) -> Membership:
    """A member with roles."""
    return use_case(add_member)(company=company, user=user, roles=roles, actor=SYSTEM, now=now)


def let_support_in(
    company: Company, *, days: int = 7, reason: str = "Ärende 4711", now: datetime | None = None
) -> SupportGrant:
    """Our staff may look, because the main contact let them."""
    return open_support(
        company=company,
        reason=reason,
        days=days,
        acting=Membership.objects.get(pk=company.main_contact_id),
        actor=SYSTEM,
        now=now or datetime.now(UTC),
    )
