"""A second, independent client library (pyoidc) against a live provider."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from oic.oic import Client as OicClient
from oic.oic.message import AuthorizationResponse, RegistrationResponse
from oic.utils.authn.client import CLIENT_AUTHN_METHOD
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from companies.models import Role
from tests.factories.accounts import make_user
from tests.factories.companies import join_company, make_company
from tests.factories.oidc import CALLBACK, make_client
from tests.factories.services import entitle, make_service, seat
from tests.oidc.conftest import put_keys
from tests.oidc.live import open_browser

make_registration: Any = RegistrationResponse  # the library has no types


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_second_client_library_walks_from_discovery_to_refresh(
    live_server: LiveServer, settings: Settings, alg: str
) -> None:
    settings.OIDC_ISSUER = f"{live_server.url}/oidc"
    put_keys()
    alice = make_user(email="alice@exempel.se", full_name="Alice Ek")
    acme = make_company(name="Acme AB", owner=alice, org_number="5560160680")
    bob = make_user(email="bob@exempel.se", full_name="Bob Berg")
    service = make_service()
    seat(entitle(acme, service), join_company(acme, bob, Role.MEMBER))
    profile, secret = make_client(service, require_pkce=False, id_token_alg=alg)

    client: Any = OicClient(client_authn_method=CLIENT_AUTHN_METHOD)
    client.provider_config(settings.OIDC_ISSUER)
    client.store_registration_info(
        make_registration(
            client_id=profile.client_id_text,
            client_secret=secret,
            redirect_uris=[CALLBACK],
            id_token_signed_response_alg=alg,
        )
    )
    answer = authorize(client, live_server, bob)
    tokens = client.do_access_token_request(
        state="the state",
        request_args={"code": answer["code"], "redirect_uri": CALLBACK},
        authn_method="client_secret_basic",
    )
    id_token = tokens["id_token"]
    assert id_token["sub"] == str(bob.sub)
    assert id_token["nonce"] == "the nonce"
    assert id_token["company"]["org_number"] == "5560160680"

    info = client.do_user_info_request(state="the state")
    assert info["name"] == "Bob Berg"
    assert info["sub"] == id_token["sub"]

    newer = client.do_access_token_refresh(state="the state", authn_method="client_secret_basic")
    assert newer["access_token"] != tokens["access_token"]
    assert newer["refresh_token"] != tokens["refresh_token"]
    assert newer["id_token"]["auth_time"] == id_token["auth_time"]


def authorize(client: Any, live_server: LiveServer, user: User) -> Any:
    request = client.construct_AuthorizationRequest(
        request_args={
            "response_type": "code",
            "scope": ["openid", "profile", "offline_access"],
            "redirect_uri": CALLBACK,
            "state": "the state",
            "nonce": "the nonce",
        }
    )
    browser = open_browser(live_server, user)
    response = browser.session.get(
        request.request(client.authorization_endpoint), allow_redirects=False, timeout=20
    )
    assert response.status_code == 302, response.text
    return client.parse_response(
        AuthorizationResponse, urlsplit(response.headers["Location"]).query, sformat="urlencoded"
    )
