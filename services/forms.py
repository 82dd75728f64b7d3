"""What people fill in about seats, and staff about the catalogue."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.utils.translation import gettext_lazy as _

from companies.models import Mandate, Membership
from companies.operations import Replacement
from companies.queries import find_active_members
from services.models import PACKAGE_TEXTS, Package, Seat, Service, ServiceRole
from services.operations import RoleFacts, ServiceFacts
from services.queries import CoveredService, cover
from vop.lib.clock import local_midnight


class DayField(forms.DateField):
    """A day that calendars and clocks can count with."""

    default_validators = [
        MinValueValidator(date(2000, 1, 1)),
        MaxValueValidator(date(2199, 12, 31)),
    ]
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class SeatForm(forms.Form):
    """Whom to give a seat, and in which role."""

    member = forms.ChoiceField(label=_("Who"))
    role = forms.ChoiceField(
        label=_("Role in the service"), help_text=_("Decides what the person may do there.")
    )

    def __init__(
        self,
        data: Any = None,
        *,
        members: Iterable[Membership],
        roles: Iterable[ServiceRole],
    ) -> None:
        super().__init__(data)
        self._members = {str(member.pk): member for member in members}
        self._roles = {str(role.pk): role for role in roles}
        self._field("member").choices = [
            ("", _("Choose a person")),
            *((key, _describe(member)) for key, member in self._members.items()),
        ]
        self._field("role").choices = [(key, role.name) for key, role in self._roles.items()]
        default = (key for key, role in self._roles.items() if role.is_default)
        self._field("role").initial = next(default, None)

    @property
    def has_members(self) -> bool:
        """Whether there is anybody to choose."""
        return bool(self._members)

    @property
    def chosen_member(self) -> Membership:
        """The chosen member, once the form is valid."""
        return self._members[self.cleaned_data["member"]]

    @property
    def chosen_role(self) -> ServiceRole:
        """The chosen role, once the form is valid."""
        return self._roles[self.cleaned_data["role"]]

    def _field(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        if not isinstance(field, forms.ChoiceField):
            raise TypeError(name)
        return field


class _PeopleForm(forms.Form):
    """A form in which members of a company are named by their addresses, suggested as one types."""

    SUGGESTIONS: ClassVar = "people"  # the id of the list beside the form

    def __init__(self, data: Any = None, *, leaving: Membership, at: datetime) -> None:
        super().__init__(data)
        self._leaving = leaving
        self._at = at
        self._found: Mapping[str, Membership] = {}

    def add_person(self, name: str, label: Any, *, required: bool, help_text: Any = "") -> None:
        """Ask for one more person."""
        self.fields[name] = forms.EmailField(
            label=label,
            required=required,
            help_text=help_text,
            widget=forms.EmailInput(attrs={"list": self.SUGGESTIONS, "autocomplete": "off"}),
        )

    def clean(self) -> dict[str, Any]:
        """Find the members who have the addresses."""
        values: dict[str, Any] = super().clean() or {}
        typed = {name: text.lower() for name, text in values.items() if text}
        company_id = self._leaving.company_id
        self._found = find_active_members(company_id, list(typed.values()), at=self._at)
        for name, email in typed.items():
            person = self._found.get(email)
            if person is None:
                self.add_error(name, _("No active member has this address."))
            elif person.pk == self._leaving.pk:
                self.add_error(name, _("This is the person who leaves it."))
        return values

    def person(self, name: str) -> Membership | None:
        """Return who was named in a field, once the form is valid."""
        return self._found.get((self.cleaned_data.get(name) or "").lower())


class HandOverForm(_PeopleForm):
    """Who takes over what a leaving member holds."""

    def __init__(
        self,
        data: Any = None,
        *,
        leaving: Membership,
        seats: Sequence[Seat],
        is_last_owner: bool,
        at: datetime,
    ) -> None:
        super().__init__(data, leaving=leaving, at=at)
        self._seats = {f"seat_{seat.pk.hex}": seat for seat in seats}
        if is_last_owner:
            self.add_person("owner", _("New owner"), required=True)
        if leaving.is_main_contact:
            self.add_person("main_contact", _("New main contact"), required=True)
        for name, seat in self._seats.items():
            label = f"{seat.entitlement.service.name}, {seat.role.name}"
            free = _("Left empty, the seat becomes free.")
            self.add_person(name, label, required=False, help_text=free)

    @property
    def heirs(self) -> dict[uuid.UUID, Membership]:
        """Who takes over which seat, once the form is valid."""
        found = {seat.pk: self.person(name) for name, seat in self._seats.items()}
        return {key: person for key, person in found.items() if person is not None}


class MoveSeatForm(_PeopleForm):
    """Who takes over a seat."""

    def __init__(self, data: Any = None, *, leaving: Membership, at: datetime) -> None:
        super().__init__(data, leaving=leaving, at=at)
        self.add_person("person", _("Who takes it over"), required=True)


class ServiceForm(forms.Form):
    """What the catalogue says of a service."""

    name = forms.CharField(label=_("Name"), max_length=80)
    slug = forms.SlugField(
        label=_("Short name"),
        max_length=50,
        help_text=_("Stands in addresses and settings: small letters, digits and hyphens."),
    )
    tagline = forms.CharField(label=_("Tagline"), max_length=160)
    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    launch_url = forms.CharField(
        label=_("Start address"),
        max_length=200,
        widget=forms.URLInput,
        help_text=_("Where a tile leads. The service starts the sign-in from there."),
    )
    is_first_party = forms.BooleanField(label=_("Our own"), required=False)
    is_active = forms.BooleanField(
        label=_("Offered"),
        required=False,
        help_text=_("A service that isn't offered can be opened by nobody."),
    )

    def clean_launch_url(self) -> str:
        """Take https, and http on this machine only: a tile must not lead people astray."""
        url: str = self.cleaned_data["launch_url"]
        URLValidator(schemes=["https", "http"])(url)
        is_local = url.startswith(("http://localhost", "http://127.0.0.1"))
        if not url.startswith("https://") and not (is_local and settings.DEMO):
            raise ValidationError(_("The address must begin with https://."))
        return url

    @property
    def facts(self) -> ServiceFacts:
        """The answers, once the form is valid."""
        return ServiceFacts(**self.cleaned_data)

    @staticmethod
    def initial_of(service: Service) -> dict[str, Any]:
        """Return what the catalogue says now."""
        return {name: getattr(service, name) for name in ServiceForm.base_fields}


class RoleForm(forms.Form):
    """A role in a service."""

    code = forms.SlugField(label=_("Code"), max_length=40)
    name = forms.CharField(label=_("Name"), max_length=80)
    description = forms.CharField(label=_("Description"), max_length=200, required=False)
    is_default = forms.BooleanField(label=_("Default"), required=False)


if TYPE_CHECKING:
    _RoleForms = forms.BaseFormSet[RoleForm]
else:
    _RoleForms = forms.BaseFormSet  # it takes no brackets at run time


class _BaseRoleFormSet(_RoleForms):
    def clean(self) -> None:
        """Refuse two roles of one code, and anything but one default."""
        if any(self.errors):
            return
        filled = [form.cleaned_data for form in self.forms if form.cleaned_data]
        codes = [role["code"] for role in filled]
        if len(codes) != len(set(codes)):
            raise ValidationError(_("Two roles have the same code."))
        if sum(role["is_default"] for role in filled) != 1:
            raise ValidationError(_("Exactly one role must be the default."))

    @property
    def facts(self) -> list[RoleFacts]:
        """The roles in the order of the page, once the form set is valid."""
        filled = [form.cleaned_data for form in self.forms if form.cleaned_data]
        return [RoleFacts(**role, rank=rank) for rank, role in enumerate(filled)]


RoleFormSet = forms.formset_factory(RoleForm, formset=_BaseRoleFormSet, extra=2, max_num=30)


def describe_roles(roles: Iterable[ServiceRole]) -> list[dict[str, Any]]:
    """Return what the catalogue says now of a service's roles."""
    return [{name: getattr(role, name) for name in RoleForm.base_fields} for role in roles]


