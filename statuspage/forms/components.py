"""A component as staff describe it."""

from django import forms
from django.utils.translation import gettext_lazy as _

from statuspage.forms.base import StepForm
from statuspage.models import ComponentGroup, Tier
from statuspage.queries import list_groups


class ComponentForm(StepForm):
    group: "forms.ModelChoiceField[ComponentGroup]" = forms.ModelChoiceField(
        queryset=list_groups(), label=_("Group")
    )
    name_sv = forms.CharField(label=_("Name in Swedish"), max_length=80)
    name_en = forms.CharField(label=_("Name in English"), max_length=80, required=False)
    description_sv = forms.CharField(
        label=_("Description in Swedish"), max_length=200, required=False
    )
    description_en = forms.CharField(
        label=_("Description in English"), max_length=200, required=False
    )
    tier = forms.ChoiceField(label=_("Tier"), choices=Tier.choices)
    position = forms.IntegerField(label=_("Order within the group"), min_value=1, max_value=999)
    is_public = forms.BooleanField(label=_("Shown on the public page"), required=False)

    def set_up(self) -> None:
        component = self.given.thing
        if component is None:
            return
        for name, field in self.fields.items():
            field.initial = getattr(component, name)

    def clean_tier(self) -> Tier:
        return Tier(self.cleaned_data["tier"])
