"""What staff fill in about the catalogue."""

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _

from services.models import Service, ServiceRole
from services.operations import RoleFacts, ServiceFacts
from vop.lib.pictures import Picture, PictureError, read_picture


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
    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        help_text=_(
            "PNG, JPEG or WebP, at most 2 MB; a square shows best. A new one takes the old one's "
            "place. Without a picture the first letter of the name stands in."
        ),
    )
    picture_alt = forms.CharField(
        label=_("Alternative text"),
        max_length=160,
        required=False,
        help_text=_(
            "What the picture shows, read out to who can't see it. Leave it empty when the "
            "picture only decorates."
        ),
    )
    drop_picture = forms.BooleanField(label=_("Remove the picture"), required=False)
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

    def clean_picture(self) -> Picture | None:
        """Draw what was sent anew; nothing sent keeps what there is."""
        file = self.cleaned_data["picture"]
        try:
            return None if file is None else read_picture(file)
        except PictureError as error:
            raise ValidationError(str(error.message)) from error

    @property
    def facts(self) -> ServiceFacts:
        """The answers, once the form is valid."""
        names = [field.name for field in fields(ServiceFacts)]
        return ServiceFacts(**{name: self.cleaned_data[name] for name in names})

    @property
    def picture_sent(self) -> Picture | None:
        """The picture that was sent, once the form is valid."""
        sent: Picture | None = self.cleaned_data["picture"]
        return sent

    @property
    def drops_picture(self) -> bool:
        """Whether the picture is to go, once the form is valid."""
        return bool(self.cleaned_data["drop_picture"])

    @staticmethod
    def initial_of(service: Service) -> dict[str, Any]:
        """Return what the catalogue says now."""
        return {field.name: getattr(service, field.name) for field in fields(ServiceFacts)}


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
