"""The registers that are free to ask: Bolagsverket in Sweden, Brønnøysundregistrene in Norway."""

import json
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

from django.conf import settings

from companies.models import Company
from companies.protocol.entries import NoRegisterError, RegisterEntry, RegisterSilentError
from vop.lib.outbound import (
    MAX_BYTES,
    Answer,
    ForbiddenAddressError,
    UnreachableError,
    fetch,
    post,
    post_form,
)

PATIENCE: Final = 5  # seconds, for each call
LONGEST: Final = 160  # characters of a text that is taken over
POSTCODE_DIGITS: Final = 5
BRREG_URL: Final = "https://data.brreg.no/enhetsregisteret/api"
SCOPE: Final = "vardefulla-datamangder:read"
OK: Final = 200
UNKNOWN: Final = frozenset({400, 404})  # Bolagsverket refuses a number that it never gave out
UNKNOWN_FAULT: Final = "ORGANISATION_FINNS_EJ"
GONE: Final = 410


def ask_registers(country: str, org_number: str) -> RegisterEntry | None:
    """Ask the register of the company's country.

    Raises: NoRegisterError for a country without one, RegisterSilentError.
    """
    ask = _REGISTERS.get(country)
    if ask is None:
        raise NoRegisterError
    return ask(org_number)


@dataclass(frozen=True, slots=True)
class Bolagsverket:
    """The API for valuable data sets ("värdefulla datamängder", EU regulation 2023/138), version 1.

    `inside` names hosts of our own network that may be called (vop.lib.outbound).
    """

    url: str
    token_url: str
    client_id: str
    client_secret: str
    inside: Collection[str] = ()

    def look_up(self, org_number: str) -> RegisterEntry | None:
        """Fetch a token with the client's own credentials (RFC 6749 section 4.4), then ask.

        Raises: RegisterSilentError.
        """
        asked = json.dumps({"identitetsbeteckning": org_number}).encode()
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._fetch_token()}",
        }
        answer = _try(
            post,
            f"{self.url}/organisationer",
            asked,
            headers=headers,
            seconds=PATIENCE,
            inside=self.inside,
        )
        return None if answer.status in UNKNOWN else read_bolagsverket(_read(answer))

    def _fetch_token(self) -> str:
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        answer = _try(
            post_form,
            self.token_url,
            {"grant_type": "client_credentials", "scope": SCOPE},
            headers={"Authorization": f"Basic {b64encode(pair.encode()).decode()}"},
            seconds=PATIENCE,
            inside=self.inside,
        )
        return _text(_read(answer), "access_token") or _silent()


def read_bolagsverket(told: Any) -> RegisterEntry | None:
    """Read an answer of `POST /organisationer`, trusting nothing of its shape.

    Each part of an organisation carries its own `fel` when its source was down; without a name
    there is no answer. The first of several registrations of one person counts.
    """
    found = _inner(told, "organisationer")
    if not isinstance(found, list) or not found:
        return None
    if _inner(found[0], "organisationsnamn", "fel", "typ") == UNKNOWN_FAULT:
        return None
    names = _inner(found[0], "organisationsnamn", "organisationsnamnLista")
    listed = names if isinstance(names, list) else []
    name = next((text for each in listed if (text := _text(each, "namn"))), "")
    address = _inner(found[0], "postadressOrganisation", "postadress")
    proceedings = "pagaendeAvvecklingsEllerOmstruktureringsforfarande"
    return RegisterEntry(
        name=name or _silent(),
        street=_text(address, "utdelningsadress"),
        postcode=_write_postcode(_text(address, "postnummer")),
        city=_text(address, "postort"),
        status=_status(
            is_gone=bool(_inner(found[0], "avregistreradOrganisation", "avregistreringsdatum")),
            is_ending=bool(_inner(found[0], proceedings, f"{proceedings}Lista")),
        ),
    )


def ask_brreg(
    org_number: str, *, url: str = BRREG_URL, inside: Collection[str] = ()
) -> RegisterEntry | None:
    """Ask Enhetsregisteret, which is open to anybody.

    Raises: RegisterSilentError.
    """
    answer = _try(fetch, f"{url}/enheter/{org_number}", seconds=PATIENCE, inside=inside)
    return None if answer.status in {*UNKNOWN, GONE} else read_brreg(_read(answer))


def read_brreg(told: Any) -> RegisterEntry:
    """Read an answer of `GET /enheter/{number}`, trusting nothing of its shape.

    Raises: RegisterSilentError.
    """
    address = _inner(told, "postadresse") or _inner(told, "forretningsadresse")
    lines = _inner(address, "adresse")
    endings = ("konkurs", "underAvvikling", "underTvangsavviklingEllerTvangsopplosning")
    return RegisterEntry(
        name=_text(told, "navn") or _silent(),
        street=", ".join(str(line) for line in lines if line)[:LONGEST]
        if isinstance(lines, list)
        else "",
        postcode=_text(address, "postnummer")[:20],
        city=_text(address, "poststed")[:80],
        status=_status(
            is_gone=bool(_inner(told, "slettedato")),
            is_ending=any(_inner(told, ending) is True for ending in endings),
        ),
    )


def _ask_bolagsverket(org_number: str) -> RegisterEntry | None:
    if not settings.BOLAGSVERKET_CLIENT_ID:
        raise NoRegisterError
    register = Bolagsverket(
        url=settings.BOLAGSVERKET_URL,
        token_url=settings.BOLAGSVERKET_TOKEN_URL,
        client_id=settings.BOLAGSVERKET_CLIENT_ID,
        client_secret=settings.BOLAGSVERKET_CLIENT_SECRET,
    )
    return register.look_up(org_number)


_REGISTERS: Mapping[str, Callable[[str], RegisterEntry | None]] = {
    "SE": _ask_bolagsverket,
    "NO": ask_brreg,
}


def _try(call: Callable[..., Answer], *args: Any, **kwargs: Any) -> Answer:
    try:
        return call(*args, **kwargs)
    except (ForbiddenAddressError, UnreachableError) as error:
        raise RegisterSilentError from error


def _read(answer: Answer) -> Any:
    if answer.status != OK or len(answer.body) > MAX_BYTES:
        raise RegisterSilentError
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise RegisterSilentError from error


def _inner(told: Any, *path: str) -> Any:
    for name in path:
        told = told.get(name) if isinstance(told, dict) else None
    return told


def _text(told: Any, name: str) -> str:
    value = _inner(told, name)
    return " ".join(value.split())[:LONGEST] if isinstance(value, str) else ""


def _silent() -> str:
    raise RegisterSilentError


def _status(*, is_gone: bool, is_ending: bool) -> str:
    if is_gone:
        return Company.RegisterStatus.DEREGISTERED
    return Company.RegisterStatus.ENDING if is_ending else Company.RegisterStatus.ACTIVE


def _write_postcode(text: str) -> str:
    digits = "".join(text.split())
    if len(digits) == POSTCODE_DIGITS and digits.isdecimal():
        return f"{digits[:3]} {digits[3:]}"
    return text[:20]
