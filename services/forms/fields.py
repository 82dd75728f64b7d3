"""What several forms of this room share."""

from datetime import date

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from vop.lib.forms import PersonField


class DayField(forms.DateField):
    """A day that calendars and clocks can count with."""

    default_validators = [
        MinValueValidator(date(2000, 1, 1)),
        MaxValueValidator(date(2199, 12, 31)),
    ]
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def person_field(form: forms.Form, name: str) -> PersonField:
    """Return a field of a form that asks for a person."""
    field = form.fields[name]
    if not isinstance(field, PersonField):
        raise TypeError(name)
    return field
