"""What people fill in about members and whom they invite."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from companies.forms.fields import WITHIN_REASON, DateInput
from companies.models import (
    FIRM_ROLES,
    ROLE_DESCRIPTIONS,
    Company,
    Membership,
    Permission,
    Role,
)
from companies.operations import (
    AUDITOR_DAYS,
    MOST_INVITATIONS,
    Draft,
    read_drafts,
)
from vop.lib.clock import local_date, local_midnight
from vop.lib.errors import DomainError
from vop.lib.tables import (
    MOST_BYTES,
    Line,
    is_workbook,
    parse_table,
    read_table,
)

LONGEST_AUDIT = timedelta(days=366)


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
        label=_("Or choose a CSV or XLSX file"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.xlsx,text/csv,text/plain"}),
        help_text=_("With columns such as E-mail, Name and Roles, as your spreadsheet saves it."),
    )
    is_workbook = forms.BooleanField(required=False, widget=forms.HiddenInput)

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
            raw = file.read(MOST_BYTES + 1) if file else b""
            lines = read_table(raw) if file else parse_table(values.get("text", ""))
            self._table = read_drafts(lines, frozenset(values.get("roles", [])))
        except DomainError as error:
            self.add_error(field, str(error.message))
            return values
        if file:
            values["is_workbook"] = is_workbook(raw)
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
        validators=WITHIN_REASON,
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
