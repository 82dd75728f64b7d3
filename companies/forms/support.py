"""The forms with which a company lets support in, and with which staff break the glass."""

from django import forms
from django.utils.translation import gettext_lazy as _

from companies.models import MOST_SUPPORT_DAYS, SUPPORT_DAYS

_LONGEST_REASON = 300


class SupportForm(forms.Form):
    """For how long support may look, and about what."""

    reason = forms.CharField(
        label=_("What is it about?"),
        max_length=_LONGEST_REASON,
        help_text=_("For example the number of your case. It stands beside each look."),
    )
    days = forms.IntegerField(
        label=_("Days"), min_value=1, max_value=MOST_SUPPORT_DAYS, initial=SUPPORT_DAYS
    )


class BreakGlassForm(forms.Form):
    """Why somebody of ours must look without being asked."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=_LONGEST_REASON,
        min_length=10,
        help_text=_(
            "The company reads it: its owners get a mail now, and each look is in its log."
        ),
    )
