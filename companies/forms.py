"""What people fill in about their company, its members and invitations, and in the log's filter."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Self

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from auditlog.models import Event
from auditlog.queries import EVENT_GROUPS, LogFilter
from companies.models import (
    FIRM_ROLES,
    ROLE_DESCRIPTIONS,
    Company,
    EInvoiceAddressError,
    Membership,
    NumberError,
    Permission,
    Role,
    VatNumberError,
    list_countries,
    parse_e_invoice_address,
    parse_org_number,
    parse_vat_number,
)
from companies.operations import (
    AUDITOR_DAYS,
    MOST_INVITATIONS,
    MOST_ROWS,
    CompanyFacts,
    Draft,
    ImportRow,
    InvoiceFacts,
    read_drafts,
    read_import,
)
from vop.lib.clock import local_date, local_midnight
from vop.lib.errors import DomainError
from vop.lib.tables import (
    MOST_BYTES,
    Line,
    TableTooLargeError,
    decode_table,
    is_workbook,
    parse_table,
    read_table,
)

LONGEST_AUDIT = timedelta(days=366)
DEFAULT_LOG = timedelta(days=91)
SEARCH_FROM = 10  # companies; fewer are seen at a glance
POSTCODE_DIGITS = 5
_WITHIN_REASON = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2199, 12, 31))]


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


def choose_roles(company: Company, permissions: Collection[Permission]) -> list[Role]:
    """List the roles that a holder of permissions may give in a company."""
    return [
        role
        for role in Role
        if (company.is_firm or role not in FIRM_ROLES)
        and (role != Role.OWNER or Permission.OWNER_ASSIGN in permissions)
    ]


class _RoleFields(forms.Form):
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one role.")},
    )

    def offer_roles(self, offered: Iterable[Role]) -> None:
        field = self.fields["roles"]
        if isinstance(field, forms.MultipleChoiceField):
            field.choices = [
                (role.value, f"{role.label}: {ROLE_DESCRIPTIONS[role]}") for role in offered
            ]

    @property
    def role_set(self) -> frozenset[Role]:
        """The chosen roles, once the form is valid."""
        return frozenset(Role(code) for code in self.cleaned_data["roles"])


class InviteForm(_RoleFields):
    """Whom to invite, and to what."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    full_name = forms.CharField(label=_("Name"), max_length=120, required=False)

    field_order = ["email", "full_name", "roles"]

    def __init__(self, data: Any = None, *, roles: Iterable[Role]) -> None:
        super().__init__(data, initial={"roles": [Role.MEMBER.value]})
        self.offer_roles(roles)


class InviteManyForm(_RoleFields):
    """Many people to invite: pasted, or in a file, one a row.

    A row is an address, maybe a name, maybe roles; a first row that holds no address names the
    columns, which may then come in any order. Rows without roles get the ones chosen here.
    """

    text = forms.CharField(
        label=_("Paste addresses"),
        required=False,
        max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 8, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("One a row: address, and if you like name and roles after a semicolon."),
    )
    file = forms.FileField(
        label=_("Or choose a CSV file"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        help_text=_("With columns such as E-mail, Name and Roles, as your spreadsheet saves it."),
    )

    field_order = ["text", "file", "roles"]

    def __init__(self, data: Any = None, files: Any = None, *, roles: Iterable[Role]) -> None:
        super().__init__(data, files, initial={"roles": [Role.MEMBER.value]})
        self.offer_roles(roles)
        self.fields["roles"].label = _("Roles for rows that name none")

    def clean(self) -> dict[str, Any]:
        """Read the table, whatever coding and separator it has."""
        values: dict[str, Any] = super().clean() or {}
        file, field = values.get("file"), "file" if values.get("file") else "text"
        try:
            # One byte more than allowed tells a file that is too large.
            text = decode_table(file.read(MOST_BYTES + 1)) if file else values.get("text", "")
            self._table = read_drafts(parse_table(text), frozenset(values.get("roles", [])))
        except DomainError as error:
            self.add_error(field, str(error.message))
            return values
        if not self._table.drafts:
            self.add_error(field, _("Paste at least one address, or choose a file."))
        elif len(self._table.drafts) > MOST_INVITATIONS:
            too_many = _("At most %(most)s people at a time.") % {"most": MOST_INVITATIONS}
            self.add_error(field, too_many)
        return values

    @property
    def drafts(self) -> Sequence[Draft]:
        """Whom to invite, once the form is valid."""
        return self._table.drafts

    @property
    def lines(self) -> Sequence[Line]:
        """The rows as they came, once the form is valid."""
        return self._table.lines

    @property
    def has_header(self) -> bool:
        """Whether the first row names the columns."""
        return self._table.has_header

    @property
    def plain_text(self) -> str:
        """The table as text that reads the same again, for the next step."""
        return self._table.plain_text


class RolesForm(_RoleFields):
    """Which roles a member has, and until when an auditor's."""

    auditor_until = forms.DateField(
        label=_("Auditor until"),
        required=False,
        widget=DateInput(),
        help_text=_("Only for auditors: the last day, at most a year ahead."),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        roles: Iterable[Role],
        held: Collection[Role],
        auditor_until: datetime | None,
        today: date,
    ) -> None:
        self._today = today
        self._held = held
        last_day = (
            local_date(auditor_until - timedelta(microseconds=1))
            if auditor_until
            else today + timedelta(days=AUDITOR_DAYS)
        )
        initial = {"roles": [role.value for role in held], "auditor_until": last_day}
        super().__init__(data, initial=initial)
        self.offer_roles(roles)

    def clean_auditor_until(self) -> date | None:
        last_day: date | None = self.cleaned_data["auditor_until"]
        if last_day and Role.AUDITOR in self.cleaned_data.get("roles", []):
            if last_day < self._today:
                raise ValidationError(_("The last day can't be in the past."))
            if last_day > self._today + LONGEST_AUDIT:
                raise ValidationError(_("An auditor's access lasts at most a year."))
        return last_day

    @property
    def end_of_auditor(self) -> datetime | None:
        """The instant at which the last day is over, once the form is valid."""
        last_day: date | None = self.cleaned_data["auditor_until"]
        return local_midnight(last_day + timedelta(days=1)) if last_day else None


class LastDayForm(forms.Form):
    """Until when a member is in the company."""

    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=DateInput(),
        validators=_WITHIN_REASON,
        help_text=_("Leave it empty for as long as you like."),
    )

    def __init__(self, data: Any = None, *, member: Membership, today: date) -> None:
        self._today = today
        super().__init__(data, initial={"last_day": member.last_day})

    def clean_last_day(self) -> date | None:
        last_day: date | None = self.cleaned_data["last_day"]
        if last_day and last_day < self._today:
            raise ValidationError(_("The last day can't be in the past."))
        return last_day

    @property
    def end(self) -> datetime | None:
        """The instant at which the last day is over, once the form is valid."""
        last_day: date | None = self.cleaned_data["last_day"]
        return local_midnight(last_day + timedelta(days=1)) if last_day else None


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
        return values

    @property
    def company(self) -> Company:
        """The company as described, not saved, once the form is valid."""
        names = ("name", "country", "org_number", "vat_number", "firm_kind", "language")
        return Company(**{name: self.cleaned_data[name] for name in names})


