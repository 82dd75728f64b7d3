"""Who may use what: the one decision, what it rests on, and the gates of this room."""

from services.access.decision import (
    MACHINE_BASIS,
    REFUSAL_TEXTS,
    Access,
    Decision,
    MachineBasis,
    NoAccess,
    access_in_session,
    effective_access,
    effective_access_to_each,
    find_unchanged_machine_basis,
    machine_access,
)
from services.access.gates import (
    Offer,
    get_seat_for,
    get_service_for,
    get_subscribed_for,
    list_offers,
)
from services.access.grounds import BASIS, Basis, Ground, Refusal, read_basis

__all__ = [
    "BASIS",
    "MACHINE_BASIS",
    "REFUSAL_TEXTS",
    "Access",
    "Basis",
    "Decision",
    "Ground",
    "MachineBasis",
    "NoAccess",
    "Offer",
    "Refusal",
    "access_in_session",
    "effective_access",
    "effective_access_to_each",
    "find_unchanged_machine_basis",
    "get_seat_for",
    "get_service_for",
    "get_subscribed_for",
    "list_offers",
    "machine_access",
    "read_basis",
]
