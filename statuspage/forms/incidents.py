"""The steps of an incident."""

from django import forms
from django.utils.translation import gettext_lazy as _

from statuspage.forms.base import (
    EffectsMixin,
    StepForm,
    WallTimeField,
    name_fields,
    next_promise,
    promise_field,
    staff_field,
    text_fields,
)
from statuspage.models import OPEN_STATES, DismissalReason, IncidentState
from statuspage.queries import list_effects


class SuspectForm(StepForm):
    name_sv, name_en = name_fields(_("What seems wrong, in Swedish"), _("The same in English"))
    source = forms.CharField(
        label=_("What makes us suspect it"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("An alarm, a customer's words, a link. Only staff see this."),
    )
    started_at = WallTimeField(label=_("Since when"))

    def set_up(self) -> None:
        self.fields["started_at"].initial = self.given.now


class ReviewForm(StepForm):
    reviewer = staff_field(_("Who looks at it"))

    def set_up(self) -> None:
        self.fields["reviewer"].initial = self.given.person.pk


class DismissForm(StepForm):
    reason = forms.ChoiceField(
        label=_("Dismiss because"), choices=DismissalReason.choices, widget=forms.RadioSelect
    )


class _PublicForm(EffectsMixin):
    name_sv, name_en = name_fields(_("Heading in Swedish"), _("Heading in English"))
    text_sv, text_en = text_fields()
    assignee = staff_field(_("Responsible"))
    next_update_at = promise_field()

    def set_up(self) -> None:
        super().set_up()
        self.fields["assignee"].initial = self.given.person.pk
        self.fields["next_update_at"].initial = next_promise(self.given.now)


class ConfirmForm(_PublicForm):
    def set_up(self) -> None:
        super().set_up()
        incident = self.given.thing
        self.fields["name_sv"].initial = incident.name_sv
        self.fields["name_en"].initial = incident.name_en
        if incident.assignee_id:
            self.fields["assignee"].initial = incident.assignee_id


class OpenForm(_PublicForm):
    started_at = WallTimeField(label=_("Since when"))

    def set_up(self) -> None:
        super().set_up()
        self.fields["started_at"].initial = self.given.now


class UpdateForm(EffectsMixin):
    state = forms.ChoiceField(label=_("How it goes"), widget=forms.RadioSelect)
    text_sv, text_en = text_fields()
    next_update_at = promise_field()

    def set_up(self) -> None:
        super().set_up()
        state = self.fields["state"]
        state.choices = [(s.value, s.label) for s in OPEN_STATES]  # type: ignore[attr-defined]
        state.initial = self.given.thing.state
        self.fields["next_update_at"].initial = next_promise(self.given.now)

    def list_current_effects(self) -> dict[str, str]:
        return list_effects(self.given.thing)

    def clean_state(self) -> IncidentState:
        return IncidentState(self.cleaned_data["state"])


class ResolveForm(StepForm):
    text_sv, text_en = text_fields()


class PostmortemForm(StepForm):
    text_sv, text_en = text_fields()

    def set_up(self) -> None:
        self.fields["text_sv"].help_text = _("What happened, why, and what we do about it.")


class AssignForm(StepForm):
    assignee = staff_field(_("Responsible"))
