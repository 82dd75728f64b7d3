"""A basis as UBL 2.1 by Peppol BIS Billing 3, for the seller's accounts to make the invoice from.

Types 380 (invoice) and 381 (credit note, whose amounts are positive). The rules meant are those
of EN 16931 (BT- and BR- numbers) and of Peppol (P- and SE-R- numbers). It goes to the seller's own
accounts only: sent to a customer it would be an invoice, which a basis is not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from billing.models import BasisLine, InvoiceBasis
from billing.queries import BasisPage
from billing.rendering.payment import due_date, payment_reference
from billing.rendering.seats import share_out
from billing.rendering.vat import VatCode, classify_vat, write_number
from vop.lib.money import from_cents, to_cents

_SCHEMAS: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_CUSTOMIZATION: Final = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
_PROFILE: Final = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_PIECE: Final = "C62"  # UN/ECE recommendation 20: one
_TO_ACCOUNT: Final = "30"  # UNTDID 4461: credit transfer
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Country: electronic address scheme (EAS), scheme of the organisation number (ISO 6523 ICD), and
# what stands before the digits of the address.
_SCHEMES: Final = {
    "SE": ("0007", "0007", ""),
    "NO": ("0192", "0192", ""),
    "DK": ("0184", "0184", "DK"),
    "FI": ("0216", "0212", "0037"),
}


@dataclass(frozen=True, slots=True)
class _Form:
    """How an invoice and a credit note differ."""

    root: str
    type_element: str
    type_code: str
    line: str
    quantity: str
    sign: int


_INVOICE = _Form("Invoice", "cbc:InvoiceTypeCode", "380", "cac:InvoiceLine", "Invoiced", 1)
_CREDIT = _Form("CreditNote", "cbc:CreditNoteTypeCode", "381", "cac:CreditNoteLine", "Credited", -1)


def render_ubl(page: BasisPage, credited: Sequence[InvoiceBasis]) -> bytes:
    """Render an approved basis; `credited` are the bases whose lines it credits.

    The same basis gives the same bytes, for ever.
    """
    basis = page.basis
    form = _CREDIT if basis.kind == InvoiceBasis.Kind.CREDIT else _INVOICE
    root = Element(
        form.root,
        {
            "xmlns": f"{_SCHEMAS}{form.root}-2",
            "xmlns:cac": f"{_SCHEMAS}CommonAggregateComponents-2",
            "xmlns:cbc": f"{_SCHEMAS}CommonBasicComponents-2",
        },
    )
    _add_head(root, page, form, credited)
    _add_seller(root, basis)
    _add_buyer(root, basis)
    _add_payment(root, basis, form)
    _add_vat(root, page, form)
    _add_totals(root, basis, form)
    for line in page.lines:
        _add_line(root, line, basis, form)
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _add_head(
    root: Element, page: BasisPage, form: _Form, credited: Sequence[InvoiceBasis]
) -> None:
    basis, customer = page.basis, page.basis.customer_snapshot
    _text(root, "cbc:CustomizationID", _CUSTOMIZATION)
    _text(root, "cbc:ProfileID", _PROFILE)
    _text(root, "cbc:ID", basis.label)
    _text(root, "cbc:IssueDate", basis.billing_date)
    if form is _INVOICE and (due := due_date(basis)) is not None:
        _text(root, "cbc:DueDate", due)
    _text(root, form.type_element, form.type_code)
    _text(root, "cbc:Note", f"Fakturaunderlag {basis.label}, SHA-256 {basis.content_sha256}")
    _text(root, "cbc:DocumentCurrencyCode", basis.currency)
    if basis.vat_sek_cents is not None:  # ML 17 kap. 29 §
        _text(root, "cbc:TaxCurrencyCode", "SEK")
    # The buyer's reference or an order number must be there (P-R003).
    reference = customer.get("reference") or ("" if basis.po_number else customer["org_number"])
    _text(root, "cbc:BuyerReference", reference)
    period = SubElement(root, "cac:InvoicePeriod")
    _text(period, "cbc:StartDate", min(line.period_start for line in page.lines))
    _text(period, "cbc:EndDate", _last_day(max(line.period_end for line in page.lines)))
    if basis.po_number:
        _text(SubElement(root, "cac:OrderReference"), "cbc:ID", basis.po_number)
    for other in credited:
        reference_to = SubElement(
            SubElement(root, "cac:BillingReference"), "cac:InvoiceDocumentReference"
        )
        _text(reference_to, "cbc:ID", other.label)
        _text(reference_to, "cbc:IssueDate", other.billing_date)


def _add_seller(root: Element, basis: InvoiceBasis) -> None:
    seller = basis.seller_snapshot
    party = SubElement(SubElement(root, "cac:AccountingSupplierParty"), "cac:Party")
    _add_endpoint(party, seller["country"], seller["org_number"], seller["email"])
    _add_address(party, seller, seller["country"])
    _add_vat_number(party, seller["vat_number"])
    _add_legal_entity(party, seller, seller["country"])
    contact = SubElement(party, "cac:Contact")
    _text(contact, "cbc:ElectronicMail", seller["email"])


def _add_buyer(root: Element, basis: InvoiceBasis) -> None:
    customer = basis.customer_snapshot
    party = SubElement(SubElement(root, "cac:AccountingCustomerParty"), "cac:Party")
    # BT-49; bases of before the customer could name one have none.
    code, _colon, number = customer.get("e_invoice_address", "").partition(":")
    if number:
        _text(party, "cbc:EndpointID", number, schemeID=code)
    else:
        _add_endpoint(party, customer["country"], customer["org_number"], customer["email"])
    _add_address(party, customer, customer["invoice_country"] or customer["country"])
    _add_vat_number(party, customer["vat_number"])
    _add_legal_entity(party, customer, customer["country"])
    if customer["recipient"] or customer["email"]:
        contact = SubElement(party, "cac:Contact")
        _text(contact, "cbc:Name", customer["recipient"])
        _text(contact, "cbc:ElectronicMail", customer["email"])


def _add_endpoint(party: Element, country: str, org_number: str, email: str) -> None:
    scheme, _icd, prefix = _SCHEMES.get(country, ("EM", "", ""))
    address = email if scheme == "EM" else prefix + _digits(org_number)
    _text(party, "cbc:EndpointID", address, schemeID=scheme)


def _add_address(party: Element, source: dict[str, Any], country: str) -> None:
    address = SubElement(party, "cac:PostalAddress")
    _text(address, "cbc:StreetName", source["street"])
    _text(address, "cbc:CityName", source["city"])
    _text(address, "cbc:PostalZone", source["postcode"])
    _text(SubElement(address, "cac:Country"), "cbc:IdentificationCode", country)


def _add_vat_number(party: Element, vat_number: str) -> None:
    if vat_number:
        scheme = SubElement(party, "cac:PartyTaxScheme")
        _text(scheme, "cbc:CompanyID", vat_number)
        _text(SubElement(scheme, "cac:TaxScheme"), "cbc:ID", "VAT")


def _add_legal_entity(party: Element, source: dict[str, Any], country: str) -> None:
    entity = SubElement(party, "cac:PartyLegalEntity")
    _text(entity, "cbc:RegistrationName", source["name"])
    _eas, icd, _prefix = _SCHEMES.get(country, ("", "", ""))
    number = _digits(source["org_number"])
    scheme = {"schemeID": icd} if icd else {}
    _text(entity, "cbc:CompanyID", f"DK{number}" if country == "DK" else number, **scheme)


def _add_payment(root: Element, basis: InvoiceBasis, form: _Form) -> None:
    bankgiro = basis.seller_snapshot.get("bankgiro")
    if bankgiro and form is _INVOICE:
        means = SubElement(root, "cac:PaymentMeans")
        _text(means, "cbc:PaymentMeansCode", _TO_ACCOUNT)
        _text(means, "cbc:PaymentID", payment_reference(basis))
        account = SubElement(means, "cac:PayeeFinancialAccount")
        _text(account, "cbc:ID", _digits(bankgiro))
        branch = SubElement(account, "cac:FinancialInstitutionBranch")
        _text(branch, "cbc:ID", "SE:BANKGIRO")
    # What is to be paid needs a due date or terms (BR-CO-25); a basis from before has no days.
    if form is _CREDIT or due_date(basis) is None:
        terms = "Krediteras" if form is _CREDIT else "Enligt avtal"
        _text(SubElement(root, "cac:PaymentTerms"), "cbc:Note", terms)


def _add_vat(root: Element, page: BasisPage, form: _Form) -> None:
    basis = page.basis
    total = SubElement(root, "cac:TaxTotal")
    _amount(total, "cbc:TaxAmount", form.sign * basis.vat_cents, basis.currency)
    for part in page.vat_totals:
        subtotal = SubElement(total, "cac:TaxSubtotal")
        _amount(subtotal, "cbc:TaxableAmount", form.sign * part.base_cents, basis.currency)
        _amount(subtotal, "cbc:TaxAmount", form.sign * part.vat_cents, basis.currency)
        vat = classify_vat(part.category, part.rate, basis)
        category = _add_category(subtotal, "cac:TaxCategory", vat, part.rate)
        _text(category, "cbc:TaxExemptionReasonCode", vat.reason_code)
        _text(category, "cbc:TaxExemptionReason", vat.reason)
        _add_scheme(category)
    if basis.vat_sek_cents is not None:
        in_sek = SubElement(root, "cac:TaxTotal")
        _amount(in_sek, "cbc:TaxAmount", form.sign * basis.vat_sek_cents, "SEK")


def _add_totals(root: Element, basis: InvoiceBasis, form: _Form) -> None:
    total = SubElement(root, "cac:LegalMonetaryTotal")
    gross = basis.net_cents + basis.vat_cents
    for name, cents in (
        ("cbc:LineExtensionAmount", basis.net_cents),
        ("cbc:TaxExclusiveAmount", basis.net_cents),
        ("cbc:TaxInclusiveAmount", gross),
        ("cbc:PayableRoundingAmount", basis.rounding_cents),
        ("cbc:PayableAmount", basis.payable_cents),
    ):
        if cents or name != "cbc:PayableRoundingAmount":
            _amount(total, name, form.sign * cents, basis.currency)


def _add_line(root: Element, line: BasisLine, basis: InvoiceBasis, form: _Form) -> None:
    added = SubElement(root, form.line)
    net = form.sign * line.net_cents
    quantity, price, per = price_of(line)
    _text(added, "cbc:ID", line.position)
    signed = quantity if net >= 0 else -quantity
    _text(added, f"cbc:{form.quantity}Quantity", signed, unitCode=_PIECE)
    _amount(added, "cbc:LineExtensionAmount", net, basis.currency)
    period = SubElement(added, "cac:InvoicePeriod")
    _text(period, "cbc:StartDate", line.period_start)
    _text(period, "cbc:EndDate", _last_day(line.period_end))
    item = SubElement(added, "cac:Item")
    _text(item, "cbc:Description", _describe_seats(line))
    _text(item, "cbc:Name", line.text)
    vat = classify_vat(line.vat_category, line.vat_rate, basis)
    _add_scheme(_add_category(item, "cac:ClassifiedTaxCategory", vat, line.vat_rate))
    _add_property(item, "cause", f"{line.cause} {line.cause_on}")
    _add_property(item, "price per period", write_number(line.unit_price))
    if line.seats is not None:
        _add_property(item, "seats", str(line.seats))
    element = SubElement(added, "cac:Price")
    _text(element, "cbc:PriceAmount", write_number(price), currencyID=basis.currency)
    if per != 1:
        _text(element, "cbc:BaseQuantity", per, unitCode=_PIECE)


def _describe_seats(line: BasisLine) -> str:
    """Return how a tiered line's seats make its price (BT-154); its quantity is one period."""
    shares = [
        f"{one.seats} {'ingår för' if one.is_included else 'à'} {write_number(one.unit_price)}"
        for one in share_out(line)
    ]
    return f"{line.seats} licenser: {', '.join(shares)}" if shares else ""


