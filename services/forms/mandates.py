"""What people fill in about mandates and assignments."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

from django import forms
from django.utils.translation import gettext_lazy as _

from companies.models import Mandate, Membership
from companies.operations import Replacement
from services.forms.fields import DayField, person_field
from services.models import PACKAGE_TEXTS, Package, Service
from services.queries import CoveredService, cover
from vop.lib.clock import local_midnight
from vop.lib.forms import PersonField

FindMember: TypeAlias = Callable[[str], Membership | None]


class MandateForm(forms.Form):
    """What a mandate is asked for: with whom, in which services, for how long."""

    org_number = forms.CharField(label=_("Organisation number"), max_length=20)
    first_day = DayField(label=_("First day"))
    last_day = DayField(
        label=_("Last day"),
        help_text=_("Required: 24 months after the first day at the latest."),
    )
    lead = PersonField(
        label=_("Engagement lead"),
        required=False,
        help_text=_(
            "The address of a colleague, who gets access to all that the mandate covers once the"
            " client has said yes."
        ),
    )
    text_sha256 = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        *,
        initial: Mapping[str, Any],
        services: Iterable[Service],
        find_lead: FindMember | None,
    ) -> None:
        super().__init__(data, initial=dict(initial))
        self._posted = data
        self._packages = PackageFields(self, services)
        if find_lead is None:
            del self.fields["lead"]
        else:
            person_field(self, "lead").find = find_lead

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
        return self.cleaned_data.get("lead")

    @property
    def first(self) -> datetime:
        """The instant at which the first day begins."""
        return local_midnight(self.cleaned_data["first_day"])

    @property
    def end(self) -> datetime:
        """The instant at which the last day is over."""
        return end_of(self.cleaned_data["last_day"])


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
        help_text=_("Leave it empty to end its mandate when the new one begins."),
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
        return Replacement(other, end_of(day) if day else now)


class EndForm(forms.Form):
    """When a mandate ends: at once, or after a day."""

    last_day = DayField(
        label=_("Last day"),
        required=False,
        help_text=_("Leave it empty to end the mandate at once."),
    )

    def __init__(self, data: Any = None, *, today: date) -> None:
        super().__init__(data)
        self._today = today

    def clean_last_day(self) -> date | None:
        """Refuse a day that is over: whoever mistyped it didn't mean at once."""
        last_day: date | None = self.cleaned_data["last_day"]
        if last_day and last_day < self._today:
            raise forms.ValidationError(_("The last day can't be in the past."))
        return last_day

    @property
    def end(self) -> datetime | None:
        """The instant at which the last day is over, once the form is valid."""
        day = self.cleaned_data["last_day"]
        return end_of(day) if day else None


class AssignForm(forms.Form):
    """Who works for a client, in which part of the mandate, and until when."""

    member = PersonField(
        label=_("Who"), help_text=_("The address of somebody in the firm, other than yourself.")
    )
    last_day = DayField(label=_("Last day"))

    def __init__(
        self,
        data: Any = None,
        *,
        find_member: FindMember,
        covered: Sequence[CoveredService],
        last_day: date,
    ) -> None:
        super().__init__(data, initial={"last_day": last_day})
        person_field(self, "member").find = find_member
        self._packages = PackageFields(
            self,
            [each.service for each in covered],
            offered={each.service: each.packages for each in covered},
        )

    @property
    def chosen_member(self) -> Membership:
        """The chosen person, once the form is valid."""
        member: Membership = self.cleaned_data["member"]
        return member

    @property
    def chosen(self) -> Mapping[Service, Sequence[Package]]:
        """The chosen packages by service, with those they include, once the form is valid."""
        return {each.service: list(each.packages) for each in cover(self._packages.chosen)}

    @property
    def end(self) -> datetime:
        """The instant at which the last day is over."""
        return end_of(self.cleaned_data["last_day"])


class LeadForm(forms.Form):
    """Who is responsible for a client."""

    lead = PersonField(
        label=_("Engagement lead"),
        required=False,
        help_text=_("The address of somebody in the firm. Left empty, nobody is."),
    )

    def __init__(self, data: Any = None, *, find_lead: FindMember, held: Membership | None) -> None:
        super().__init__(data, initial={"lead": held.user.email if held else ""})
        person_field(self, "lead").find = find_lead

    @property
    def chosen_lead(self) -> Membership | None:
        """The chosen lead, once the form is valid."""
        lead: Membership | None = self.cleaned_data["lead"]
        return lead


class PackageFields:
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


def end_of(day: date) -> datetime:
    return local_midnight(day + timedelta(days=1))


def _choice(form: forms.Form, name: str) -> forms.ChoiceField:
    field = form.fields[name]
    if not isinstance(field, forms.ChoiceField):
        raise TypeError(name)
    return field
