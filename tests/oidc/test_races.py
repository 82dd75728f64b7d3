"""Many at once: exactly one gets the code's tokens, exactly one the refresh, nobody a 500.

200 rounds of 8 threads each, or as many as VOP_RACE_ROUNDS says. The threads keep their database
connections between the rounds, so that they all stand at the door when the shot falls.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.test import Client

from accounts.models import User
from companies.models import Role
from oidc.models import Grant, RefreshToken, SigningKey
from tests.factories.accounts import make_user
from tests.factories.companies import join_company, make_company
from tests.factories.oidc import make_client
from tests.factories.services import entitle, make_service, seat
from tests.oidc.conftest import put_keys
from tests.oidc.relying_party import RelyingParty

THREADS = 8
ROUNDS = int(os.environ.get("VOP_RACE_ROUNDS", "200"))

BACKEND = "accounts.adapter.SignInBackend"

Action = Callable[[], Any]
Race = Callable[[Action], list[Any]]


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
    browser.force_login(bob, BACKEND)
    return RelyingParty(profile, secret, browser)


@pytest.fixture
def race(racer: RelyingParty) -> Iterator[Race]:
    """Do the same in many threads at the same moment."""
    with open_track() as run:
        yield run


@contextmanager
def open_track() -> Iterator[Race]:
    start = Barrier(THREADS)

    def wait_and(action: Action) -> Any:
        start.wait(timeout=60)
        return action()

    def close(_number: int) -> None:
        start.wait(timeout=60)
        connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:

        def run(action: Action) -> list[Any]:
            cache.clear()  # so many losers in five minutes would be slowed down
            return list(pool.map(wait_and, [action] * THREADS))

        try:
            yield run
        finally:
            list(pool.map(close, range(THREADS)))


def test_row_3b_one_code_redeemed_by_many_has_one_winner(racer: RelyingParty, race: Race) -> None:
    for _round in range(ROUNDS):
        code = racer.get_code(scope="openid offline_access")
        answers = race(lambda code=code: racer.redeem(code))  # type: ignore[misc]
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * (THREADS - 1)
        # A code that came twice was stolen once: what it gave is worth nothing any more.
        assert not Grant.objects.live().exists()


def test_row_3_one_refresh_token_used_by_many_has_one_winner(
    racer: RelyingParty, race: Race
) -> None:
    token = racer.get_tokens(scope="openid offline_access")["refresh_token"]
    for _round in range(ROUNDS):
        answers = race(lambda token=token: racer.refresh(token))  # type: ignore[misc]
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * (THREADS - 1)
        [winner] = [answer.json() for answer in answers if answer.status_code == 200]
        assert RefreshToken.objects.filter(used_at=None).count() == 1
        assert racer.userinfo(winner["access_token"]).status_code == 200
        token = winner["refresh_token"]


def test_revocation_beats_every_refresh_under_way(racer: RelyingParty, race: Race) -> None:
    for _round in range(ROUNDS // 4):
        body = racer.get_tokens(scope="openid offline_access")
        token, turn = body["refresh_token"], count()

        def act(token: str = token, turn: Any = turn) -> Any:
            is_revoker = next(turn) == 0
            return racer.post("revoke", token=token) if is_revoker else racer.refresh(token)

        answers = race(act)
        assert {answer.status_code for answer in answers} <= {200, 400}
        for answer in answers:
            access = answer.json().get("access_token") if answer.content else None
            if access:
                assert racer.userinfo(access).status_code == 401


def test_sign_out_beats_every_code_under_way(racer: RelyingParty, race: Race) -> None:
    """A code that is given out while the session ends would outlive it."""
    bob = User.objects.get(email="bob@exempel.se")
    for _round in range(ROUNDS // 8):
        racer.browser.force_login(bob, BACKEND)
        key, turn = racer.browser.cookies[settings.SESSION_COOKIE_NAME].value, count()

        def act(key: str = key, turn: Any = turn) -> Any:
            browser = Client()
            browser.cookies[settings.SESSION_COOKIE_NAME] = key
            if next(turn) == 0:
                return browser.post("/logout/")
            return browser.get("/oidc/authorize", racer.ask())

        answers = race(act)
        assert {answer.status_code for answer in answers} == {302}
        assert not Grant.objects.live().exists()


def test_first_keys_are_made_once_however_many_ask(transactional_db: None) -> None:
    with open_track() as race:
        for _round in range(max(1, ROUNDS // 20)):
            SigningKey.objects.all().delete()
            answers = race(lambda: Client().get("/oidc/jwks"))
            assert {answer.status_code for answer in answers} == {200}
            assert sorted(SigningKey.objects.values_list("alg", flat=True)) == ["ES256", "RS256"]
            kids = [sorted(key["kid"] for key in answer.json()["keys"]) for answer in answers]
            assert kids == [sorted(SigningKey.objects.values_list("kid", flat=True))] * THREADS
