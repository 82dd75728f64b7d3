"""What people fill in about seats."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from companies.models import Membership
from companies.queries import find_active_members
from services.forms.fields import person_field
from services.models import Seat, ServiceRole
from vop.lib.forms import PersonField


class SeatForm(forms.Form):
    """Whom to give a seat, and in which role."""

    member = PersonField(label=_("Who"), help_text=_("The address of an active member."))
    role = forms.ChoiceField(
        label=_("Role in the service"), help_text=_("Decides what the person may do there.")
    )

    def __init__(
        self,
        data: Any = None,
        *,
        find_member: Callable[[str], Membership | None],
        roles: Iterable[ServiceRole],
    ) -> None:
        super().__init__(data)
        person_field(self, "member").find = find_member
        self._roles = {str(role.pk): role for role in roles}
        role = self.fields["role"]
        if isinstance(role, forms.ChoiceField):
            role.choices = [(key, each.name) for key, each in self._roles.items()]
        default = (key for key, each in self._roles.items() if each.is_default)
        role.initial = next(default, None)

    @property
    def chosen_member(self) -> Membership:
        """The chosen member, once the form is valid."""
        member: Membership = self.cleaned_data["member"]
        return member

    @property
    def chosen_role(self) -> ServiceRole:
        """The chosen role, once the form is valid."""
        return self._roles[self.cleaned_data["role"]]


class _PeopleForm(forms.Form):
    """A form in which members of a company are named by their addresses, suggested as one types."""

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
            widget=forms.EmailInput(attrs={"list": PersonField.SUGGESTIONS, "autocomplete": "off"}),
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
