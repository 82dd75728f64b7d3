"""How often each endpoint asks the database: a round trip costs more than most of what it asks."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from companies.models import Company
from oidc.models import RefreshPolicy
from services.models import Service
from tests.factories.oidc import make_client
from tests.factories.services import entitle
from tests.oidc.conftest import MakeRelyingParty
from tests.oidc.relying_party import RelyingParty

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite runs the parts of a statement one by one"
)
Counted = Callable[[int], AbstractContextManager[object]]


@pytest.fixture
def service(make_rp: MakeRelyingParty, settings: Any) -> RelyingParty:
    settings.OIDC_KEYS_REMEMBERED_SECONDS = 30.0  # as it runs
    return make_rp(refresh_policy=RefreshPolicy.ALWAYS)


def test_sign_in_to_a_service(
    service: RelyingParty, acme: Company, django_assert_num_queries: Counted
) -> None:
    service.get_tokens()  # what a process keeps is there now
    with django_assert_num_queries(3):
        service.get_code(company=str(acme.pk))
    with django_assert_num_queries(3):
        code = service.get_code()
    with django_assert_num_queries(2):
        assert service.redeem(code).status_code == 200


def test_token_in_use(service: RelyingParty, django_assert_num_queries: Counted) -> None:
    tokens = service.get_tokens()
    with django_assert_num_queries(1):
        assert service.userinfo(tokens["access_token"]).status_code == 200
    with django_assert_num_queries(1):
        assert service.post("introspect", token=tokens["access_token"]).json()["active"]
    with django_assert_num_queries(2):
        assert service.refresh(tokens["refresh_token"]).status_code == 200


def test_machine(acme: Company, bookkeeping: Service, django_assert_num_queries: Counted) -> None:
    entitle(acme, bookkeeping)
    facts: dict[str, Any] = {
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "scopes": ["ledger.read"],
    }
    profile, secret = make_client(bookkeeping, machine_company=acme, **facts)
    machine = RelyingParty(profile, secret, Client())
    # The first is remembered; the second also compiles what confirms it, inside of a savepoint.
    for _again in range(2):
        assert machine.post("token", grant_type="client_credentials").status_code == 200
    with django_assert_num_queries(1):
        assert machine.post("token", grant_type="client_credentials").status_code == 200