def _describe(member: Membership) -> str:
    user = member.user
    return f"{user.full_name} ({user.email})" if user.full_name else user.email


class MandateForm(forms.Form):
    """What a mandate is asked for: with whom, in which services, for how long."""

    org_number = forms.CharField(label=_("Organisation number"), max_length=20)
    first_day = DayField(label=_("First day"))
    last_day = DayField(
        label=_("Last day"),
        help_text=_("Required: 24 months after the first day at the latest."),
    )
    lead = forms.ChoiceField(
        label=_("Engagement lead"),
        required=False,
        help_text=_("Gets access to all that the mandate covers, once the client has said yes."),
    )
    text_sha256 = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        *,
        initial: Mapping[str, Any],
        services: Iterable[Service],
        leads: Iterable[Membership] | None,
    ) -> None:
        super().__init__(data, initial=dict(initial))
        self._posted = data
        self._packages = _PackageFields(self, services)
        self._leads = {str(member.pk): member for member in leads or ()}
        if leads is None:
            del self.fields["lead"]
        else:
            choices = [("", _("Nobody yet")), *((k, _describe(m)) for k, m in self._leads.items())]
            _choice(self, "lead").choices = choices

    def show_text(self, sha256: str) -> None:
        """Have the page carry the hash of the text that it shows: sent back, it is a yes to it."""
        self._posted["text_sha256"] = sha256

    @property
    def chosen(self) -> Mapping[Service, Sequence[Package]]:
        """The chosen packages by service, once the form is valid."""
        return self._packages.chosen

    @property
    def chosen_lead(self) -> Membership | None:
        """The chosen lead, once the form is valid."""
        return self._leads.get(self.cleaned_data.get("lead", ""))

    @property
    def first(self) -> datetime:
        """The instant at which the first day begins."""
        return local_midnight(self.cleaned_data["first_day"])

    @property
    def end(self) -> datetime:
        """The instant at which the last day is over."""
        return _end_of(self.cleaned_data["last_day"])


