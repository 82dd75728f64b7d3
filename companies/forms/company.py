"""What people fill in about their company, and staff about a new one."""

from collections.abc import Mapping
from typing import Any, Self

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from companies.models import (
    Company,
    EInvoiceAddressError,
    NumberError,
    VatNumberError,
    list_countries,
    parse_e_invoice_address,
    parse_org_number,
    parse_vat_number,
)
from companies.operations import (
    CompanyFacts,
    InvoiceFacts,
)

POSTCODE_DIGITS = 5


class _VersionedForm(forms.Form):
    """A form that knows which state of the company the person saw."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, company: Company) -> None:
        names = [name for name in self.base_fields if name != "version"]
        values = {name: str(getattr(company, name)) for name in names}
        super().__init__(data, initial={"version": company.version, **values})

    @property
    def seen_version(self) -> int:
        """Which state of the company the person saw, once the form is valid."""
        seen: int = self.cleaned_data["version"]
        return seen

    def differences(self, company: Company) -> list[tuple[str, str]]:
        """List what is saved now where it isn't what was typed, as label and value."""
        return [
            (str(field.label), str(getattr(company, name)))
            for name, field in self.fields.items()
            if name != "version" and str(getattr(company, name)) != str(self.cleaned_data[name])
        ]

    def moved_to(self, company: Company) -> Self:
        """Return the form with what was typed, ready to be saved over the company's state now."""
        data = {name: self.data.get(name, "") for name in self.fields}
        return type(self)({**data, "version": str(company.version)}, company=company)


class CompanyForm(_VersionedForm):
    """What a company calls itself."""

    name = forms.CharField(label=_("Company name"), max_length=160)
    vat_number = forms.CharField(label=_("VAT number"), max_length=30, required=False)
    street = forms.CharField(label=_("Street or box"), max_length=160, required=False)
    postcode = forms.CharField(label=_("Postcode"), max_length=20, required=False)
    city = forms.CharField(label=_("City"), max_length=80, required=False)
    language = forms.ChoiceField(
        label=_("Language"),
        choices=settings.LANGUAGES,
        help_text=_("For mail to the company, such as invitations."),
    )

    def __init__(self, data: Any = None, *, company: Company) -> None:
        self._country = company.country
        super().__init__(data, company=company)

    def clean_vat_number(self) -> str:
        return _checked_vat_number(self._country, self.cleaned_data["vat_number"])

    def clean_postcode(self) -> str:
        postcode: str = self.cleaned_data["postcode"]
        return write_swedish_postcode(postcode) if self._country == "SE" else postcode

    @property
    def facts(self) -> CompanyFacts:
        """The answers, once the form is valid."""
        return CompanyFacts(**_without_version(self.cleaned_data))


class InvoiceAddressForm(_VersionedForm):
    """Where a company wants its invoices."""

    invoice_delivery = forms.ChoiceField(
        label=_("How invoices are sent"), choices=Company.InvoiceDelivery.choices
    )
    invoice_email = forms.EmailField(label=_("Invoice e-mail"), max_length=254, required=False)
    e_invoice_address = forms.CharField(
        label=_("E-invoice address"),
        max_length=70,
        required=False,
        help_text=_("Your Peppol ID, e.g. 0007:5567037485 for a Swedish organisation number."),
    )
    invoice_recipient = forms.CharField(label=_("Recipient"), max_length=160, required=False)
    invoice_street = forms.CharField(label=_("Street or box"), max_length=160, required=False)
    invoice_postcode = forms.CharField(label=_("Postcode"), max_length=20, required=False)
    invoice_city = forms.CharField(label=_("City"), max_length=80, required=False)
    invoice_country = forms.ChoiceField(label=_("Country"), choices=list_countries)
    invoice_reference = forms.CharField(
        label=_("Your reference"),
        max_length=80,
        required=False,
        help_text=_("Stands on the invoice, e.g. a name or an order number."),
    )

    def clean(self) -> dict[str, Any]:
        """Ask for the whole address or none of it."""
        values: dict[str, Any] = super().clean() or {}
        address = ("invoice_street", "invoice_postcode", "invoice_city")
        if any(values.get(name) for name in address):
            for name in address:
                if name not in self.errors and not values.get(name):
                    self.add_error(name, _("Fill this in too, or leave the whole address empty."))
        if values.get("invoice_country") == "SE" and values.get("invoice_postcode"):
            try:
                values["invoice_postcode"] = write_swedish_postcode(values["invoice_postcode"])
            except ValidationError as error:
                self.add_error("invoice_postcode", error)
        self._clean_delivery(values)
        return values

    def clean_e_invoice_address(self) -> str:
        try:
            return parse_e_invoice_address(self.cleaned_data["e_invoice_address"])
        except EInvoiceAddressError as error:
            raise ValidationError(str(error.message)) from error

    def _clean_delivery(self, values: dict[str, Any]) -> None:
        """Ask for what the chosen way needs."""
        needs = {
            Company.InvoiceDelivery.EMAIL: "invoice_email",
            Company.InvoiceDelivery.E_INVOICE: "e_invoice_address",
            Company.InvoiceDelivery.LETTER: "invoice_street",
        }
        name = needs.get(values.get("invoice_delivery", ""))
        if name and name not in self.errors and not values.get(name):
            self.add_error(name, _("Needed for the way of delivery that you chose."))

    @property
    def facts(self) -> InvoiceFacts:
        """The answers, once the form is valid."""
        return InvoiceFacts(**_without_version(self.cleaned_data))


