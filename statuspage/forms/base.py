"""The parts that the forms are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from statuspage.models import (
    AmbiguousTimeError,
    Component,
    ComponentStatus,
    Text,
    to_instant,
)
from statuspage.queries import list_components, list_staff

_EFFECT = "effect_"
_QUARTER = 15


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a form is filled in about, by whom and when."""

    thing: Any
    person: User
    now: datetime


if TYPE_CHECKING:
    _StaffChoice = forms.ModelChoiceField[User]
else:  # the class takes no brackets at run time
    _StaffChoice = forms.ModelChoiceField


class StaffField(_StaffChoice):
    """A choice of people, shown by their names."""

    def label_from_instance(self, obj: User) -> str:
        return obj.display_name


class StepForm(forms.Form):
    """A form for one step in the life of something; made anew for each request."""

    seen_at: datetime | None = None

    def __init__(self, data: Any = None, *, given: Circumstances) -> None:
        super().__init__(data, label_suffix="")
        self.given = given
        self.set_up()

    def set_up(self) -> None:
        """Fill in what depends on the circumstances."""

    def get_text(self, name: str) -> Text:
        """Return what was written in the pair of fields of that name."""
        return Text(self.cleaned_data[f"{name}_sv"], self.cleaned_data[f"{name}_en"])

    def list_plain(self) -> list[BoundField]:
        """List the fields without the components."""
        return [field for field in self if not field.name.startswith(_EFFECT)]

    def list_effects(self) -> list[BoundField]:
        """List the choice of each component."""
        return [field for field in self if field.name.startswith(_EFFECT)]


class WallTimeField(forms.DateTimeField):
    """A time on the Stockholm wall clock; the two hours a year that mean nothing are refused."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, **kwargs)

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            local = datetime.fromisoformat(str(value).strip())
            return to_instant(local)
        except AmbiguousTimeError:
            raise ValidationError(
                _("The clocks change that night: this time comes twice, or not at all.")
            ) from None
        except ValueError:
            raise ValidationError(
                _("Write date and time, such as 2026-12-16 00:00."), code="invalid"
            ) from None


def text_fields() -> tuple[forms.CharField, forms.CharField]:
    """Return the fields of a text that everybody can read."""
    return (
        forms.CharField(
            label=_("Text in Swedish"),
            widget=forms.Textarea(attrs={"rows": 4}),
            help_text=_("What is affected, what works, what we do."),
        ),
        forms.CharField(
            label=_("Text in English"),
            widget=forms.Textarea(attrs={"rows": 3}),
            required=False,
            help_text=_("Left empty, the Swedish text is shown."),
        ),
    )


def name_fields(swedish: Any, english: Any) -> tuple[forms.CharField, forms.CharField]:
    """Return the fields of a name in both languages."""
    return (
        forms.CharField(label=swedish, max_length=120, widget=_wide()),
        forms.CharField(label=english, max_length=120, required=False, widget=_wide()),
    )


def staff_field(label: Any) -> "StaffField":
    """Return a choice of staff."""
    return StaffField(queryset=list_staff(), label=label)


def promise_field() -> WallTimeField:
    """Return the field of the promised next update."""
    return WallTimeField(
        label=_("Next update at the latest"),
        help_text=_("It stands on the page. Say something by then, if only that you go on."),
    )


def next_promise(now: datetime) -> datetime:
    """Propose half an hour from now, on a quarter that is easy to keep."""
    later = now + timedelta(minutes=30 + _QUARTER)
    return later.replace(minute=later.minute // _QUARTER * _QUARTER, second=0, microsecond=0)


class EffectsMixin(StepForm):
    """A choice for each component: how it is affected."""

    def set_up(self) -> None:
        super().set_up()
        self.components = list_components()
        current = self.list_current_effects()
        for component in self.components:
            self.fields[_EFFECT + component.code] = forms.ChoiceField(
                label=self.describe(component),
                choices=ComponentStatus.choices,
                initial=current.get(component.code, ComponentStatus.OPERATIONAL),
            )

    def list_current_effects(self) -> dict[str, str]:
        return {}

    def describe(self, component: Component) -> str:
        if component.is_public:
            return str(component.name)
        return gettext("%(component)s (internal)") % {"component": component.name}

    @property
    def effects(self) -> dict[Component, ComponentStatus]:
        """What was chosen for each component."""
        return {
            component: ComponentStatus(self.cleaned_data[_EFFECT + component.code])
            for component in self.components
        }


def component_choices(components: Iterable[Component]) -> list[tuple[str, str]]:
    """Return components as choices by their code."""
    return [(component.code, str(component.name)) for component in components]


def _wide() -> forms.TextInput:
    return forms.TextInput(attrs={"class": "vTextField"})
