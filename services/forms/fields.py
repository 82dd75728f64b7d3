"""What several forms of this room share."""

from datetime import date

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from companies.models import Membership


class DayField(forms.DateField):
    """A day that calendars and clocks can count with."""

    default_validators = [
        MinValueValidator(date(2000, 1, 1)),
        MaxValueValidator(date(2199, 12, 31)),
    ]
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def describe(member: Membership) -> str:
    user = member.user
    return f"{user.full_name} ({user.email})" if user.full_name else user.email
