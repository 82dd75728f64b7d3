"""The form of a company's security rules."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from companies.models import SESSION_MINUTES, Company, parse_domains, parse_networks
from companies.operations import PolicyFacts
from vop.lib.errors import DomainError

_AN_HOUR = 60


def _name_length(minutes: int) -> Any:
    if minutes < _AN_HOUR:
        text = ngettext_lazy("%(count)s minute", "%(count)s minutes", minutes)
        return text % {"count": minutes}
    hours = minutes // _AN_HOUR
    return ngettext_lazy("%(count)s hour", "%(count)s hours", hours) % {"count": hours}


class PolicyForm(forms.Form):
    """What is asked of everybody who works for the company."""

    requires_second_factor = forms.BooleanField(
        label=_("Ask everybody for a second factor"),
        required=False,
        help_text=_("For work for this company only. Who has none is led to setting one up."),
    )
    session_minutes = forms.TypedChoiceField(
        label=_("Ask for a new proof after"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", _("12 hours, as everywhere here")),
            *((minutes, _name_length(minutes)) for minutes in SESSION_MINUTES),
        ],
        help_text=_("Counted from when the person last proved who they are."),
    )
    networks = forms.CharField(
        label=_("Let people in only from these networks"),
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("One a row, IPv4 or IPv6, such as 192.0.2.0/24. Empty: from anywhere."),
    )
    email_domains = forms.CharField(
        label=_("Let only addresses of these domains become members"),
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("One a row, such as exempel.se. Empty: any address. Members stay members."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, company: Company) -> None:
        initial = {
            "requires_second_factor": company.requires_second_factor,
            "session_minutes": company.session_minutes or "",
            "networks": "\n".join(company.networks),
            "email_domains": "\n".join(company.email_domains),
            "version": company.version,
        }
        super().__init__(data, initial=initial)

    def clean_networks(self) -> list[str]:
        return self._parsed("networks", parse_networks)

    def clean_email_domains(self) -> list[str]:
        return self._parsed("email_domains", parse_domains)

    @property
    def facts(self) -> PolicyFacts:
        """The rules, once the form is valid."""
        values = {name: self.cleaned_data[name] for name in PolicyFacts.__dataclass_fields__}
        return PolicyFacts(**values)

    def _parsed(self, name: str, parse: Any) -> list[str]:
        try:
            parsed: list[str] = parse(self.cleaned_data[name])
        except DomainError as error:
            raise forms.ValidationError(str(error.message)) from error
        return parsed
