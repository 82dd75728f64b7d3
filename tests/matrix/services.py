"""Who may open the addresses of services."""

from collections.abc import Mapping

from django.utils import timezone

from companies.models import Assignment, Block, Permission
from services.models import Entitlement, Seat, ServicePicture
from tests.factories.services import seat
from tests.matrix.rules import (
    ANONYMOUS,
    ASSIGNED,
    GET,
    POST,
    ROLE_OF_KIND,
    STAFF_WITH_GRANT,
    Lookup,
    Outcome,
    Rule,
    World,
    company,
    exactly,
    firm,
    public,
)

RULES: Mapping[str, Rule] = {
    "services:picture": public(),
    "services:firms": company(Permission.MANDATE_VIEW),
    "services:ask_firm": company(Permission.MANDATE_APPROVE, GET, POST),
    "services:insight": company(Permission.MANDATE_VIEW),
    "services:block": company(Permission.MANDATE_END, POST),
    "services:unblock": company(Permission.MANDATE_END, POST),
    "services:mandate": company(Permission.MANDATE_VIEW),
    "services:approve_mandate": company(Permission.MANDATE_APPROVE, POST),
    "services:decline_mandate": company(Permission.MANDATE_APPROVE, POST),
    "services:withdraw_mandate": company(Permission.MANDATE_REQUEST, POST),
    "services:end_mandate": company(Permission.MANDATE_END, POST),
    # These belong to firms alone.
    "services:ask_client": firm(Permission.MANDATE_REQUEST, GET, POST),
    "services:change_lead": firm(Permission.MANDATE_REQUEST, POST),
    "services:assign": firm(Permission.ASSIGNMENT_CREATE, GET, POST),
    "services:end_assignment": firm(Permission.ASSIGNMENT_CREATE, POST),
    "services:request_many": firm(Permission.MANDATE_REQUEST, GET, POST),
    "services:send_requests": firm(Permission.MANDATE_REQUEST, POST),
    "services:request_faults": firm(Permission.MANDATE_REQUEST, POST),
    "services:assign_many": firm(Permission.ASSIGNMENT_CREATE, GET, POST),
    "services:assign_all": firm(Permission.ASSIGNMENT_CREATE, POST),
    "services:assign_faults": firm(Permission.ASSIGNMENT_CREATE, POST),
    "services:review": firm(Permission.ASSIGNMENT_CREATE, GET, POST),
    "services:keep_reviewed": firm(Permission.ASSIGNMENT_CREATE, POST),
    "services:end_reviewed": firm(Permission.ASSIGNMENT_CREATE, POST),
    "services:overview": company(Permission.SERVICE_VIEW),
    "services:detail": company(Permission.SERVICE_VIEW),
    # Everybody may see the services; only who has a seat gets in.
    "services:open": exactly(
        dict.fromkeys(ROLE_OF_KIND, Outcome.FORBIDDEN)
        | dict.fromkeys(["member", ASSIGNED, STAFF_WITH_GRANT], Outcome.LET_IN)
        | {ANONYMOUS: Outcome.ASKED_TO_SIGN_IN},
        otherwise=Outcome.NOT_FOUND,
    ),
    "services:give_seat": company(Permission.SEAT_ASSIGN, POST),
    "services:release_seat": company(Permission.SEAT_ASSIGN, POST),
    "services:move_seat": company(Permission.SEAT_ASSIGN, GET, POST),
    "services:hand_over": company(Permission.MEMBER_END, GET, POST),
}
# The same addresses as the company's firm opens them under its own name.
FIRM_RULES: Mapping[str, Rule] = {
    "services:firms": firm(Permission.MANDATE_VIEW),
    "services:ask_firm": firm(Permission.MANDATE_APPROVE, GET, POST),
    "services:insight": firm(Permission.MANDATE_VIEW),
    "services:mandate": firm(Permission.MANDATE_VIEW),
    "services:approve_mandate": firm(Permission.MANDATE_APPROVE, POST),
    "services:decline_mandate": firm(Permission.MANDATE_APPROVE, POST),
    "services:withdraw_mandate": firm(Permission.MANDATE_REQUEST, POST),
    "services:end_mandate": firm(Permission.MANDATE_END, POST),
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


def _assignment(world: World) -> Assignment:
    return Assignment.objects.get(mandate=world.mandate, user=world.people[ASSIGNED])


def _block(world: World) -> Block:
    owner = world.people["owner"]
    found, _is_new = Block.objects.get_or_create(
        company=world.company,
        user=world.people["lead"],
        defaults={"blocked_by": owner, "valid_from": timezone.now()},
    )
    return found


def _picture(world: World) -> str:
    service = _seat(world).entitlement.service
    ServicePicture.objects.get_or_create(service=service, defaults={"content": b"RIFF"})
    service.picture_sha256 = "0" * 64
    service.save(update_fields=["picture_sha256"])
    return service.picture_sha256


ARGUMENTS: Mapping[str, Lookup] = {
    "assignment_id": lambda world: _assignment(world).pk,
    "user_id": lambda world: _assignment(world).user_id,
    "block_id": lambda world: _block(world).pk,
    "mandate_id": lambda world: world.mandate.pk,
    "slug": lambda world: _seat(world).entitlement.service.slug,
    "sha256": _picture,
    "seat_id": lambda world: _seat(world).pk,
}