class ImportForm(forms.Form):
    """Companies and members to import: a file, or its text once it has been looked at."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.xlsx"}),
        help_text=_("CSV or XLSX, at most 1 MB. The first row names the columns."),
    )
    text = forms.CharField(required=False, max_length=MOST_BYTES, widget=forms.HiddenInput)
    is_workbook = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Read the table, whatever kind of file, coding and separator it has."""
        values: dict[str, Any] = super().clean() or {}
        file = values.get("file")
        try:
            # One byte more than allowed tells a file that is too large.
            raw = file.read(MOST_BYTES + 1) if file else b""
            lines = read_table(raw) if file else parse_table(values.get("text", ""))
            self._table = read_import(lines)
        except DomainError as error:
            self.add_error("file", str(error.message))
            return values
        if len(self.plain_text) > MOST_BYTES:
            self.add_error("file", str(TableTooLargeError.message))
        elif not self.rows:
            self.add_error("file", _("There are no rows below the heading."))
        elif len(self.rows) > MOST_ROWS:
            self.add_error("file", _("At most %(most)s rows at a time.") % {"most": MOST_ROWS})
        if file:
            values["is_workbook"] = is_workbook(raw)
        return values

    @property
    def rows(self) -> Sequence[ImportRow]:
        """What is to be imported, once the form is valid."""
        return self._table.rows

    @property
    def lines(self) -> Sequence[Line]:
        """The rows as they came, the heading first, once the form is valid."""
        return self._table.lines

    @property
    def plain_text(self) -> str:
        """The table as text that reads the same again, for the next step."""
        return self._table.plain_text


class LogForm(forms.Form):
    """Which part of the log to show; everything stands in the address."""

    group = forms.ChoiceField(label=_("Event"), required=False)
    person = forms.ChoiceField(label=_("Who"), required=False)
    since = forms.DateField(
        label=_("From"), required=False, widget=DateInput(), validators=_WITHIN_REASON
    )
    until = forms.DateField(
        label=_("To"), required=False, widget=DateInput(), validators=_WITHIN_REASON
    )
    outcome = forms.ChoiceField(
        label=_("Outcome"),
        required=False,
        choices=[("", _("All")), *Event.Outcome.choices],
    )

    def __init__(
        self, data: Mapping[str, str], *, people: Iterable[tuple[str, str]], today: date
    ) -> None:
        filled = {"since": (today - DEFAULT_LOG).isoformat(), **data}
        super().__init__(filled)
        everything = ("", _("All"))
        groups = [(code, group.label) for code, group in EVENT_GROUPS.items()]
        self._set_choices("group", [everything, *groups])
        self._set_choices("person", [everything, *people])

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it starts."""
        values: dict[str, Any] = super().clean() or {}
        since, until = values.get("since"), values.get("until")
        if since and until and until < since:
            self.add_error("until", _("The period ends before it starts."))
        return values

    @property
    def chosen(self) -> LogFilter:
        """The filter; faults in a field leave that field out."""
        self.full_clean()
        values = self.cleaned_data
        since, until = values.get("since"), values.get("until")
        return LogFilter(
            group=values.get("group", ""),
            actor_id=values.get("person", ""),
            outcome=values.get("outcome", ""),
            start=local_midnight(since) if since else None,
            end=local_midnight(until + timedelta(days=1)) if until else None,
        )

    def _set_choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices


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
