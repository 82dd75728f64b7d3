"""Reading the catalogue, subscriptions, bases and runs."""

from billing.queries.bases import (
    BasisPage,
    get_basis_page,
    get_current_seller,
    get_draft,
    list_bases,
    list_lines,
)
from billing.queries.catalogue import (
    Offer,
    describe_offer,
    get_plan,
    list_offers,
    list_plans,
    load_catalogue,
)
from billing.queries.exports import list_credited
from billing.queries.previews import (
    TERMS_VERSION,
    OrderPreview,
    SeatPreview,
    preview_order,
    preview_seats,
)
from billing.queries.runs import (
    CustomerPreview,
    RunTotals,
    get_run_totals,
    list_due_payers,
    list_parked,
    preview_run,
)
from billing.queries.seats import SeatPrice, SeatRow, lay_out_seats, list_seat_prices
from billing.queries.subscriptions import (
    SubscriptionRow,
    count_taken_seats,
    list_due_subscriptions,
    list_subscription_rows,
    load_state,
)

__all__ = [
    "TERMS_VERSION",
    "BasisPage",
    "CustomerPreview",
    "Offer",
    "OrderPreview",
    "RunTotals",
    "SeatPreview",
    "SeatPrice",
    "SeatRow",
    "SubscriptionRow",
    "count_taken_seats",
    "describe_offer",
    "get_basis_page",
    "get_current_seller",
    "get_draft",
    "get_plan",
    "get_run_totals",
    "lay_out_seats",
    "list_bases",
    "list_credited",
    "list_due_payers",
    "list_due_subscriptions",
    "list_lines",
    "list_offers",
    "list_parked",
    "list_plans",
    "list_seat_prices",
    "list_subscription_rows",
    "load_catalogue",
    "load_state",
    "preview_order",
    "preview_run",
    "preview_seats",
]
