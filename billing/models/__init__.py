"""What is sold at which price, who subscribes, and what is to be invoiced."""

from billing.models.accounts import (
    BAS_ACCOUNTS,
    Account,
    AccountPurpose,
    LedgerAccount,
    VatKey,
)
from billing.models.bases import (
    BasisLine,
    BasisLineQuerySet,
    ExchangeRate,
    InvoiceBasis,
    InvoiceBasisQuerySet,
    NumberSeries,
    Seller,
    VatNumberCheck,
    VatTotal,
)
from billing.models.discounts import Discount, DiscountQuerySet
from billing.models.exports import (
    BasisDelivery,
    DeliveryAttempt,
    ErpConnection,
    ErpConnectionQuerySet,
    ErpKey,
    ErpKeyQuerySet,
    ErpReceipt,
)
from billing.models.payers import PayerConsent, PayerConsentQuerySet, SubscriptionPayer
from billing.models.plans import CURRENCIES, Plan, PlanQuerySet, Price, VatClass, VatRate
from billing.models.runs import BillingBatch, BillingRun, BillingRunItem
from billing.models.subscriptions import (
    TOLD_AHEAD,
    Order,
    RenewalNotice,
    Subscription,
    SubscriptionChange,
    SubscriptionQuerySet,
    told_by,
)
from billing.models.terms import Terms

__all__ = [
    "BAS_ACCOUNTS",
    "CURRENCIES",
    "TOLD_AHEAD",
    "Account",
    "AccountPurpose",
    "BasisDelivery",
    "BasisLine",
    "BasisLineQuerySet",
    "BillingBatch",
    "BillingRun",
    "BillingRunItem",
    "DeliveryAttempt",
    "Discount",
    "DiscountQuerySet",
    "ErpConnection",
    "ErpConnectionQuerySet",
    "ErpKey",
    "ErpKeyQuerySet",
    "ErpReceipt",
    "ExchangeRate",
    "InvoiceBasis",
    "InvoiceBasisQuerySet",
    "LedgerAccount",
    "NumberSeries",
    "Order",
    "PayerConsent",
    "PayerConsentQuerySet",
    "Plan",
    "PlanQuerySet",
    "Price",
    "RenewalNotice",
    "Seller",
    "Subscription",
    "SubscriptionChange",
    "SubscriptionPayer",
    "SubscriptionQuerySet",
    "Terms",
    "VatClass",
    "VatKey",
    "VatNumberCheck",
    "VatRate",
    "VatTotal",
    "told_by",
]
