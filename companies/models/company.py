from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField

from auditlog.actors import Ref
from companies.models.countries import name_country
from companies.models.numbers import format_org_number
from companies.models.policy import PolicyFields, policy_constraints
from vop.lib.db import UUIDModel


class CompanyQuerySet(models.QuerySet["Company"]):
    def open(self) -> Self:
        """Select companies that haven't been closed."""
        return self.filter(closed_at=None)

    def by_name(self) -> Self:
        """Order as lists show companies."""
        return self.order_by("name", "pk")


class Company(PolicyFields, UUIDModel):
    """A company, with exactly one main contact (the column is required) and its invoice address.

    `version` counts changes: a form that was shown at an older version is told so.
    """

    class FirmKind(models.TextChoices):
        ACCOUNTING = "accounting", _("Accounting firm")
        AUDIT = "audit", _("Audit firm")
        PAYROLL = "payroll", _("Payroll firm")

    class Country(models.TextChoices):
        SWEDEN = "SE", _("Sweden")
        NORWAY = "NO", _("Norway")
        DENMARK = "DK", _("Denmark")
        FINLAND = "FI", _("Finland")

    class InvoiceDelivery(models.TextChoices):
        EMAIL = "email", _("By e-mail")
        E_INVOICE = "e_invoice", _("As an e-invoice (Peppol)")
        LETTER = "letter", _("By letter")

    class RegisterStatus(models.TextChoices):
        ACTIVE = "active", _("Registered")
        ENDING = "ending", _("In liquidation, bankruptcy or restructuring")
        DEREGISTERED = "deregistered", _("Struck off the register")

    name = models.CharField(_("name"), max_length=160)
    country = models.CharField(_("country"), max_length=2, choices=Country, default=Country.SWEDEN)
    org_number = models.CharField(_("organisation number"), max_length=20)
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True, default="")
    firm_kind = models.CharField(  # a capability, not a type: a firm is a customer as well
        _("firm kind"), max_length=20, choices=FirmKind, blank=True, default=""
    )
    language = models.CharField(
        _("language"), max_length=5, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    street = models.CharField(_("street or box"), max_length=160, blank=True, default="")
    postcode = models.CharField(_("postcode"), max_length=20, blank=True, default="")
    city = models.CharField(_("city"), max_length=80, blank=True, default="")
    invoice_recipient = models.CharField(_("recipient"), max_length=160, blank=True, default="")
    invoice_street = models.CharField(_("street or box"), max_length=160, blank=True, default="")
    invoice_postcode = models.CharField(_("postcode"), max_length=20, blank=True, default="")
    invoice_city = models.CharField(_("city"), max_length=80, blank=True, default="")
    invoice_country = CountryField(_("country"), blank=True, default="SE")
    invoice_email = models.EmailField(_("invoice e-mail"), blank=True, default="")
    invoice_reference = models.CharField(_("your reference"), max_length=80, blank=True, default="")
    invoice_delivery = models.CharField(
        _("invoice delivery"),
        max_length=20,
        choices=InvoiceDelivery,
        default=InvoiceDelivery.EMAIL,
    )
    e_invoice_address = models.CharField(
        _("e-invoice address"), max_length=60, blank=True, default=""
    )
    # What the authorities' register last said, and when: it informs, and decides nothing.
    register_status = models.CharField(
        _("in the company register"),
        max_length=20,
        choices=RegisterStatus,
        blank=True,
        default="",
        editable=False,
    )
    register_checked_at = models.DateTimeField(_("register asked"), null=True, editable=False)
    main_contact = models.ForeignKey(
        "companies.Membership",
        on_delete=models.PROTECT,
        related_name="main_contact_of",
        verbose_name=_("main contact"),
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, editable=False)

    objects = CompanyQuerySet.as_manager()

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        constraints = [
            models.UniqueConstraint(
                fields=["country", "org_number"], name="org_number_is_unique_in_its_country"
            ),
            *policy_constraints(),
            models.UniqueConstraint(
                fields=["main_contact"], name="membership_is_main_contact_of_one_company"
            ),
            models.CheckConstraint(
                condition=models.Q(invoice_delivery__in=["email", "e_invoice", "letter"]),
                name="invoice_delivery_is_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(invoice_delivery="e_invoice") | ~models.Q(e_invoice_address=""),
                name="e_invoice_has_an_address",
            ),
            models.CheckConstraint(
                condition=models.Q(register_status="", register_checked_at=None)
                | models.Q(
                    register_status__in=["active", "ending", "deregistered"],
                    register_checked_at__isnull=False,
                ),
                name="register_status_has_an_instant",
            ),
        ]
        indexes = [models.Index(fields=["name", "id"], name="company_by_name")]

    def __str__(self) -> str:
        return f"{self.name} ({self.formatted_org_number})"

    @property
    def ref(self) -> Ref:
        """The company as the log names it."""
        return Ref("company", str(self.pk), self.name)

    @property
    def formatted_org_number(self) -> str:
        """The organisation number as people write it."""
        return format_org_number(self.country, self.org_number)

    @property
    def invoice_country_name(self) -> str:
        """The country of the invoice address, in the reader's language."""
        return name_country(str(self.invoice_country))

    @property
    def is_firm(self) -> bool:
        """Whether it can take mandates from clients."""
        return bool(self.firm_kind)
