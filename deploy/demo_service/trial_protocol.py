"""What the test client says to the platform, and what it makes of the answers.

Every question is written down as it goes over the wire, and every token is taken apart and checked
claim by claim, so that a reader sees what a client library does without telling.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from joserfc.jws import JWSRegistry

ALGORITHMS = ["RS256", "ES256", "EdDSA", "Ed25519"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
TIMEOUT = 10
LEEWAY = 60
_SHOWN_HEADERS = ("Content-Type", "Cache-Control", "WWW-Authenticate", "DPoP-Nonce", "Retry-After")
_HASHES = {"EdDSA": hashlib.sha512, "Ed25519": hashlib.sha512}

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class TrialClient:
    """One registration of the test client."""

    kind: str
    client_id: str
    client_secret: str | None
    auth_method: str
    profile: str
    private_jwk: dict[str, str] | None = None

    @property
    def is_machine(self) -> bool:
        return self.kind == "machine"

    @property
    def is_fapi(self) -> bool:
        return self.profile == "fapi2"


@dataclass(frozen=True)
class Check:
    """One thing that a client must look at, and whether it holds."""

    name: str
    holds: bool


@dataclass(frozen=True)
class Token:
    """A signed token taken apart."""

    name: str
    header: dict[str, Any]
    claims: dict[str, Any]
    checks: list[Check]

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)


@dataclass
class Exchange:
    """One question and its answer, as they went over the wire."""

    title: str
    method: str
    url: str
    headers: Pairs = field(default_factory=list)
    sent: Pairs = field(default_factory=list)
    status: int | None = None
    told_headers: Pairs = field(default_factory=list)
    told: Any = None
    tokens: list[Token] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    at: float = field(default_factory=time.time)

    @property
    def is_error(self) -> bool:
        if isinstance(self.told, dict) and "error" in self.told:
            return True
        is_refused = self.status is not None and self.status >= requests.codes.bad_request
        return is_refused or not all(c.holds for c in self.checks)

    @property
    def body(self) -> str:
        """The answer as people read it."""
        if isinstance(self.told, str):
            return self.told
        return json.dumps(self.told, indent=2, ensure_ascii=False)


class Platform:
    """The provider, as far as its discovery document describes it."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None

    def get(self, name: str) -> str:
        """Return an address of the discovery document."""
        if not self._metadata:
            found = requests.get(f"{self.issuer}/.well-known/openid-configuration", timeout=TIMEOUT)
            found.raise_for_status()
            self._metadata = found.json()
        return str(self._metadata[name])

    def verify(self, token: str) -> tuple[dict[str, Any], dict[str, Any], bool]:
        """Take a token apart: header, claims, and whether the platform signed it."""
        for is_fresh in (False, True):  # an unknown key may be a new one
            try:
                read = jwt.decode(
                    token,
                    self._get_keys(is_fresh=is_fresh),
                    registry=JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False),
                )
            except (JoseError, ValueError):
                continue
            return dict(read.header), dict(read.claims), True
        return *take_apart(token), False

    def _get_keys(self, *, is_fresh: bool) -> KeySet:
        if self._keys is None or is_fresh:
            found = requests.get(self.get("jwks_uri"), timeout=TIMEOUT)
            self._keys = KeySet.import_key_set(found.json())
        return self._keys