class ApprovalForm(forms.Form):
    """A yes to the text on the page; a client may let it take over from another firm."""

    text_sha256 = forms.CharField(widget=forms.HiddenInput)
    replaces = forms.ChoiceField(
        label=_("Takes over from"),
        required=False,
        help_text=_("Choose a firm whose mandate ends because of this one."),
    )
    overlap_until = DayField(
        label=_("The other firm's last day"),
        required=False,
        help_text=_("Leave it empty to end its mandate at once."),
    )

    def __init__(self, data: Any = None, *, text_sha256: str, others: Iterable[Mandate]) -> None:
        super().__init__(data, initial={"text_sha256": text_sha256})
        self._others = {str(each.pk): each for each in others}
        if not self._others:
            del self.fields["replaces"], self.fields["overlap_until"]
            return
        _choice(self, "replaces").choices = [
            ("", _("Nobody: both go on")),
            *((key, each.firm.name) for key, each in self._others.items()),
        ]

    def clean(self) -> dict[str, Any]:
        """Ask which firm a last day belongs to."""
        data = super().clean() or self.cleaned_data
        if data.get("overlap_until") and not data.get("replaces"):
            self.add_error("replaces", _("Choose the firm whose last day this is."))
        return data

    def make_replacement(self, now: datetime) -> Replacement | None:
        """Return who gives way and when, once the form is valid."""
        other = self._others.get(self.cleaned_data.get("replaces", ""))
        if other is None:
            return None
        day = self.cleaned_data.get("overlap_until")
        return Replacement(other, _end_of(day) if day else now)


