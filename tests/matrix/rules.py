"""The words in which the rooms say who may open which address.

Each room lists its addresses in `tests/matrix/<room>.py`:

    RULES = {
        "companies:members": company(Permission.MEMBER_VIEW),
        "companies:invite": company(Permission.MEMBER_INVITE, GET, POST),
        "companies:switch": signed_in(),
        "live": public(),
        "accounts_something": only_for("staff"),
    }

and, where an address names more than the company, how to find such a thing in the test's world:

    ARGUMENTS = {"membership_id": lambda world: world.membership("member").pk}

An argument is looked up by its name; a rule's own `arguments={...}` wins over it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from accounts.models import User
from companies.models import (
    ROLE_PERMISSIONS,
    SUPPORT_PERMISSIONS,
    Company,
    Mandate,
    Membership,
    Permission,
    Role,
)

GET = "get"
POST = "post"

ANONYMOUS = "anonymous"
OUTSIDER = "outsider"  # the owner of another company
DISABLED = "disabled"  # an owner still, but shut out of the platform with a session open
SUSPENDED = "suspended"  # an administrator whom the company shut out
FORMER = "former member"
BLOCKED = "blocked"  # of the firm, was assigned, and the company shut them out
STAFF_WITHOUT_SECOND_FACTOR = "staff without second factor"
STAFF = "staff"
STAFF_WITH_GRANT = "staff with grant"  # of the company; the others have none
ROLE_OF_KIND: Mapping[str, Role] = {
    "member": Role.MEMBER,
    "owner": Role.OWNER,
    "admin": Role.ADMIN,
    "billing": Role.BILLING,
    "security": Role.SECURITY,
    "auditor": Role.AUDITOR,
}
ASSIGNED = "assigned"
# People of the company's firm; one of them works for it under a mandate.
ROLE_OF_FIRM_KIND: Mapping[str, Role] = {
    "firm owner": Role.OWNER,
    "firm admin": Role.CLIENT_ADMIN,
    "lead": Role.ENGAGEMENT_LEAD,
    ASSIGNED: Role.MEMBER,
    BLOCKED: Role.MEMBER,
}
KINDS = (
    ANONYMOUS, DISABLED, OUTSIDER, SUSPENDED, FORMER, *ROLE_OF_KIND, *ROLE_OF_FIRM_KIND,
    STAFF_WITHOUT_SECOND_FACTOR, STAFF, STAFF_WITH_GRANT,
)  # fmt: skip


class Outcome(StrEnum):
    """What became of a request, as far as access goes."""

    LET_IN = "let in"  # any answer of the page itself, also "fill in the form"
    ASKED_TO_SIGN_IN = "asked to sign in"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    REFUSED = "refused"  # by a protocol of its own: 400 or 401


@dataclass(frozen=True)
class World:
    """One company with somebody in each role, its firm likewise, outsiders and staff."""

    company: Company
    people: Mapping[str, User]
    firm: Company
    mandate: Mandate

    def membership(self, kind: str) -> Membership:
        return Membership.objects.get(
            company=self.company, user=self.people[kind], valid_until=None
        )


Lookup = Callable[[World], object]


@dataclass(frozen=True)
class Rule:
    """Who gets what at one address."""

    outcomes: Mapping[str, Outcome]
    methods: tuple[str, ...] = (GET,)
    arguments: Mapping[str, Lookup] = field(default_factory=dict)
    query: Callable[[World], Mapping[str, str]] = lambda _world: {}


def public(*methods: str, arguments: Mapping[str, Lookup] | None = None) -> Rule:
    """Open to anybody."""
    return _rule(dict.fromkeys(KINDS, Outcome.LET_IN), methods, arguments)


def signed_in(*methods: str, arguments: Mapping[str, Lookup] | None = None) -> Rule:
    """Open to everybody who signed in."""
    outcomes = dict.fromkeys(KINDS, Outcome.LET_IN) | {ANONYMOUS: Outcome.ASKED_TO_SIGN_IN}
    return _rule(outcomes, methods, arguments)


def company(
    permission: Permission, *methods: str, arguments: Mapping[str, Lookup] | None = None
) -> Rule:
    """Open to members with a permission; other members get 403, everybody else 404."""
    outcomes = dict.fromkeys(KINDS, Outcome.NOT_FOUND) | {ANONYMOUS: Outcome.ASKED_TO_SIGN_IN}
    for kind, role in ROLE_OF_KIND.items():
        may = permission in ROLE_PERMISSIONS[role]
        outcomes[kind] = Outcome.LET_IN if may else Outcome.FORBIDDEN
    may_look = permission in SUPPORT_PERMISSIONS and POST not in methods
    outcomes[STAFF_WITH_GRANT] = Outcome.LET_IN if may_look else Outcome.FORBIDDEN
    return _rule(outcomes, methods, arguments)


def workplace(*methods: str, arguments: Mapping[str, Lookup] | None = None) -> Rule:
    """Open to members, and to who works for the company under a mandate; 404 to everybody else."""
    outcomes = dict.fromkeys(KINDS, Outcome.NOT_FOUND) | {ANONYMOUS: Outcome.ASKED_TO_SIGN_IN}
    outcomes |= dict.fromkeys([*ROLE_OF_KIND, ASSIGNED], Outcome.LET_IN)
    outcomes[STAFF_WITH_GRANT] = Outcome.FORBIDDEN if POST in methods else Outcome.LET_IN
    return _rule(outcomes, methods, arguments)


def firm(
    permission: Permission, *methods: str, arguments: Mapping[str, Lookup] | None = None
) -> Rule:
    """Open to people of the firm with a permission in it; the page is the firm's own."""
    outcomes = dict.fromkeys(KINDS, Outcome.NOT_FOUND) | {ANONYMOUS: Outcome.ASKED_TO_SIGN_IN}
    for kind, role in ROLE_OF_FIRM_KIND.items():
        may = permission in ROLE_PERMISSIONS[role]
        outcomes[kind] = Outcome.LET_IN if may else Outcome.FORBIDDEN
    own: Mapping[str, Lookup] = {"company_id": lambda world: world.firm.pk}
    return _rule(outcomes, methods, {**own, **(arguments or {})})