def take_apart(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of whatever was sent, unchecked; empty where it is no token."""
    parts = []
    for part in (*token.split("."), "", "")[:2]:
        try:
            value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        except ValueError:
            value = {}
        parts.append(value if isinstance(value, dict) else {})
    return parts[0], parts[1]


# --- Questions ------------------------------------------------------------------------------------


def ask(
    platform: Platform,
    client: TrialClient,
    endpoint: str,
    sent: Mapping[str, str],
    *,
    title: str,
    dpop_key: ECKey | None = None,
    is_secret_wrong: bool = False,
) -> Exchange:
    """Ask the platform something with the client's own proof."""
    url = platform.get(endpoint)
    body = {name: value for name, value in sent.items() if value}
    headers, proof = prove(platform, client, is_wrong=is_secret_wrong)
    if dpop_key is not None:
        headers["DPoP"] = make_proof(dpop_key, "POST", url)
    answer = requests.post(
        url, body | proof, headers=headers, timeout=TIMEOUT, allow_redirects=False
    )
    exchange = note(title, answer, headers, [*body.items(), *hide_secrets(proof).items()])
    if "client_assertion" in proof:
        exchange.tokens.append(
            Token("client_assertion", *take_apart(proof["client_assertion"]), [])
        )
    return exchange


def prove(
    platform: Platform, client: TrialClient, *, is_wrong: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers and parameters that prove who the client is, or fail to."""
    secret = client.client_secret or ""
    if is_wrong:
        secret = secret[::-1]
    if client.auth_method == "client_secret_basic":
        pair = f"{quote(client.client_id, safe='')}:{quote(secret, safe='')}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}, {}
    parameters = {"client_id": client.client_id}
    if client.auth_method == "client_secret_post":
        parameters["client_secret"] = secret
    elif client.auth_method == "private_key_jwt":
        parameters["client_assertion_type"] = ASSERTION_TYPE
        parameters["client_assertion"] = make_assertion(platform, client, is_wrong=is_wrong)
    return {}, parameters


def fetch_userinfo(
    platform: Platform, token: str, *, title: str, dpop_key: ECKey | None
) -> Exchange:
    """Ask who an access token is about."""
    url = platform.get("userinfo_endpoint")
    headers = {"Authorization": f"Bearer {token}"}
    if dpop_key is not None:
        headers = {
            "Authorization": f"DPoP {token}",
            "DPoP": make_proof(dpop_key, "GET", url, token=token),
        }
    answer = requests.get(url, headers=headers, timeout=TIMEOUT, allow_redirects=False)
    return note(title, answer, headers, [])


def note(
    title: str, answer: requests.Response, headers: Mapping[str, str], sent: Pairs
) -> Exchange:
    try:
        told: Any = answer.json()
    except ValueError:
        told = answer.text
    exchange = Exchange(
        title,
        answer.request.method or "",
        answer.url,
        headers=list(hide_secrets(headers).items()),
        sent=sent,
        status=answer.status_code,
        told_headers=[(n, answer.headers[n]) for n in _SHOWN_HEADERS if n in answer.headers],
        told=told,
    )
    exchange.tokens += [
        Token("DPoP", *take_apart(value), []) for name, value in headers.items() if name == "DPoP"
    ]
    return exchange


def hide_secrets(sent: Mapping[str, str]) -> dict[str, str]:
    """Show of a secret only that it was sent."""
    return {
        name: "Basic …" if value.startswith("Basic ") else "…" if name == "client_secret" else value
        for name, value in sent.items()
    }


def make_assertion(platform: Platform, client: TrialClient, *, is_wrong: bool) -> str:
    """Sign who the client is (RFC 7523), for the issuer alone; a wrong one with a foreign key."""
    now = int(time.time())
    own: dict[str, str | list[str]] = dict(client.private_jwk or {})
    key = ECKey.generate_key("P-256") if is_wrong else ECKey.import_key(own)
    claims = {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": platform.issuer,
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_urlsafe(16),
    }
    return jwt.encode({"alg": "ES256", "kid": own["kid"]}, claims, key)


def make_proof(key: ECKey, method: str, url: str, *, token: str = "") -> str:
    """Prove that the key is here, for this one request (RFC 9449 4.2)."""
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    claims: dict[str, Any] = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": url,
        "iat": int(time.time()),
    }
    if token:
        claims["ath"] = encode(hashlib.sha256(token.encode()).digest())
    registry = JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    return jwt.encode(header, claims, key, registry=registry)


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def make_challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 4.2)."""
    return encode(hashlib.sha256(verifier.encode()).digest())


# --- Answers --------------------------------------------------------------------------------------


def check_id_token(
    platform: Platform, text: str, client: TrialClient, *, nonce: str | None, access_token: str
) -> Token:
    """Look at everything that OpenID Connect Core 3.1.3.7 asks a client to look at."""
    header, claims, is_signed = platform.verify(text)
    checks = check_common(platform, client, claims, is_signed=is_signed)
    checks.append(Check("azp", claims.get("azp", client.client_id) == client.client_id))
    if nonce is not None:
        checks.append(Check("nonce", claims.get("nonce", "") == nonce))
    if "at_hash" in claims:
        half = make_half_hash(str(header.get("alg")), access_token)
        checks.append(Check("at_hash", claims["at_hash"] == half))
    return Token("id_token", header, claims, checks)


def check_logout_token(platform: Platform, text: str, client: TrialClient) -> Token:
    """Look at everything that Back-Channel Logout 1.0, 2.6 asks a client to look at."""
    header, claims, is_signed = platform.verify(text)
    events = claims.get("events")
    checks = [
        *check_common(platform, client, claims, is_signed=is_signed),
        Check("typ", header.get("typ") == "logout+jwt"),
        Check("events", isinstance(events, dict) and LOGOUT_EVENT in events),
        Check("sid", isinstance(claims.get("sid"), str)),
        Check("jti", isinstance(claims.get("jti"), str)),
        Check("nonce –", "nonce" not in claims),
    ]
    return Token("logout_token", header, claims, checks)


def check_signed_answer(platform: Platform, text: str, client: TrialClient) -> Token:
    """Look at an authorization response that came as a JWT (JARM 2.4)."""
    header, claims, is_signed = platform.verify(text)
    return Token(
        "response", header, claims, check_common(platform, client, claims, is_signed=is_signed)
    )


def check_common(
    platform: Platform, client: TrialClient, claims: Mapping[str, Any], *, is_signed: bool
) -> list[Check]:
    end = claims.get("exp")
    return [
        Check("signature", is_signed),
        Check("iss", claims.get("iss") == platform.issuer),
        Check("aud", claims.get("aud") == client.client_id),
        Check("exp", isinstance(end, int) and end > time.time() - LEEWAY),
    ]


def make_half_hash(alg: str, token: str) -> str:
    """Return the left half of an access token's hash (Core 3.1.3.6)."""
    digest = _HASHES.get(alg, hashlib.sha256)(token.encode()).digest()
    return encode(digest[: len(digest) // 2])
