"""Every write of billing.

Locks are taken from the ground up: the paying company, then subscriptions by id, then the
entitlement, then the basis, and the number series last of all.
"""

from billing.operations.bases import (
    AlreadyApprovedError,
    MakerApprovesError,
    NoSellerError,
    approve_basis,
    gather_lines,
)
from billing.operations.catalogue import (
    BadAmountError,
    BadDateError,
    OverlappingRateError,
    PlanFacts,
    PriceExistsError,
    SellerFacts,
    save_plan,
    save_seller,
    set_price,
    set_vat_rate,
)
from billing.operations.orders import (
    NotForSaleError,
    PreviewChangedError,
    buy_plan,
)
from billing.operations.runs import RunReport, bill_customer, run_billing
from billing.operations.subscriptions import (
    CancelledAlreadyError,
    CannotBePricedError,
    NotCancelledYetError,
    SeatsTakenError,
    SeatsUnchangedError,
    SubscriptionOverError,
    cancel_subscription,
    change_seats,
    check_seats,
    undo_cancellation,
)

__all__ = [
    "AlreadyApprovedError",
    "BadAmountError",
    "BadDateError",
    "CancelledAlreadyError",
    "CannotBePricedError",
    "MakerApprovesError",
    "NoSellerError",
    "NotCancelledYetError",
    "NotForSaleError",
    "OverlappingRateError",
    "PlanFacts",
    "PreviewChangedError",
    "PriceExistsError",
    "RunReport",
    "SeatsTakenError",
    "SeatsUnchangedError",
    "SellerFacts",
    "SubscriptionOverError",
    "approve_basis",
    "bill_customer",
    "buy_plan",
    "cancel_subscription",
    "change_seats",
    "check_seats",
    "gather_lines",
    "run_billing",
    "save_plan",
    "save_seller",
    "set_price",
    "set_vat_rate",
    "undo_cancellation",
]