class RegisterForm(forms.Form):
    """What staff register a company with."""

    name = forms.CharField(label=_("Company name"), max_length=160)
    country = forms.ChoiceField(label=_("Country"), choices=Company.Country.choices)
    org_number = forms.CharField(label=_("Organisation number"), max_length=30)
    vat_number = forms.CharField(label=_("VAT number"), max_length=30, required=False)
    street = forms.CharField(label=_("Street or box"), max_length=160, required=False)
    postcode = forms.CharField(label=_("Postcode"), max_length=20, required=False)
    city = forms.CharField(label=_("City"), max_length=80, required=False)
    firm_kind = forms.ChoiceField(
        label=_("Firm kind"),
        choices=[("", _("Not a firm")), *Company.FirmKind.choices],
        required=False,
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    email = forms.EmailField(
        label=_("The owner's e-mail address"),
        max_length=254,
        help_text=_("A person who has no account gets one, and a mail about how to get in."),
    )
    full_name = forms.CharField(label=_("The owner's name"), max_length=120)

    def clean(self) -> dict[str, Any]:
        """Check the numbers by the rules of the country."""
        values: dict[str, Any] = super().clean() or {}
        country = values.get("country")
        if country and "org_number" in values:
            try:
                values["org_number"] = parse_org_number(country, values["org_number"])
            except NumberError as error:
                self.add_error("org_number", str(error.message))
        if country and "vat_number" in values:
            try:
                values["vat_number"] = parse_vat_number(country, values["vat_number"])
            except VatNumberError as error:
                self.add_error("vat_number", str(error.message))
        if country == "SE" and "postcode" in values:
            try:
                values["postcode"] = write_swedish_postcode(values["postcode"])
            except ValidationError as error:
                self.add_error("postcode", error)
        return values

    @property
    def company(self) -> Company:
        """The company as described, not saved, once the form is valid."""
        names = (
            "name", "country", "org_number", "vat_number", "street", "postcode", "city",
            "firm_kind", "language",
        )  # fmt: skip
        return Company(**{name: self.cleaned_data[name] for name in names})


def write_swedish_postcode(text: str) -> str:
    """Return a postcode as the Swedish post writes it; nothing stays nothing.

    Raises: ValidationError.
    """
    digits = "".join(text.split()).removeprefix("SE-")
    if not digits:
        return ""
    if len(digits) == POSTCODE_DIGITS and digits.isascii() and digits.isdecimal():
        return f"{digits[:3]} {digits[3:]}"
    raise ValidationError(_("A Swedish postcode has five digits."))


def _without_version(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "version"}


def _checked_vat_number(country: str, text: str) -> str:
    try:
        return parse_vat_number(country, text)
    except VatNumberError as error:
        raise ValidationError(str(error.message)) from error