class EndForm(forms.Form):
    """When a mandate ends: at once, or after a day."""

    last_day = DayField(
        label=_("Last day"),
        required=False,
        help_text=_("Leave it empty to end the mandate at once."),
    )

    @property
    def end(self) -> datetime | None:
        """The instant at which the last day is over, once the form is valid."""
        day = self.cleaned_data["last_day"]
        return _end_of(day) if day else None


class AssignForm(forms.Form):
    """Who works for a client, in which part of the mandate, and until when."""

    member = forms.ChoiceField(label=_("Who"))
    last_day = DayField(label=_("Last day"))

    def __init__(
        self,
        data: Any = None,
        *,
        members: Iterable[Membership],
        covered: Sequence[CoveredService],
        last_day: date,
    ) -> None:
        super().__init__(data, initial={"last_day": last_day})
        self._members = {str(member.pk): member for member in members}
        self._packages = _PackageFields(
            self,
            [each.service for each in covered],
            offered={each.service: each.packages for each in covered},
        )
        _choice(self, "member").choices = [
            ("", _("Choose a person")),
            *((key, _describe(member)) for key, member in self._members.items()),
        ]

    @property
    def has_members(self) -> bool:
        """Whether there is anybody to choose."""
        return bool(self._members)

    @property
    def chosen_member(self) -> Membership:
        """The chosen person, once the form is valid."""
        return self._members[self.cleaned_data["member"]]

    @property
    def chosen(self) -> Mapping[Service, Sequence[Package]]:
        """The chosen packages by service, with those they include, once the form is valid."""
        return {each.service: list(each.packages) for each in cover(self._packages.chosen)}

    @property
    def end(self) -> datetime:
        """The instant at which the last day is over."""
        return _end_of(self.cleaned_data["last_day"])


class LeadForm(forms.Form):
    """Who is responsible for a client."""

    lead = forms.ChoiceField(label=_("Engagement lead"), required=False)

    def __init__(
        self, data: Any = None, *, leads: Iterable[Membership], held: Membership | None
    ) -> None:
        super().__init__(data, initial={"lead": str(held.pk) if held else ""})
        self._leads = {str(member.pk): member for member in leads}
        choices = [("", _("Nobody yet")), *((k, _describe(m)) for k, m in self._leads.items())]
        _choice(self, "lead").choices = choices

    @property
    def chosen_lead(self) -> Membership | None:
        """The chosen lead, once the form is valid."""
        return self._leads.get(self.cleaned_data["lead"])


class _PackageFields:
    """Two fields for each service of a form: how much may be done in it, and administering it."""

    def __init__(
        self,
        form: forms.Form,
        services: Iterable[Service],
        offered: Mapping[Service, Collection[Package]] | None = None,
    ) -> None:
        self._form = form
        self._services = list(services)
        for service in self._services:
            open_to = set(Package) if offered is None else offered[service]
            levels = [each for each in Package if each in open_to and each != Package.ADMIN]
            if levels:
                form.fields[f"level_{service.slug}"] = forms.ChoiceField(
                    label=service.name,
                    required=False,
                    choices=[
                        ("", _("Nothing")),
                        *((p.value, f"{p.label}: {PACKAGE_TEXTS[p]}") for p in levels),
                    ],
                )
            if Package.ADMIN in open_to:
                form.fields[f"admin_{service.slug}"] = forms.BooleanField(
                    label=_("%(service)s: manage users and settings") % {"service": service.name},
                    required=False,
                )

    @property
    def chosen(self) -> Mapping[Service, Sequence[Package]]:
        data = self._form.cleaned_data
        found: dict[Service, Sequence[Package]] = {}
        for service in self._services:
            level = data.get(f"level_{service.slug}", "")
            admin = [Package.ADMIN] if data.get(f"admin_{service.slug}") else []
            if packages := ([Package(level)] if level else []) + admin:
                found[service] = packages
        return found


def _end_of(day: date) -> datetime:
    return local_midnight(day + timedelta(days=1))


def _choice(form: forms.Form, name: str) -> forms.ChoiceField:
    field = form.fields[name]
    if not isinstance(field, forms.ChoiceField):
        raise TypeError(name)
    return field
