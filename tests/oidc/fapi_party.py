"""A FAPI 2.0 client as the tests play it: signed assertions, pushed requests, DPoP proofs."""

import base64
import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from oidc.protocol import jose
from oidc.protocol.client_auth import ASSERTION_TYPE
from tests.oidc.relying_party import Answer, RelyingParty

ISSUER = "http://localhost:8000/oidc"


@dataclass(frozen=True)
class Key:
    """A key pair of a client."""

    alg: str
    private: Any
    jwk: dict[str, Any]

    @property
    def jkt(self) -> str:
        return jose.thumbprint(self.jwk)

    def sign(self, claims: dict[str, Any], headers: dict[str, Any], alg: str = "") -> str:
        return jwt.encode(claims, self.private, algorithm=alg or self.alg, headers=headers)


def make_key(alg: str) -> Key:
    if alg in {"PS256", "RS256"}:
        private: Any = _make_rsa_key()
        jwk = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        public = {name: jwk[name] for name in ("kty", "n", "e")}
        return Key(alg, private, {**public, "alg": alg, "kid": jose.thumbprint(public)})
    private = jose.make_private_key(alg)
    return Key(alg, private, jose.to_public_jwk(alg, private))


@cache
def _make_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def make_proof(key: Key, method: str, url: str, *, token: str = "", **changes: Any) -> str:
    """A DPoP proof; `header_…` changes its header, `alg` how it is signed, None leaves one out."""
    claims: dict[str, Any] = {"jti": str(uuid.uuid4()), "htm": method, "htu": url, "iat": now()}
    if token:
        ath = hashlib.sha256(token.encode()).digest()
        claims["ath"] = base64.urlsafe_b64encode(ath).rstrip(b"=").decode()
    public = {
        name: value for name, value in key.jwk.items() if name in {"kty", "crv", "x", "y", "n", "e"}
    }
    header: dict[str, Any] = {"typ": "dpop+jwt", "jwk": public}
    alg = changes.pop("alg", "")
    for name, value in changes.items():
        if name.startswith("header_"):
            header[name.removeprefix("header_")] = value
        else:
            claims[name] = value
    kept = {name: value for name, value in claims.items() if value is not None}
    return key.sign(kept, header, alg)


@dataclass
class FapiParty(RelyingParty):
    """A registered client that proves itself and its tokens with keys."""

    key: Key = field(default_factory=lambda: make_key("ES256"))
    dpop_key: Key = field(default_factory=lambda: make_key("ES256"))

    def assertion(self, *, alg: str = "", key: Key | None = None, **changes: Any) -> str:
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": ISSUER,
            "iat": now(),
            "exp": now() + 60,
            "jti": str(uuid.uuid4()),
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return (key or self.key).sign(kept, {"kid": self.key.jwk["kid"]}, alg)

    def post(self, endpoint: str, **parameters: str | None) -> Answer:
        """Send with the client's proof; `dpop` is the header, "" for none."""
        dpop = parameters.pop("dpop", None)
        if dpop is None and endpoint == "token":
            dpop = self.proof("POST", endpoint)
        sent = {name: value for name, value in parameters.items() if value is not None}
        if "client_assertion" not in parameters:
            sent["client_assertion"] = self.assertion()
        sent.setdefault("client_assertion_type", ASSERTION_TYPE)
        return self.post_plain(endpoint, sent, {"DPoP": dpop} if dpop else {})

    def proof(self, method: str, endpoint: str, *, token: str = "", **changes: Any) -> str:
        return make_proof(self.dpop_key, method, f"{ISSUER}/{endpoint}", token=token, **changes)

    def push(self, **changes: str | None) -> Answer:
        return self.post("par", **self.ask(**changes))

    def authorize(self, **changes: str | None) -> Answer:
        """Push, and open what came of it."""
        pushed = self.push(**changes)
        assert pushed.status_code == 201, pushed.content
        return self.open(pushed.json()["request_uri"])

    def open(self, request_uri: str, **more: str) -> Answer:
        asked = {"client_id": self.client_id, "request_uri": request_uri, **more}
        return self.browser.get("/oidc/authorize", asked)

    def userinfo(self, token: str) -> Answer:
        headers = {
            "Authorization": f"DPoP {token}",
            "DPoP": self.proof("GET", "userinfo", token=token),
        }
        return self.service.get("/oidc/userinfo", headers=headers)
