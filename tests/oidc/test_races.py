"""Many at once: exactly one gets the code's tokens, exactly one the refresh, nobody a 500.

VOP_RACE_ROUNDS sets how many rounds; PostgreSQL is where the race is real.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import close_old_connections, connections
from django.test import Client

from accounts.models import User
from companies.models import Role
from oidc.models import Grant, RefreshToken
from tests.factories.accounts import make_user
from tests.factories.companies import join_company, make_company
from tests.factories.oidc import make_client
from tests.factories.services import entitle, make_service, seat
from tests.oidc.conftest import put_keys
from tests.oidc.relying_party import RelyingParty

THREADS = 8
ROUNDS = int(os.environ.get("VOP_RACE_ROUNDS", "5"))


@pytest.fixture
def racer(transactional_db: None) -> RelyingParty:
    put_keys()
    owner = make_user(email="alice@exempel.se")
    acme = make_company(name="Acme AB", owner=owner, org_number="5560160680")
    bob: User = make_user(email="bob@exempel.se")
    service = make_service()
    seat(entitle(acme, service), join_company(acme, bob, Role.MEMBER))
    profile, secret = make_client(service)
    browser = Client()
    browser.force_login(bob, "allauth.account.auth_backends.AuthenticationBackend")
    return RelyingParty(profile, secret, browser)


def race(action: Callable[[], Any]) -> list[Any]:
    """Do the same in many threads at the same moment."""
    start = threading.Barrier(THREADS)
    results: list[Any] = []

    def run() -> None:
        close_old_connections()
        try:
            start.wait()
            results.append(action())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == THREADS
    return results


def test_row_3b_one_code_redeemed_by_many_has_one_winner(racer: RelyingParty) -> None:
    for _round in range(ROUNDS):
        code = racer.get_code(scope="openid offline_access")
        answers = race(lambda code=code: racer.redeem(code))  # type: ignore[misc]
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * (THREADS - 1)
        # A code that came twice was stolen once: what it gave is worth nothing any more.
        assert not Grant.objects.live().exists()


def test_row_3_one_refresh_token_used_by_many_has_one_winner(racer: RelyingParty) -> None:
    token = racer.get_tokens(scope="openid offline_access")["refresh_token"]
    for _round in range(ROUNDS):
        answers = race(lambda token=token: racer.refresh(token))  # type: ignore[misc]
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * (THREADS - 1)
        [winner] = [answer.json() for answer in answers if answer.status_code == 200]
        assert RefreshToken.objects.filter(used_at=None).count() == 1
        assert racer.userinfo(winner["access_token"]).status_code == 200
        token = winner["refresh_token"]


def test_revocation_beats_every_refresh_under_way(racer: RelyingParty) -> None:
    for _round in range(ROUNDS):
        body = racer.get_tokens(scope="openid offline_access")
        token, turn = body["refresh_token"], iter(range(THREADS))

        def act(token: str = token, turn: Any = turn) -> Any:
            is_revoker = next(turn) == 0
            return racer.post("revoke", token=token) if is_revoker else racer.refresh(token)

        answers = race(act)
        assert {answer.status_code for answer in answers} <= {200, 400}
        for answer in answers:
            access = answer.json().get("access_token") if answer.content else None
            if access:
                assert racer.userinfo(access).status_code == 401
