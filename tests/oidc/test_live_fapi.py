"""A FAPI 2.0 client against a live provider: real HTTP, real signatures, headers as they come."""

import http.client
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from companies.models import Role
from oidc.protocol.client_auth import ASSERTION_TYPE
from tests.factories.accounts import make_user
from tests.factories.companies import join_company, make_company
from tests.factories.oidc import CALLBACK, make_client
from tests.factories.services import entitle, make_service, seat
from tests.oidc.conftest import put_keys
from tests.oidc.fapi_party import Key, make_key, make_proof, now
from tests.oidc.live import open_browser
from tests.oidc.relying_party import make_pkce


class LiveParty:
    """The client's back channel: everything it sends is proved by one of its two keys."""

    def __init__(self, told: dict[str, Any], client_id: str, key: Key) -> None:
        self.told, self.client_id, self.key = told, client_id, key
        self.dpop_key = make_key("ES256")

    def post(self, address: str, **parameters: str) -> Any:
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.told["issuer"],
            "exp": now() + 60,
            "jti": make_pkce()[0],
        }
        proved = {
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.key.sign(claims, {"kid": self.key.jwk["kid"]}),
        }
        url = self.told[address]
        proof = make_proof(self.dpop_key, "POST", url)
        response = requests.post(url, {**parameters, **proved}, headers={"dpop": proof}, timeout=20)
        assert response.ok, response.text
        return response.json()

    def read_userinfo(self, token: str, *proofs: str) -> tuple[int, str]:
        """Ask with as many DPoP headers as there are proofs."""
        parts = urlsplit(self.told["userinfo_endpoint"])
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        connection.putrequest("GET", parts.path)
        connection.putheader("Authorization", f"DPoP {token}")
        for proof in proofs:
            connection.putheader("DPOP", proof)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.django_db(transaction=True)
def test_fapi2_happy_flow_over_real_http(live_server: LiveServer, settings: Settings) -> None:
    settings.OIDC_ISSUER = f"{live_server.url}/oidc"
    put_keys()
    alice = make_user(email="alice@exempel.se")
    acme = make_company(name="Acme AB", owner=alice, org_number="5560160680")
    bob = make_user(email="bob@exempel.se", full_name="Bob Berg")
    service = make_service()
    seat(entitle(acme, service), join_company(acme, bob, Role.MEMBER))
    key = make_key("PS256")
    profile, _secret = make_client(
        service, profile="fapi2", auth_method="private_key_jwt", jwks={"keys": [key.jwk]}
    )
    found = requests.get(f"{settings.OIDC_ISSUER}/.well-known/openid-configuration", timeout=20)
    party = LiveParty(found.json(), profile.client_id_text, key)

    verifier, challenge = make_pkce()
    pushed = party.post(
        "pushed_authorization_request_endpoint",
        response_type="code",
        redirect_uri=CALLBACK,
        scope="openid profile",
        code_challenge=challenge,
        code_challenge_method="S256",
    )
    address = requests.Request(
        "GET",
        party.told["authorization_endpoint"],
        params={"client_id": party.client_id, "request_uri": pushed["request_uri"]},
    )
    browser = open_browser(live_server, bob)
    opened = browser.session.get(address.prepare().url or "", allow_redirects=False, timeout=20)
    answer = parse_qs(urlsplit(opened.headers["Location"]).query)
    assert set(answer) == {"code", "iss"}

    tokens = party.post(
        "token_endpoint",
        grant_type="authorization_code",
        code=answer["code"][0],
        redirect_uri=CALLBACK,
        code_verifier=verifier,
    )
    keys = jwt.PyJWKClient(party.told["jwks_uri"])
    signed_by = keys.get_signing_key_from_jwt(tokens["id_token"])
    claims = jwt.decode(
        tokens["id_token"], signed_by, ["ES256"], audience=party.client_id, issuer=answer["iss"][0]
    )
    assert claims["sub"] == str(bob.sub)

    token, url = tokens["access_token"], party.told["userinfo_endpoint"]
    proofs = [make_proof(party.dpop_key, "GET", url, token=token) for _time in range(3)]
    status, body = party.read_userinfo(token, proofs[0])
    assert (status, bool(re.search("Bob Berg", body))) == (200, True)
    assert party.read_userinfo(token, proofs[1], proofs[2])[0] == 401
    assert party.read_userinfo(token, proofs[0])[0] == 401
    assert party.read_userinfo(token)[0] == 401
