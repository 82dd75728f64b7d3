"""The invoice basis: who owes what, line by line."""

from decimal import Decimal
from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from auditlog.actors import Ref
from billing import engine
from billing.models.discounts import Discount
from billing.models.plans import CURRENCIES, Plan, Price
from billing.models.runs import BillingRun
from billing.models.subscriptions import Subscription, SubscriptionChange
from companies.models import Company
from vop.lib.db import UUIDModel


class Seller(UUIDModel):
    """Who sells, as each basis copies it; one is current at a time."""

    name = models.CharField(_("name"), max_length=160)
    org_number = models.CharField(_("organisation number"), max_length=20)
    vat_number = models.CharField(_("VAT number"), max_length=20)
    street = models.CharField(_("street or box"), max_length=160)
    postcode = models.CharField(_("postcode"), max_length=20)
    city = models.CharField(_("city"), max_length=80)
    country = models.CharField(_("country"), max_length=2, default="SE")
    email = models.EmailField(_("e-mail"))
    bankgiro = models.CharField(_("bankgiro"), max_length=9, blank=True, default="")
    payment_days = models.PositiveSmallIntegerField(_("days to pay"), default=30)
    series_prefix = models.CharField(_("prefix of numbers"), max_length=8, unique=True, default="U")
    is_current = models.BooleanField(_("current"), default=True)

    class Meta:
        verbose_name = _("seller")
        verbose_name_plural = _("sellers")
        constraints = [
            models.UniqueConstraint(
                fields=["is_current"], condition=Q(is_current=True), name="one_seller_is_current"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> Ref:
        """The seller as the log names it."""
        return Ref("seller", str(self.pk), self.name)


class NumberSeries(models.Model):
    """The last number of a series; its row is locked last, so that a rollback leaves no gap."""

    code = models.CharField(_("series"), max_length=20, primary_key=True)
    last = models.PositiveIntegerField(_("last number"), default=0)

    class Meta:
        verbose_name = _("number series")
        verbose_name_plural = _("number series")

    def __str__(self) -> str:
        return f"{self.code}-{self.last}"


class InvoiceBasisQuerySet(models.QuerySet["InvoiceBasis"]):
    def for_company(self, company_id: object) -> Self:
        """Select what one company is to pay."""
        return self.filter(company_id=company_id)

    def drafts(self) -> Self:
        """Select bases that still gather lines."""
        return self.filter(state=InvoiceBasis.State.DRAFT)

    def newest_first(self) -> Self:
        """Order as lists show bases."""
        return self.order_by("-billing_date", F("number").desc(nulls_first=True), "pk")


class InvoiceBasis(UUIDModel):
    """What a company is to be invoiced for a day, in one currency.

    A draft gathers the lines of its day. Approval, its own or its run's, issues it: it gets a
    number and a hash over its content, and from then on triggers in the database refuse every
    change (migration 0011). What is wrong is put right by a basis that credits it.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        APPROVED = "approved", _("Approved")

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("Invoice")
        CREDIT = "credit", _("Credit")

    class Hold(models.TextChoices):
        VAT_NUMBER = "vat_number", _("the check of the VAT number")
        EXCHANGE_RATE = "exchange_rate", _("the exchange rate")

    company = models.ForeignKey(
        Company,
        on_delete=models.PROTECT,
        related_name="invoice_bases",
        verbose_name=_("customer"),
        db_index=False,  # basis_of_company begins with it
    )
    billing_date = models.DateField(_("date"))
    currency = models.CharField(_("currency"), max_length=3, choices=CURRENCIES)
    split_by = models.CharField(max_length=40, blank=True, default="", editable=False)
    po_number = models.CharField(_("purchase-order number"), max_length=40, blank=True, default="")
    run = models.ForeignKey(
        BillingRun,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="bases",
        verbose_name=_("billing run"),
    )
    credits = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="credited_by",
        verbose_name=_("credits"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.INVOICE)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    series = models.CharField(_("series"), max_length=20, blank=True, default="")
    number = models.PositiveIntegerField(_("number"), null=True, blank=True)
    seller_snapshot: Any = models.JSONField(_("seller"), default=dict)
    customer_snapshot: Any = models.JSONField(_("customer as invoiced"), default=dict)
    net_cents = models.BigIntegerField(_("net"), default=0)
    vat_cents = models.BigIntegerField(_("VAT"), default=0)
    rounding_cents = models.BigIntegerField(_("rounding"), default=0)
    payable_cents = models.BigIntegerField(_("to pay"), default=0)
    vat_sek_cents = models.BigIntegerField(_("VAT in SEK"), null=True, blank=True)
    fx_rate = models.DecimalField(
        _("exchange rate"), max_digits=14, decimal_places=6, null=True, blank=True
    )
    fx_date = models.DateField(_("day of the rate"), null=True, blank=True)
    fx_source = models.CharField(_("source of the rate"), max_length=40, blank=True, default="")
    held_for = models.CharField(_("waits for"), max_length=20, choices=Hold, blank=True, default="")
    body_sha256 = models.CharField(max_length=64, blank=True, default="", editable=False)
    content_sha256 = models.CharField(_("content hash"), max_length=64, blank=True, default="")
    created_at = models.DateTimeField(_("created"))
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)

    objects = InvoiceBasisQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice basis")
        verbose_name_plural = _("invoice bases")
        constraints = [
            models.UniqueConstraint(fields=["series", "number"], name="basis_number_is_unique"),
            models.UniqueConstraint(
                fields=["company", "billing_date", "currency", "split_by", "po_number"],
                condition=Q(state="draft", credits=None),
                name="company_has_one_draft_a_day_and_currency",
            ),
            models.UniqueConstraint(
                fields=["credits"],
                condition=Q(state="draft"),
                name="basis_has_one_draft_that_credits_it",
            ),
            models.CheckConstraint(
                condition=Q(credits=None) | Q(net_cents__lte=0), name="what_credits_is_negative"
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(held_for=""), name="what_waits_is_not_approved"
            ),
            models.CheckConstraint(
                condition=Q(state="draft")
                | Q(currency="SEK")
                | Q(vat_cents=0)
                | Q(vat_sek_cents__isnull=False, fx_rate__gt=0, fx_date__isnull=False),
                name="foreign_vat_is_told_in_sek",
            ),
            models.CheckConstraint(
                condition=Q(state="draft", number=None, approved_at=None, content_sha256="")
                | Q(state="approved", number__gte=1, approved_at__isnull=False)
                & ~Q(content_sha256=""),
                name="draft_has_no_number_and_approved_has_one",
            ),
            models.CheckConstraint(
                condition=Q(payable_cents=F("net_cents") + F("vat_cents") + F("rounding_cents")),
                name="payable_is_net_and_vat_and_rounding",
            ),
            models.CheckConstraint(
                condition=Q(rounding_cents__gte=-50, rounding_cents__lte=50),
                name="rounding_is_at_most_half_a_krona",
            ),
            models.CheckConstraint(
                condition=Q(kind="credit", net_cents__lt=0) | Q(kind="invoice", net_cents__gte=0),
                name="basis_below_zero_is_a_credit",
            ),
        ]
        indexes = [
            models.Index(fields=["company", "-billing_date"], name="basis_of_company"),
            models.Index(
                fields=["approved_at"],
                condition=Q(number__isnull=False),
                name="basis_to_tell_of",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def ref(self) -> Ref:
        """The basis as the log names it."""
        return Ref("basis", str(self.pk), self.label)

    @property
    def label(self) -> str:
        """What people call it: its number, or the day of the draft."""
        return str(self.billing_date) if self.number is None else f"{self.series}-{self.number}"

    @property
    def is_draft(self) -> bool:
        """Whether it still gathers lines."""
        return self.state == self.State.DRAFT

    @property
    def waits_for_vat_number(self) -> bool:
        """Whether it waits for the check of its customer's VAT number."""
        return self.held_for == self.Hold.VAT_NUMBER


class BasisLineQuerySet(models.QuerySet["BasisLine"]):
    def in_order(self) -> Self:
        """Order as they were made."""
        return self.order_by("position", "pk")


class BasisLine(UUIDModel):
    """A charge or a credit: for which days, at which price version, caused by what.

    No two purchases or renewals of a subscription overlap within a term (a plan changed at once
    begins the next): an exclusion on PostgreSQL, a trigger on SQLite, see migration 0011.
    """

    class Reason(models.TextChoices):
        NEW = "new", _("Purchase")
        RENEWAL = "renewal", _("Renewal")
        CHANGE = "change", pgettext_lazy("basis line", "Change")
        CREDIT = "credit", _("Credit")

    basis = models.ForeignKey(
        InvoiceBasis,
        on_delete=models.PROTECT,
        related_name="lines",
        db_index=False,  # line_has_its_place begins with it
    )
    position = models.PositiveIntegerField(_("line"))
    subscription = models.ForeignKey(
        Subscription,
        on_delete=models.PROTECT,
        related_name="lines",
        verbose_name=_("subscription"),
        db_index=False,  # line_of_subscription begins with it
    )
    term = models.PositiveSmallIntegerField(default=0, editable=False)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+", db_index=False)
    price = models.ForeignKey(
        Price,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("price version"),
        db_index=False,
    )
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    period_start = models.DateField(_("from"))
    period_end = models.DateField(_("until before"))
    anchored_start = models.DateField()
    anchored_end = models.DateField()
    quantity = models.IntegerField(_("quantity"))
    unit_price = models.DecimalField(_("price"), max_digits=12, decimal_places=4)
    net_cents = models.BigIntegerField(_("net"))
    vat_category = models.CharField(_("VAT category"), max_length=20)
    vat_rate = models.DecimalField(_("VAT, per cent"), max_digits=5, decimal_places=2)
    text = models.CharField(_("text"), max_length=200)
    cause = models.CharField(_("caused by"), max_length=20)
    cause_on = models.DateField(_("on"))
    change = models.ForeignKey(
        SubscriptionChange,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="lines",
        verbose_name=_("change"),
        db_index=False,  # line_of_change, of those that have one
    )
    run = models.ForeignKey(
        BillingRun,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="lines",
        verbose_name=_("billing run"),
    )
    credits = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="credited_by",
        db_index=False,  # line_that_credits, of those that do
    )
    # Of tiers and discounts alone: empty on every other line.
    seats = models.IntegerField(_("seats"), null=True, blank=True)
    discount = models.ForeignKey(
        Discount,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("discount"),
        db_index=False,
    )
    discount_cents = models.BigIntegerField(_("discount"), null=True, blank=True)
    lowered = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)

    objects = BasisLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("basis line")
        verbose_name_plural = _("basis lines")
        constraints = [
            models.UniqueConstraint(fields=["basis", "position"], name="line_has_its_place"),
            models.CheckConstraint(
                condition=Q(period_end__gt=F("period_start")), name="line_has_at_least_one_day"
            ),
            models.CheckConstraint(
                condition=Q(reason="credit", net_cents__lte=0, credits__isnull=False)
                | Q(reason__in=["new", "renewal", "change"], net_cents__gte=0, credits=None),
                name="only_a_credit_is_negative_and_says_of_what",
            ),
            models.CheckConstraint(
                condition=Q(change__isnull=False) | Q(run__isnull=False),
                name="line_says_what_made_it",
            ),
        ]
        indexes = [
            models.Index(fields=["subscription", "period_start"], name="line_of_subscription"),
            models.Index(
                fields=["change"], condition=Q(change__isnull=False), name="line_of_change"
            ),
            models.Index(
                fields=["credits"], condition=Q(credits__isnull=False), name="line_that_credits"
            ),
        ]

    def __str__(self) -> str:
        return self.text

    def as_terms(self) -> engine.Line:
        """Return the line as the engine knows it, with its plan and discount loaded."""
        return engine.Line(
            subscription=str(self.subscription_id),
            plan=self.plan.code,
            reason=engine.Reason(self.reason),
            period=engine.Period(self.period_start, self.period_end),
            anchored=engine.Period(self.anchored_start, self.anchored_end),
            quantity=self.quantity,
            price=engine.Price(self.unit_price, self.period_start, ref=self.price_id),
            vat=engine.Vat(engine.VatCategory(self.vat_category), Decimal(self.vat_rate)),
            net_cents=self.net_cents,
            cause=engine.Cause(self.cause, self.cause_on),
            ref=self.pk,
            term=self.term,
            seats=self.seats,
            discount=None if self.discount is None else self.discount.as_terms(),
            discount_cents=self.discount_cents or 0,
            lowered=self.lowered,
        )


