"""What to invoice and why, as pure functions: no clock, no database, no float.

The database operations and `simulate_billing` call the same functions, so that a preview, a
simulation and the real run can't disagree. Dates are local dates and periods are half-open.
"""

from billing.engine.catalogue import (
    Buyer,
    Catalogue,
    Discount,
    NoPriceError,
    NoVatRateError,
    Plan,
    Price,
    Pricing,
    Tier,
    UnknownPlanError,
    Vat,
    VatCategory,
    VatRate,
)
from billing.engine.errors import EngineError
from billing.engine.lines import Cause, Line, Reason, Standing
from billing.engine.periods import MONTHS_OF, Period, boundary, period_at
from billing.engine.subscriptions import (
    AlreadyCancelledError,
    EndedError,
    NotCancelledError,
    NotCaughtUpError,
    Outcome,
    QuantityError,
    SamePlanError,
    Status,
    Subscription,
    When,
    cancel,
    change_plan,
    change_quantity,
    renew,
    subscribe,
    undo_cancel,
)
from billing.engine.totals import Totals, VatSum, convert, total, total_of

__all__ = [
    "MONTHS_OF",
    "AlreadyCancelledError",
    "Buyer",
    "Catalogue",
    "Cause",
    "Discount",
    "EndedError",
    "EngineError",
    "Line",
    "NoPriceError",
    "NoVatRateError",
    "NotCancelledError",
    "NotCaughtUpError",
    "Outcome",
    "Period",
    "Plan",
    "Price",
    "Pricing",
    "QuantityError",
    "Reason",
    "SamePlanError",
    "Standing",
    "Status",
    "Subscription",
    "Tier",
    "Totals",
    "UnknownPlanError",
    "Vat",
    "VatCategory",
    "VatRate",
    "VatSum",
    "When",
    "boundary",
    "cancel",
    "change_plan",
    "change_quantity",
    "convert",
    "period_at",
    "renew",
    "subscribe",
    "total",
    "total_of",
    "undo_cancel",
]
