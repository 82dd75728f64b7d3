"""What the forms of this room share."""

from datetime import date

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

WITHIN_REASON = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2199, 12, 31))]


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")