class ExchangeRate(models.Model):
    """What a unit of a currency is in SEK on a day: VAT is told in SEK too (ML 17 kap. 29 §)."""

    currency = models.CharField(_("currency"), max_length=3, choices=CURRENCIES)
    on = models.DateField(_("day"))
    rate = models.DecimalField(_("SEK"), max_digits=14, decimal_places=6)
    source = models.CharField(_("source"), max_length=40)

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        constraints = [
            models.UniqueConstraint(fields=["currency", "on"], name="currency_has_one_rate_a_day"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchange_rate_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.rate} {self.on}"

    @property
    def ref(self) -> Ref:
        """The rate as the log names it."""
        return Ref("exchange_rate", str(self.pk), str(self))


class VatNumberCheck(models.Model):
    """What VIES said of a VAT number last; `is_valid` is None until it has answered."""

    vat_number = models.CharField(_("VAT number"), max_length=20, unique=True)
    is_valid = models.BooleanField(_("valid"), null=True)
    asked_at = models.DateTimeField(_("asked"))
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    receipt = models.CharField(_("receipt"), max_length=40, blank=True, default="")

    class Meta:
        verbose_name = _("check of a VAT number")
        verbose_name_plural = _("checks of VAT numbers")
        constraints = [
            models.CheckConstraint(
                condition=Q(is_valid=None) | Q(answered_at__isnull=False),
                name="vat_number_is_valid_only_when_answered",
            )
        ]

    def __str__(self) -> str:
        return self.vat_number

    @property
    def ref(self) -> Ref:
        """The number as the log names it."""
        return Ref("vat_number", str(self.pk), self.vat_number)


class VatTotal(models.Model):
    """What a basis has at one VAT rate, and the VAT on the sum."""

    basis = models.ForeignKey(
        InvoiceBasis,
        on_delete=models.PROTECT,
        related_name="vat_totals",
        db_index=False,  # basis_sums_each_vat_rate_once begins with it
    )
    category = models.CharField(_("category"), max_length=20)
    rate = models.DecimalField(_("per cent"), max_digits=5, decimal_places=2)
    base_cents = models.BigIntegerField(_("base"))
    vat_cents = models.BigIntegerField(_("VAT"))

    class Meta:
        verbose_name = _("VAT per rate")
        verbose_name_plural = _("VAT per rate")
        constraints = [
            models.UniqueConstraint(
                fields=["basis", "category", "rate"], name="basis_sums_each_vat_rate_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rate} %"
