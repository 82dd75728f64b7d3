"""What the log tells about orders, subscriptions and bases. Money is kept for seven years."""

from django.utils.translation import gettext_lazy as _

from auditlog.events import EventType, Retention

_KEPT = Retention.SEVEN_YEARS  # bokföringslagen 7 kap. 2 §


class OrderEvent(EventType):
    PLACED = "order.placed", _("Order placed"), _KEPT


class SubscriptionEvent(EventType):
    CREATED = "subscription.created", _("Subscription began"), _KEPT
    QUANTITY_CHANGED = "subscription.quantity_changed", _("Number of seats changed"), _KEPT
    PLAN_CHANGED = "subscription.plan_changed", _("Plan changed"), _KEPT
    REFERENCES_CHANGED = (
        "subscription.references_changed",
        _("References on invoice bases changed"),
        _KEPT,
        ("changes",),  # a reference is often somebody's name
    )
    PAYER_CHANGED = "subscription.payer_changed", _("Payer changed"), _KEPT
    RENEWED = "subscription.renewed", _("Subscription renewed"), _KEPT
    RENEWAL_TOLD = "subscription.renewal_told", _("Notice of a renewal sent"), _KEPT
    CANCEL_SCHEDULED = "subscription.cancel_scheduled", _("Subscription cancelled"), _KEPT
    CANCEL_UNDONE = "subscription.cancel_undone", _("Cancellation taken back"), _KEPT
    ENDED = "subscription.ended", _("Subscription ended"), _KEPT


class PayerEvent(EventType):
    CONSENT_GIVEN = "payer.consent_given", _("Firm agreed to pay for a client"), _KEPT
    CONSENT_WITHDRAWN = "payer.consent_withdrawn", _("Firm stopped paying for a client"), _KEPT


class BasisEvent(EventType):
    RUN_STARTED = "basis.run_started", _("Billing run started"), _KEPT
    CREATED = "basis.created", _("Invoice basis created"), _KEPT
    APPROVED = "basis.approved", _("Invoice basis approved"), _KEPT
    CREDITED = "basis.credited", _("Invoice basis credited"), _KEPT
    RUN_PREVIEWED = "basis.run_previewed", _("Billing run previewed"), _KEPT
    RUN_APPROVED = "basis.run_approved", _("Billing run approved"), _KEPT
    RUN_ISSUED = "basis.run_issued", _("Billing run issued"), _KEPT
    VAT_NUMBER_CHECKED = "basis.vat_number_checked", _("VAT number checked"), _KEPT
    RUN_LATE = "basis.run_late", _("Billing run is late"), _KEPT


class CatalogueEvent(EventType):
    PLAN_SAVED = "plan.saved", _("Plan saved"), _KEPT
    PRICE_CHANGED = "price.changed", _("Price set"), _KEPT
    DISCOUNT_SET = "discount.set", _("Discount set"), _KEPT
    DISCOUNT_ENDED = "discount.ended", _("Discount ended"), _KEPT
    TERMS_PUBLISHED = "terms.published", _("Terms of sale published"), _KEPT
    EXCHANGE_RATE_SET = "exchange_rate.set", _("Exchange rate set"), _KEPT
    VAT_RATE_CHANGED = "vat_rate.changed", _("VAT rate set"), _KEPT
    SELLER_CHANGED = "seller.changed", _("Seller changed"), _KEPT


class LedgerEvent(EventType):
    SAVED = "ledger.saved", _("Ledger account saved"), _KEPT


class ErpEvent(EventType):
    SAVED = "erp.saved", _("ERP connection saved"), _KEPT
    KEY_ISSUED = "erp.key_issued", _("API key issued"), _KEPT
    SECRET_RENEWED = "erp.secret_renewed", _("Signing secret renewed"), _KEPT
    DISABLED = "erp.disabled", _("ERP connection disabled"), _KEPT
    EXPORTED = "basis.exported", _("Invoice basis handed over"), _KEPT
    EXPORT_FAILED = "basis.export_failed", _("Invoice basis could not be handed over"), _KEPT
    GIVEN_UP = "erp.deliveries_given_up", _("Invoice bases don't reach the accounts"), _KEPT
    REPLAYED = "basis.replayed", _("Invoice basis handed over again"), _KEPT
    ACKNOWLEDGED = "basis.acknowledged", _("Invoice made of the basis"), _KEPT
