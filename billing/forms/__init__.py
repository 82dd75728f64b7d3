"""What people fill in when they buy or change, and staff about plans and prices."""

from billing.forms.accounts import MOST_BASES, BasesQuery, ConnectionForm, ReceiptForm
from billing.forms.buying import (
    CloseCompanyForm,
    ConfirmForm,
    ConfirmOrderForm,
    ConfirmPlanForm,
    ConfirmSeatsForm,
    OrderForm,
    PayerForm,
    PlanChangeForm,
    ReferencesForm,
    SeatMatrixForm,
    SeatsForm,
)
from billing.forms.catalogue import (
    DiscountForm,
    ExchangeRateForm,
    LedgerAccountForm,
    PlanForm,
    PriceForm,
    SellerForm,
    TermsForm,
    VatRateForm,
)
from billing.forms.clients import ClientFilterForm, TickedForm

__all__ = [
    "MOST_BASES",
    "BasesQuery",
    "ClientFilterForm",
    "CloseCompanyForm",
    "ConfirmForm",
    "ConfirmOrderForm",
    "ConfirmPlanForm",
    "ConfirmSeatsForm",
    "ConnectionForm",
    "DiscountForm",
    "ExchangeRateForm",
    "LedgerAccountForm",
    "OrderForm",
    "PayerForm",
    "PlanChangeForm",
    "PlanForm",
    "PriceForm",
    "ReceiptForm",
    "ReferencesForm",
    "SeatMatrixForm",
    "SeatsForm",
    "SellerForm",
    "TermsForm",
    "TickedForm",
    "VatRateForm",
]
