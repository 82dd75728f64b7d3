"""What a register can say, and how it is silent."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from vop.lib.errors import DomainError


class RegisterSilentError(DomainError):
    """The register can't be reached, or answers in a way that can't be read."""

    message = _("The company register doesn't answer right now. Fill the details in and go on.")


class NoRegisterError(RegisterSilentError):
    """There is no register for that country."""

    message = _("There is no register to ask for that country. Fill the details in and go on.")


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """A company as its register has it; `status` is a `Company.RegisterStatus`."""

    name: str
    street: str
    postcode: str
    city: str
    status: str
