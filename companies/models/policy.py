"""What a company asks of everybody who works for it: proof, session, network, address."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vop.lib.errors import DomainError

SESSION_MINUTES: Final = (15, 30, 60, 120, 240, 480)
POLICY_FIELDS: Final = ("requires_second_factor", "session_minutes", "email_domains", "networks")
MOST_DOMAINS: Final = 50
MOST_NETWORKS: Final = 100
_check_domain = DomainNameValidator(accept_idna=False)


class PolicyError(DomainError):
    """A rule that can't be meant as it is written."""

    message = gettext_lazy("This rule can't be understood.")


class Shortfall(StrEnum):
    """What a session lacks of what the company asks."""

    NETWORK = "outside_network"
    SECOND_FACTOR = "second_factor_missing"
    AGE = "session_too_old"


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a session: since when, how, and from where; None where nobody can know."""

    auth_time: datetime
    has_second_factor: bool
    ip: str | None


class PolicyFields(models.Model):
    """The rules, as columns of the company: whoever has its row can judge without asking more."""

    requires_second_factor = models.BooleanField(gettext_lazy("second factor"), default=False)
    session_minutes = models.PositiveSmallIntegerField(
        gettext_lazy("minutes of a session"), null=True, blank=True
    )
    email_domains = models.JSONField(gettext_lazy("e-mail domains"), default=list, blank=True)
    networks = models.JSONField(gettext_lazy("networks"), default=list, blank=True)

    class Meta:
        abstract = True

    def find_shortfall(self, proof: Proof, *, at: datetime) -> Shortfall | None:
        """Return the first thing that a session lacks, or nothing."""
        if proof.ip is not None and not self.lets_in_from(proof.ip):
            return Shortfall.NETWORK
        if self.requires_second_factor and not proof.has_second_factor:
            return Shortfall.SECOND_FACTOR
        end = self.end_of_session(proof)
        return Shortfall.AGE if end is not None and end <= at else None

    def end_of_session(self, proof: Proof) -> datetime | None:
        """Return until when a session counts; nothing where only the platform's own end holds."""
        if self.session_minutes is None:
            return None
        return proof.auth_time + timedelta(minutes=self.session_minutes)

    def lets_in_from(self, ip: str) -> bool:
        """Whether somebody may work for the company from an address."""
        return not self.networks or is_within(ip, self.networks)

    def lets_in_address(self, email: str) -> bool:
        """Whether somebody of an e-mail address may become a member."""
        domain = email.rpartition("@")[2].lower()
        return not self.email_domains or domain in self.email_domains


def policy_constraints() -> list[models.BaseConstraint]:
    """Return what the database checks of the rules."""
    return [
        models.CheckConstraint(
            condition=Q(session_minutes=None) | Q(session_minutes__in=SESSION_MINUTES),
            name="session_of_a_company_has_a_known_length",
        )
    ]


def is_within(ip: str, networks: Iterable[str]) -> bool:
    """Tell whether an address lies in one of some networks; IPv4 in IPv6's clothes is IPv4."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network) for network in networks)


def parse_domains(text: str) -> list[str]:
    """Return e-mail domains in small letters, each once, in order; "@" before one is dropped.

    Raises: PolicyError.
    """
    found: dict[str, None] = {}
    for word in _split(text):
        domain = word.lower().removeprefix("@")
        try:
            _check_domain(domain)
        except ValidationError as error:
            raise PolicyError(
                _("“%(word)s” is no domain. Write exempel.se.") % {"word": word}
            ) from error
        found[domain] = None
    if len(found) > MOST_DOMAINS:
        raise PolicyError(_("At most %(most)s domains.") % {"most": MOST_DOMAINS})
    return sorted(found)


def parse_networks(text: str) -> list[str]:
    """Return networks in CIDR notation (RFC 4632, RFC 4291 2.3); a lone address is one of one.

    Raises: PolicyError.
    """
    found: dict[str, None] = {}
    for word in _split(text):
        found[str(_parse_network(word))] = None
    if len(found) > MOST_NETWORKS:
        raise PolicyError(_("At most %(most)s networks.") % {"most": MOST_NETWORKS})
    return list(found)


def _parse_network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(word, strict=False)
    except ValueError as error:
        text = _("“%(word)s” is no network. Write 192.0.2.0/24, 2001:db8::/32 or one address.")
        raise PolicyError(text % {"word": word}) from error
    if "/" in word and str(network.network_address) != str(
        ipaddress.ip_interface(word).ip
    ):  # widening what was typed isn't ours to do
        text = _("“%(word)s” is an address within a network. Did you mean %(network)s?")
        raise PolicyError(text % {"word": word, "network": network})
    if network.prefixlen == 0:
        text = _("“%(word)s” is every address there is. Leave the field empty instead.")
        raise PolicyError(text % {"word": word})
    return network


def _split(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", text) if word]
