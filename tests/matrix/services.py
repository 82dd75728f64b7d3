"""Who may open the addresses of services."""

from collections.abc import Mapping

from companies.models import Permission
from services.models import Entitlement, Seat
from tests.factories.services import seat
from tests.matrix.rules import (
    ANONYMOUS,
    GET,
    POST,
    ROLE_OF_KIND,
    Lookup,
    Outcome,
    Rule,
    World,
    company,
    exactly,
    firm,
)

RULES: Mapping[str, Rule] = {
    "services:mandate": company(Permission.MANDATE_VIEW),
    "services:overview": company(Permission.SERVICE_VIEW),
    "services:detail": company(Permission.SERVICE_VIEW),
    # Everybody may see the services; only who has a seat gets in.
    "services:open": exactly(
        dict.fromkeys(ROLE_OF_KIND, Outcome.FORBIDDEN)
        | {"member": Outcome.LET_IN, ANONYMOUS: Outcome.ASKED_TO_SIGN_IN},
        otherwise=Outcome.NOT_FOUND,
    ),
    "services:give_seat": company(Permission.SEAT_ASSIGN, POST),
    "services:release_seat": company(Permission.SEAT_ASSIGN, POST),
    "services:move_seat": company(Permission.SEAT_ASSIGN, GET, POST),
    "services:hand_over": company(Permission.MEMBER_END, GET, POST),
}
# The same addresses as the company's firm opens them under its own name.
FIRM_RULES: Mapping[str, Rule] = {
    "services:mandate": firm(Permission.MANDATE_VIEW),
}


def _seat(world: World) -> Seat:
    membership = world.membership("member")
    found = Seat.objects.filter(membership=membership).select_related("entitlement__service")
    if first := found.first():
        return first
    entitlement = Entitlement.objects.select_related("service").get(
        company=world.company, service__slug="bokforing"
    )
    return seat(entitlement, membership)


ARGUMENTS: Mapping[str, Lookup] = {
    "mandate_id": lambda world: world.mandate.pk,
    "slug": lambda world: _seat(world).entitlement.service.slug,
    "seat_id": lambda world: _seat(world).pk,
}
