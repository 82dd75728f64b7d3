"""Giving and ending the use of services.

Locks are taken from the ground up: company, membership, entitlement, each by its key.
"""

from services.operations.bulk import (
    RequestPlan,
    assign_people,
    plan_assignments,
    plan_requests,
    request_mandates,
    sum_up,
)
from services.operations.bulk_rows import MOST_CLIENTS, ClientRow, ClientTable, read_clients
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
    end_entitlements_of,
    entitle_company,
    withdraw_service,
)
from services.operations.handover import end_with_handover
from services.operations.mandates import (
    Answer,
    NothingChosenError,
    ServiceNotOfferedError,
    TextChangedError,
    WiderThanMandateError,
    approve_mandate,
    assign_person,
    describe_terms,
    request_mandate,
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
    follow_last_day,
    move_seat,
    record_opening,
    release_seat,
    release_seats_of,
    seat_member,
)

__all__ = [
    "MOST_CLIENTS",
    "AlreadyEntitledError",
    "AlreadySeatedError",
    "Answer",
    "Cell",
    "ClientRow",
    "ClientTable",
    "ForeignRoleError",
    "MemberGoneError",
    "NoDefaultRoleError",
    "NoSeatLeftError",
    "NotEntitledError",
    "NothingChosenError",
    "RequestPlan",
    "RoleFacts",
    "SeatGoneError",
    "SeatRefusedError",
    "SeatsChanged",
    "ServiceFacts",
    "ServiceNotOfferedError",
    "SlugTakenError",
    "TextChangedError",
    "WiderThanMandateError",
    "approve_mandate",
    "assign_people",
    "assign_person",
    "assign_seat",
    "change_seat_limit",
    "change_seats_of",
    "create_service",
    "describe_terms",
    "end_entitlement",
    "end_entitlements_of",
    "end_with_handover",
    "entitle_company",
    "follow_last_day",
    "move_seat",
    "plan_assignments",
    "plan_requests",
    "read_clients",
    "record_opening",
    "release_seat",
    "release_seats_of",
    "request_mandate",
    "request_mandates",
    "seat_member",
    "sum_up",
    "update_service",
    "withdraw_service",
]
