"""The steps of a planned update."""

from typing import Any

from django import forms
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from statuspage.forms.base import (
    StepForm,
    WallTimeField,
    component_choices,
    name_fields,
    text_fields,
)
from statuspage.models import Component, Window
from statuspage.queries import list_components

_MOST_MINUTES = 7 * 24 * 60


class _ComponentsMixin(StepForm):
    expected_downtime_minutes = forms.IntegerField(
        label=_("Expected downtime in minutes"),
        min_value=0,
        max_value=_MOST_MINUTES,
        help_text=_("How long things may be down within the window; 0 if not at all."),
    )
    components = forms.MultipleChoiceField(
        label=_("Components"), widget=forms.CheckboxSelectMultiple
    )

    def set_up(self) -> None:
        super().set_up()
        self.known = {component.code: component for component in list_components()}
        field = self.fields["components"]
        field.choices = component_choices(self.known.values())  # type: ignore[attr-defined]

    @property
    def chosen(self) -> list[Component]:
        """The components that were ticked."""
        return [self.known[code] for code in self.cleaned_data["components"]]


class _WindowMixin(StepForm):
    window_start = WallTimeField(label=_("Window opens"))
    window_end = WallTimeField(label=_("Window closes"))

    @property
    def window(self) -> Window:
        """The window that was written."""
        return Window(self.cleaned_data["window_start"], self.cleaned_data["window_end"])


class AnnounceForm(_ComponentsMixin):
    text_sv, text_en = text_fields()
    reason = forms.CharField(
        label=_("Why so late"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Needed when the window is less than 14 days ahead."),
    )
    field_order = ["text_sv", "text_en", "expected_downtime_minutes", "components", "reason"]

    def set_up(self) -> None:
        super().set_up()
        update = self.given.thing
        self.fields["components"].initial = [c.code for c in update.components.all()]
        for language in ("sv", "en"):
            with override(language):
                self.fields[f"text_{language}"].initial = gettext(
                    "We update the platform. During the window there may be short interruptions."
                )
        if not update.is_late_at(self.given.now):
            del self.fields["reason"]


class UnscheduledForm(_ComponentsMixin, _WindowMixin):
    title_sv, title_en = name_fields(_("Heading in Swedish"), _("Heading in English"))
    text_sv, text_en = text_fields()
    reason = forms.CharField(
        label=_("Why it can't wait"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("It stands on the page."),
    )
    field_order = [
        "title_sv", "title_en", "text_sv", "text_en", "reason", "window_start", "window_end",
        "expected_downtime_minutes", "components",
    ]  # fmt: skip

    def set_up(self) -> None:
        super().set_up()
        self.fields["window_start"].initial = self.given.now


class _ReasonForm(StepForm):
    """What was announced needs a public text too; what is tentative needs none."""

    reason = forms.CharField(label=_("Why"), widget=forms.Textarea(attrs={"rows": 2}))
    text_sv, text_en = text_fields()

    def set_up(self) -> None:
        super().set_up()
        if not self.given.thing.is_announced:
            for name in ("text_sv", "text_en"):
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in ("text_sv", "text_en"):
            if name not in self.fields:
                cleaned[name] = ""
        return cleaned


class MoveForm(_WindowMixin, _ReasonForm):
    field_order = ["window_start", "window_end", "reason", "text_sv", "text_en"]

    def set_up(self) -> None:
        super().set_up()
        self.fields["window_start"].initial = self.given.thing.window_start
        self.fields["window_end"].initial = self.given.thing.window_end


class CancelForm(_ReasonForm):
    pass


class StartForm(StepForm):
    pass


class VerifyForm(StepForm):
    pass


class CompleteForm(StepForm):
    text_sv, text_en = text_fields()

    def set_up(self) -> None:
        for language in ("sv", "en"):
            with override(language):
                self.fields[f"text_{language}"].initial = gettext(
                    "The update is done and everything works."
                )
