"""Giving and ending the use of services.

Locks are taken from the ground up: company, membership, entitlement, each by its key.
"""

from services.operations.catalogue import (
    NoDefaultRoleError,
    RoleFacts,
    ServiceFacts,
    SlugTakenError,
    create_service,
    update_service,
)
from services.operations.entitlements import (
    change_seat_limit,
    end_entitlement,
    entitle_company,
    withdraw_service,
)
from services.operations.matrix import Cell, SeatsChanged, change_seats_of
from services.operations.rules import (
    AlreadyEntitledError,
    AlreadySeatedError,
    ForeignRoleError,
    MemberGoneError,
    NoSeatLeftError,
    NotEntitledError,
    SeatGoneError,
    SeatRefusedError,
)
from services.operations.seats import (
    assign_seat,
    record_opening,
    release_seat,
    release_seats_of,
    seat_member,
)

__all__ = [
    "AlreadyEntitledError",
    "AlreadySeatedError",
    "Cell",
    "ForeignRoleError",
    "MemberGoneError",
    "NoDefaultRoleError",
    "NoSeatLeftError",
    "NotEntitledError",
    "RoleFacts",
    "SeatGoneError",
    "SeatRefusedError",
    "SeatsChanged",
    "ServiceFacts",
    "SlugTakenError",
    "assign_seat",
    "change_seat_limit",
    "change_seats_of",
    "create_service",
    "end_entitlement",
    "entitle_company",
    "record_opening",
    "release_seat",
    "release_seats_of",
    "seat_member",
    "update_service",
    "withdraw_service",
]
