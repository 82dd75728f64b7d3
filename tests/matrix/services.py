"""Who may open the addresses of services."""

from collections.abc import Mapping

from companies.models import Permission
from services.models import Seat
from tests.factories.services import entitle, make_service, seat
from tests.matrix.rules import (
    ANONYMOUS,
    POST,
    ROLE_OF_KIND,
    Lookup,
    Outcome,
    Rule,
    World,
    company,
    exactly,
)

RULES: Mapping[str, Rule] = {
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
}


def _seat(world: World) -> Seat:
    membership = world.membership("member")
    found = Seat.objects.filter(membership=membership).select_related("entitlement__service")
    return found.first() or seat(entitle(world.company, make_service()), membership)


ARGUMENTS: Mapping[str, Lookup] = {
    "slug": lambda world: _seat(world).entitlement.service.slug,
    "seat_id": lambda world: _seat(world).pk,
}
