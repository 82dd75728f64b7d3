"""Filling a form from the company register, without taking anything from who types."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from companies.models import Company, NumberError, parse_org_number
from companies.protocol import RegisterEntry, RegisterSilentError, look_up
from vop.lib import limits

ASKS_A_MINUTE = 10

# What is taken over together: half an address of each would be an address of nobody.
_PARTS: Mapping[str, tuple[str | Promise, tuple[str, ...]]] = {
    "name": (_("Company name"), ("name",)),
    "address": (_("Postal address"), ("street", "postcode", "city")),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the register says something else than what stands in the form."""

    part: str
    label: str
    typed: str
    registered: str


@dataclass(frozen=True, slots=True)
class RegisterReply:
    """What asking the register led to: an entry and what differs from it, or what went wrong."""

    entry: RegisterEntry | None = None
    differences: tuple[Difference, ...] = ()
    fault: str | Promise = ""

    @property
    def is_active(self) -> bool:
        """Whether the register has nothing to warn of."""
        return self.entry is not None and self.entry.status == Company.RegisterStatus.ACTIVE

    @property
    def status_label(self) -> str:
        """The company's status there, in words."""
        return str(Company.RegisterStatus(self.entry.status).label) if self.entry else ""


def ask_register(
    form: forms.Form,
    typed: Mapping[str, str],
    *,
    country: str,
    org_number: str,
    take: Collection[str],
    asker: str,
) -> RegisterReply:
    """Ask about a company and fill an unbound form from the answer; it is never refused.

    Call it outside of transactions: the register may take its time. `asker` is whose questions
    are counted.
    """
    form.initial.update({name: typed[name] for name in form.fields if name in typed})
    if limits.count(f"companies.register.{asker}", seconds=60) > ASKS_A_MINUTE:
        return RegisterReply(fault=_("You asked many times. Wait a minute."))
    try:
        entry = look_up(country, parse_org_number(country, org_number))
    except (NumberError, RegisterSilentError) as error:
        return RegisterReply(fault=error.message)
    if entry is None:
        return RegisterReply(fault=_("The company register doesn't know this number."))
    return RegisterReply(entry, tuple(_fill(form, entry, take)))


def _fill(form: forms.Form, entry: RegisterEntry, take: Collection[str]) -> Iterator[Difference]:
    """Put the register's words where nothing was typed, and where they were chosen."""
    for part, (label, names) in _PARTS.items():
        before = _write(form.initial.get(name, "") for name in names)
        after = _write(getattr(entry, name) for name in names)
        if after and (not before or part in take):
            form.initial.update({name: getattr(entry, name) for name in names})
        elif after and before.casefold() != after.casefold():
            yield Difference(part, str(label), before, after)


def _write(values: Iterable[object]) -> str:
    words = (" ".join(str(value).split()) for value in values)
    return ", ".join(word for word in words if word)