def price_of(line: BasisLine) -> tuple[int, Decimal, int]:
    """Return quantity, price and what the price is for, so that they give the line's net.

    A part of a period isn't quantity times the price of a whole one; then the price is the net
    itself, for all of the quantity (P-R120 allows no more than 0.02 between the two).
    """
    quantity = abs(line.quantity) or 1
    net = abs(line.net_cents)
    if to_cents(line.unit_price * quantity) == net:
        return quantity, line.unit_price, 1
    return quantity, from_cents(net), quantity


def _add_category(parent: Element, name: str, vat: VatCode, rate: Decimal) -> Element:
    category = SubElement(parent, name)
    _text(category, "cbc:ID", vat.code)
    _text(category, "cbc:Percent", write_number(rate))
    return category


def _add_scheme(category: Element) -> None:
    _text(SubElement(category, "cac:TaxScheme"), "cbc:ID", "VAT")


def _add_property(item: Element, name: str, value: str) -> None:
    added = SubElement(item, "cac:AdditionalItemProperty")
    _text(added, "cbc:Name", name)
    _text(added, "cbc:Value", value)


def _text(parent: Element, name: str, value: object, **attributes: str) -> None:
    """Add an element, unless there is nothing to say: Peppol allows none that is empty."""
    text = _NOT_XML.sub("", str(value)).strip()
    if text:
        SubElement(parent, name, attributes).text = text


def _amount(parent: Element, name: str, cents: int, currency: str) -> None:
    _text(parent, name, from_cents(cents), currencyID=currency)


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def _last_day(end: date) -> date:
    return end - timedelta(days=1)
