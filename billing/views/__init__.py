"""Pages of buying, subscriptions and invoice bases."""

from billing.views.api import api_bases, api_basis, api_receipt, api_ubl
from billing.views.bases import bases, basis, basis_csv, basis_pdf
from billing.views.bench import clients, export_clients
from billing.views.closing import close
from billing.views.orders import buy, catalogue, confirm_order, terms
from billing.views.payers import give_consent, payer, payments, withdraw_consent
from billing.views.plan_changes import confirm_plan, plan, references
from billing.views.seat_matrix import save_seat_matrix, seat_matrix
from billing.views.subscriptions import (
    cancel,
    confirm_seats,
    seats,
    subscriptions,
    undo_cancel,
    unused_seats,
)

__all__ = [
    "api_bases",
    "api_basis",
    "api_receipt",
    "api_ubl",
    "bases",
    "basis",
    "basis_csv",
    "basis_pdf",
    "buy",
    "cancel",
    "catalogue",
    "clients",
    "close",
    "confirm_order",
    "confirm_plan",
    "confirm_seats",
    "export_clients",
    "give_consent",
    "payer",
    "payments",
    "plan",
    "references",
    "save_seat_matrix",
    "seat_matrix",
    "seats",
    "subscriptions",
    "terms",
    "undo_cancel",
    "unused_seats",
    "withdraw_consent",
]
