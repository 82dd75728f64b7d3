"""The authorization request: read, checked in the order that the specifications demand."""

import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from oidc.models import ClientProfile, GrantType
from oidc.protocol.claims_request import ClaimsRequest, read_claims_request
from oidc.protocol.errors import AuthorizationError, UnusableRequestError
from oidc.protocol.jose import encode_base64url
from oidc.protocol.metadata import PROMPTS, RESPONSE_MODES, SCOPES
from oidc.protocol.redirects import is_registered

MAX_NONCE = 1000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_MAX_AGE = re.compile(r"[0-9]{1,9}")
_COMPANY_SCOPE = "company:"
_ORG_NUMBER = re.compile(r"[0-9A-Za-z-]{1,20}")
_UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Where and how an answer goes back; known before anything else is looked at."""

    redirect_uri: str
    state: str | None
    response_mode: str


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What a client asks for. `company` or `org_number` name the company, if it does."""

    scopes: frozenset[str]
    nonce: str
    code_challenge: str
    prompts: frozenset[str]
    max_age: int | None
    company: uuid.UUID | None
    org_number: str
    id_token_hint: str
    acr_values: tuple[str, ...] = field(default=())
    claims: ClaimsRequest = field(default_factory=ClaimsRequest)
    dpop_jkt: str = ""

    @property
    def scope(self) -> str:
        """The scopes as one text, in a fixed order."""
        return " ".join(sorted(self.scopes))

    @property
    def consented(self) -> frozenset[str]:
        """The scopes that a person consents to: also those whose claims are asked for by name."""
        return self.scopes | (self.claims.scopes - {"openid"})


def read_return_address(parameters: Mapping[str, str], client: ClientProfile) -> ReturnAddress:
    """Return where answers go; until this holds, nothing is ever sent anywhere.

    Raises: UnusableRequestError.
    """
    uri = parameters.get("redirect_uri")
    if uri is None:
        raise UnusableRequestError("redirect_uri is missing")
    if not is_registered(uri, client):
        raise UnusableRequestError("redirect_uri is not registered")
    mode = parameters.get("response_mode", "query")
    # An unknown mode is an error, and errors travel by the default one.
    return ReturnAddress(uri, parameters.get("state"), mode if mode in RESPONSE_MODES else "query")


def read_authorization_request(
    parameters: Mapping[str, str], client: ClientProfile, *, is_pushed: bool = False
) -> AuthorizationRequest:
    """Check everything that an authorization request says.

    Raises: AuthorizationError.
    """
    for name, error in _UNSUPPORTED.items():
        if name in parameters:
            raise AuthorizationError(error)
    if not client.may_use(GrantType.CODE):
        raise AuthorizationError("unauthorized_client", "This client signs nobody in.")
    if client.must_push and not is_pushed:
        raise AuthorizationError("invalid_request", "This client must push its request (PAR).")
    _check_response(parameters)
    wanted = parameters.get("scope", "").split()
    return AuthorizationRequest(
        scopes=_read_scopes(wanted, client),
        nonce=_read_nonce(parameters),
        code_challenge=_read_challenge(parameters, client),
        prompts=_read_prompts(parameters),
        max_age=_read_max_age(parameters),
        company=_read_company(parameters),
        org_number=_read_org_number(wanted),
        id_token_hint=parameters.get("id_token_hint", ""),
        acr_values=tuple(parameters.get("acr_values", "").split()),
        claims=read_claims_request(parameters.get("claims"), client),
        dpop_jkt=_read_jkt(parameters),
    )


def is_verifier_of(verifier: str | None, challenge: str) -> bool:
    """Check PKCE; a verifier where no challenge was sent is a downgrade (RFC 9700 4.8.2)."""
    if not challenge:
        return verifier is None
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    made = encode_base64url(hashlib.sha256(verifier.encode("ascii")).digest())
    return hmac.compare_digest(made, challenge)


def _check_response(parameters: Mapping[str, str]) -> None:
    response_type = parameters.get("response_type")
    if response_type is None:
        raise AuthorizationError("invalid_request", "response_type is missing.")
    if response_type != "code":
        raise AuthorizationError("unsupported_response_type", "Only code is supported.")
    if parameters.get("response_mode", "query") not in RESPONSE_MODES:
        raise AuthorizationError("invalid_request", "response_mode is unknown.")


def _read_scopes(wanted: list[str], client: ClientProfile) -> frozenset[str]:
    # Core 3.1.2.1: what isn't understood, or isn't the client's, is left out, and the token
    # response says what was granted.
    scopes = frozenset(wanted) & frozenset(SCOPES) & client.scopes
    if not scopes:
        raise AuthorizationError("invalid_scope", "No scope that this client may ask for.")
    return scopes


def _read_nonce(parameters: Mapping[str, str]) -> str:
    nonce = parameters.get("nonce", "")
    if len(nonce) > MAX_NONCE:
        raise AuthorizationError("invalid_request", "nonce is too long.")
    return nonce


def _read_challenge(parameters: Mapping[str, str], client: ClientProfile) -> str:
    challenge, method = parameters.get("code_challenge"), parameters.get("code_challenge_method")
    if challenge is None:
        if client.require_pkce or client.is_public or method is not None:
            raise AuthorizationError("invalid_request", "code_challenge is missing.")
        return ""
    if method != "S256":
        raise AuthorizationError("invalid_request", "code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise AuthorizationError("invalid_request", "code_challenge is malformed.")
    return challenge


def _read_jkt(parameters: Mapping[str, str]) -> str:
    jkt = parameters.get("dpop_jkt", "")
    if jkt and not _CHALLENGE.fullmatch(jkt):
        raise AuthorizationError("invalid_request", "dpop_jkt is no thumbprint.")
    return jkt


def _read_prompts(parameters: Mapping[str, str]) -> frozenset[str]:
    prompts = frozenset(parameters.get("prompt", "").split())
    if prompts - frozenset(PROMPTS) or ("none" in prompts and len(prompts) > 1):
        raise AuthorizationError("invalid_request", "prompt has a value that is not supported.")
    return prompts


def _read_max_age(parameters: Mapping[str, str]) -> int | None:
    text = parameters.get("max_age")
    if text is None:
        return None
    if not _MAX_AGE.fullmatch(text):
        raise AuthorizationError("invalid_request", "max_age is no number of seconds.")
    return int(text)


def _read_company(parameters: Mapping[str, str]) -> uuid.UUID | None:
    text = parameters.get("company")
    if text is None:
        return None
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise AuthorizationError("invalid_request", "company is no company id.") from error


def _read_org_number(wanted: list[str]) -> str:
    numbers = {s.removeprefix(_COMPANY_SCOPE) for s in wanted if s.startswith(_COMPANY_SCOPE)}
    if len(numbers) > 1 or not all(_ORG_NUMBER.fullmatch(number) for number in numbers):
        raise AuthorizationError("invalid_scope", "One company per request.")
    return "".join(numbers).replace("-", "")