def staff(*methods: str, arguments: Mapping[str, Lookup] | None = None) -> Rule:
    """Open to staff who gave a second factor; staff who didn't are sent to do so."""
    outcomes = dict.fromkeys(KINDS, Outcome.FORBIDDEN) | {
        ANONYMOUS: Outcome.ASKED_TO_SIGN_IN,
        STAFF_WITHOUT_SECOND_FACTOR: Outcome.ASKED_TO_SIGN_IN,
        STAFF: Outcome.LET_IN,
        STAFF_WITH_GRANT: Outcome.LET_IN,
    }
    return _rule(outcomes, methods, arguments)


def provider(*methods: str, arguments: Mapping[str, Lookup] | None = None) -> Rule:
    """Guarded by its protocol, not by the session: without a client or a token, nobody gets in."""
    return _rule(dict.fromkeys(KINDS, Outcome.REFUSED), methods, arguments)


def exactly(
    outcomes: Mapping[str, Outcome],
    *methods: str,
    otherwise: Outcome,
    arguments: Mapping[str, Lookup] | None = None,
) -> Rule:
    """Say it kind by kind; who can't sign in is as anonymous, who isn't in is as an outsider."""
    return _rule(dict.fromkeys(KINDS, otherwise) | dict(outcomes), methods, arguments)


def _rule(
    outcomes: Mapping[str, Outcome],
    methods: tuple[str, ...],
    arguments: Mapping[str, Lookup] | None,
) -> Rule:
    shut_out = {DISABLED: outcomes[ANONYMOUS]} | dict.fromkeys(
        [SUSPENDED, FORMER], outcomes[OUTSIDER]
    )
    return Rule({**outcomes, **shut_out}, methods or (GET,), arguments or {})
