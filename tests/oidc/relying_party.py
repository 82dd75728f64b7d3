"""A service as the tests play it: its browser half over one client, its back channel another."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import jwt
from django.test import Client

from oidc.models import ClientProfile
from tests.factories.oidc import CALLBACK

FORM = "application/x-www-form-urlencoded"
Answer = Any  # the test client's response, which has more than HttpResponse says


def make_pkce() -> tuple[str, str]:
    verifier = secrets.token_urlsafe(48)
    made = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def basic(client_id: str, secret: str) -> str:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


# What a test was shown and no log may say: tests/oidc/conftest.py looks after every test.
SHOWN: set[str] = set()
_SECRET_MEMBERS = ("access_token", "refresh_token", "id_token")


def read_answer(response: Answer) -> dict[str, str]:
    """The parameters that a redirect brings to the client."""
    assert response.status_code in {302, 303}, response.content
    location: str = response.headers["Location"]
    assert location.startswith(CALLBACK), location
    query = parse_qs(urlsplit(location).query, strict_parsing=True)
    SHOWN.update(query.get("code", ()))
    return {name: values[0] for name, values in query.items()}


@dataclass
class RelyingParty:
    """One registered client and the browser of the person who uses it."""

    profile: ClientProfile
    secret: str
    browser: Client
    service: Client = field(default_factory=Client)
    verifier: str = ""

    def __post_init__(self) -> None:
        SHOWN.update({self.secret} - {""})

    @property
    def client_id(self) -> str:
        return self.profile.client_id_text

    def ask(self, **changes: str | None) -> dict[str, str]:
        """The parameters of an authorization request; None leaves one out."""
        self.verifier, challenge = make_pkce()
        parameters: dict[str, str | None] = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid profile email",
            "state": "the state",
            "nonce": "the nonce",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in parameters.items() if value is not None}

    def authorize(self, **changes: str | None) -> Answer:
        return self.browser.get("/oidc/authorize", self.ask(**changes))

    def get_code(self, **changes: str | None) -> str:
        return read_answer(self.authorize(**changes))["code"]

    def redeem(self, code: str, /, **changes: str | None) -> Answer:
        parameters = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            **changes,
        }
        return self.post("token", **parameters)

    def get_tokens(self, **changes: str | None) -> dict[str, Any]:
        response = self.redeem(self.get_code(**changes))
        assert response.status_code == 200, response.content
        body: dict[str, Any] = response.json()
        return body

    def refresh(self, token: str, **changes: str | None) -> Answer:
        return self.post("token", grant_type="refresh_token", refresh_token=token, **changes)

    def userinfo(self, token: str) -> Answer:
        return self.service.get("/oidc/userinfo", headers={"Authorization": f"Bearer {token}"})

    def post(self, endpoint: str, **parameters: str | None) -> Answer:
        """A request with the client's own proof."""
        sent = {name: value for name, value in parameters.items() if value is not None}
        headers = {}
        if self.profile.auth_method == "client_secret_basic":
            headers["Authorization"] = basic(self.client_id, self.secret)
        else:
            sent.setdefault("client_id", self.client_id)
            if self.secret:
                sent.setdefault("client_secret", self.secret)
        return self.post_plain(endpoint, sent, headers)

    def post_plain(
        self, endpoint: str, parameters: dict[str, str], headers: dict[str, str] | None = None
    ) -> Answer:
        response = self.service.post(
            f"/oidc/{endpoint}",
            "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in parameters.items()),
            content_type=FORM,
            headers=headers or {},
        )
        if endpoint == "token" and response.status_code == 200:
            body = response.json()
            SHOWN.update(body[name] for name in _SECRET_MEMBERS if name in body)
        return response

    def read_id_token(self, token: str) -> dict[str, Any]:
        """Check an ID token as a client does: against the JWKS, the issuer and its own id."""
        keys = json.loads(self.service.get("/oidc/jwks").content)["keys"]
        kid = jwt.get_unverified_header(token)["kid"]
        [key] = [key for key in keys if key["kid"] == kid]
        claims: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(key),
            algorithms=[key["alg"]],
            audience=self.client_id,
            issuer="http://localhost:8000/oidc",
        )
        return claims
