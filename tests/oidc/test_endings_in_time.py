"""What ends by its date alone reaches the service within 60 s (design rule 7), measured.

The beat is played by its own schedule, from its worst moment: every task ran just before the end.
Endings that somebody makes need no beat; test_logout_reaches_services.py and test_mandates.py
measure those.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from companies.models import Company, Mandate, Membership, Role, RoleGrant
from oidc import queries, tasks
from oidc.models import Grant, LogoutDelivery
from services.models import Entitlement, Package, Seat, Service
from tests.factories.companies import join_company
from tests.factories.mandates import assign, make_mandate
from tests.factories.oidc import make_client
from tests.factories.services import entitle
from tests.oidc.conftest import SignIn
from tests.oidc.listener import Listener, listen
from tests.oidc.relying_party import RelyingParty
from vop.lib import jobs

LIMIT = timedelta(seconds=60)
Ending = Callable[[datetime], object]

MEMBERS: dict[str, Ending] = {
    "seat": lambda at: Seat.objects.update(valid_until=at),
    "entitlement": lambda at: Entitlement.objects.update(valid_until=at),
    "membership": lambda at: Membership.objects.filter(user__email=BOB).update(valid_until=at),
    "role": lambda at: RoleGrant.objects.filter(membership__user__email=BOB).update(valid_until=at),
    "company": lambda at: Company.objects.filter(name="Acme AB").update(closed_at=at),
    "service": lambda _at: Service.objects.update(is_active=False),
    "person": lambda _at: User.objects.filter(email=BOB).update(is_active=False),
}
BOB = "bob@exempel.se"
BACKEND = "accounts.adapter.SignInBackend"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listen() as server:
        yield server


@pytest.fixture
def told_rp(
    bookkeeping: Service, bobs_seat: Seat, bob: User, sign_in: SignIn, listener: Listener
) -> RelyingParty:
    profile, secret = make_client(bookkeeping, backchannel_logout_uri=listener.url)
    return RelyingParty(profile, secret, sign_in(bob))


def measure(rp: RelyingParty, listener: Listener, token: str, end: datetime) -> timedelta:
    """Play the beat from the end on; return how long the service took to hear of it."""
    schedule: dict[str, Any] = settings.CELERY_BEAT_SCHEDULE
    step = timedelta(seconds=schedule["end-lapsed-grants"]["schedule"])
    found = end + step  # the task ran just before the end
    with time_machine.travel(found, tick=True):
        tasks.end_lapsed_grants()
        jobs.run_all(now=timezone.now())  # the bell of the commit
        assert rp.userinfo(token).status_code == 401
        [delivery] = LogoutDelivery.objects.all()
        assert len(listener.tokens) == 1
        assert delivery.delivered_at is not None
        return timezone.now() - end


@pytest.mark.parametrize("ending", MEMBERS.values(), ids=MEMBERS)
def test_end_by_date_reaches_the_service_within_a_minute(
    told_rp: RelyingParty, listener: Listener, ending: Ending
) -> None:
    token = told_rp.get_tokens(scope="openid offline_access")["access_token"]
    end = timezone.now()
    ending(end)

    assert measure(told_rp, listener, token, end) < LIMIT


def test_mandate_that_runs_out_reaches_the_service_within_a_minute(
    bookkeeping: Service, acme: Company, byra: Company, sign_in: SignIn, listener: Listener
) -> None:
    entitle(acme, bookkeeping)
    moa = join_company(byra, User.objects.create_user("moa@exempel.se"), Role.MEMBER)
    begun = timezone.now() - timedelta(days=10)
    mandate = make_mandate(acme, byra, {bookkeeping: [Package.OPERATE]}, now=begun)
    assign(mandate, moa, {bookkeeping: [Package.OPERATE]}, now=begun)
    profile, secret = make_client(bookkeeping, backchannel_logout_uri=listener.url)
    rp = RelyingParty(profile, secret, sign_in(moa.user))
    end = Mandate.objects.get(pk=mandate.pk).valid_until
    with time_machine.travel(end - timedelta(minutes=1), tick=True):
        rp.browser.force_login(moa.user, "accounts.adapter.SignInBackend")
        body = rp.get_tokens(company=str(acme.pk), scope="openid offline_access")

    assert measure(rp, listener, body["access_token"], end) < LIMIT


def test_one_round_ends_them_all_however_many(
    told_rp: RelyingParty, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large company that closes, or a service that is withdrawn."""
    monkeypatch.setattr(queries, "IN_DOUBT_AT_ONCE", 1)
    for _browser in range(3):
        told_rp.browser = Client()
        told_rp.browser.force_login(User.objects.get(email=BOB), BACKEND)
        told_rp.get_tokens(scope="openid offline_access")
    Service.objects.update(is_active=False)

    tasks.end_lapsed_grants()
    jobs.run_all(now=timezone.now())
    assert not Grant.objects.live().exists()
    assert len(listener.tokens) == 3


def test_a_lost_bell_costs_one_sweep_and_no_more_than_the_minute(
    told_rp: RelyingParty, listener: Listener
) -> None:
    """The queue is away: the row waits for the sweep, which has its own half minute."""
    schedule: dict[str, Any] = settings.CELERY_BEAT_SCHEDULE
    waits = [schedule[name]["schedule"] for name in ("end-lapsed-grants", "sweep-jobs")]
    assert timedelta(seconds=sum(waits)) <= LIMIT

    told_rp.get_tokens(scope="openid offline_access")
    Seat.objects.update(valid_until=timezone.now())
    tasks.end_lapsed_grants()
    assert listener.tokens == []
    assert jobs.sweep(now=timezone.now()) == 1  # it finds what the bell missed
    jobs.run_all(now=timezone.now())
    assert len(listener.tokens) == 1
