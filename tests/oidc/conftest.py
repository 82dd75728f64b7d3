from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from companies.models import Company, Membership
from oidc.models import NEVER, Algorithm, SigningKey
from oidc.protocol import jose
from services.models import Seat, Service
from tests.factories.oidc import make_client
from tests.factories.services import entitle, make_service, seat
from tests.oidc.relying_party import SHOWN, RelyingParty
from vop.lib.crypto import seal

MembershipOf = Callable[[User, Company], Membership]
SignIn = Callable[[User], Client]
MakeRelyingParty = Callable[..., RelyingParty]
_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Search all log output of every test here for each secret, code and token that it used."""
    SHOWN.clear()
    yield
    text = "\n".join(map(caplog.handler.format, caplog.get_records("call")))
    assert [secret for secret in SHOWN if secret in text] == []


@cache
def make_key_values(alg: str) -> dict[str, object]:
    """One key per algorithm and test run: making an RSA key takes its time."""
    private = jose.make_private_key(alg)
    jwk = jose.to_public_jwk(alg, private)
    return {
        "alg": alg,
        "kid": jwk["kid"],
        "public_jwk": jwk,
        "private_sealed": seal(jose.to_pem(private)),
        "created_at": _EPOCH,
        "published_from": _EPOCH,
        "active_from": _EPOCH,
        "retiring_from": NEVER,
        "retired_at": NEVER,
    }


def put_keys() -> None:
    for alg in (Algorithm.RS256, Algorithm.ES256):
        SigningKey.objects.create(**make_key_values(alg))


@pytest.fixture
def signing_keys(db: None) -> None:
    put_keys()


@pytest.fixture
def bookkeeping(signing_keys: None) -> Service:
    """A first-party service."""
    return make_service()


@pytest.fixture
def bobs_seat(acme: Company, bob: User, bookkeeping: Service, membership_of: MembershipOf) -> Seat:
    return seat(entitle(acme, bookkeeping), membership_of(bob, acme))


@pytest.fixture
def rp(bookkeeping: Service, bobs_seat: Seat, bob: User, sign_in: SignIn) -> RelyingParty:
    """A confidential client of the service, used by bob, who is signed in."""
    profile, secret = make_client(bookkeeping)
    return RelyingParty(profile, secret, sign_in(bob))


@pytest.fixture
def make_rp(rp: RelyingParty) -> MakeRelyingParty:
    """Another client of the same service, in the same browser."""

    def make(**facts: Any) -> RelyingParty:
        profile, secret = make_client(rp.profile.service, **facts)
        return RelyingParty(profile, secret, rp.browser)

    return make
