"""Every way in which an access ends, through its real operation, up to the service (rule 7)."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.operations import deactivate_person, end_other_sessions, end_session
from accounts.queries import SESSION_FACTS
from auditlog.models import Event, EventAudience
from companies.models import Company, Membership, Role
from companies.operations import end_membership, leave_company, suspend_member
from oidc.models import Grant, LogoutDelivery, RefreshToken, RevocationReason
from oidc.operations.clients import disable_client
from oidc.operations.grants import end_grants, end_lapsed_grants, withdraw_consent
from oidc.operations.logout import record_logout_attempt
from services.models import Entitlement, Seat, Service
from services.operations import release_seat, withdraw_service
from tests.factories.companies import SYSTEM, join_company
from tests.factories.oidc import make_client
from tests.factories.services import entitle, seat
from tests.oidc.conftest import SignIn
from tests.oidc.listener import Listener, listen
from tests.oidc.relying_party import RelyingParty
from vop.lib import jobs
from vop.lib.outbox.models import Job

EVENT = "http://schemas.openid.net/event/backchannel-logout"
PASSWORD = "ett långt lösenord för prov"


@dataclass
class House:
    """Bob, signed in to one service for two companies and to another client for one."""

    rp: RelyingParty
    bob: User
    acme: Company
    other: Company
    tokens: dict[str, Any]
    elsewhere: dict[str, Any]
    another: RelyingParty
    anothers: dict[str, Any]

    @property
    def member(self) -> Membership:
        return Membership.objects.get(company=self.acme, user=self.bob, valid_until=None)

    @property
    def owner(self) -> Membership:
        return Membership.objects.exclude(user=self.bob).get(company=self.acme, valid_until=None)

    @property
    def seat(self) -> Seat:
        return Seat.objects.with_names().get(membership=self.member, valid_until=None)

    @property
    def session_ref(self) -> str:
        ref: str = self.rp.browser.session[SESSION_FACTS]["ref"]
        return ref


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listen() as server:
        yield server


@pytest.fixture
def house(
    bookkeeping: Service,
    bobs_seat: Seat,
    bob: User,
    acme: Company,
    other: Company,
    sign_in: SignIn,
    listener: Listener,
) -> House:
    seat(entitle(other, bookkeeping), join_company(other, bob, Role.MEMBER))
    bob.set_password(PASSWORD)
    bob.save()
    profile, secret = make_client(bookkeeping, backchannel_logout_uri=listener.url)
    second, second_secret = make_client(bookkeeping, name="Annan")
    browser = sign_in(bob)
    rp = RelyingParty(profile, secret, browser)
    another = RelyingParty(second, second_secret, browser)
    scope = "openid offline_access"
    return House(
        rp=rp,
        bob=bob,
        acme=acme,
        other=other,
        tokens=rp.get_tokens(company=str(acme.pk), scope=scope),
        elsewhere=rp.get_tokens(company=str(other.pk), scope=scope),
        another=another,
        anothers=another.get_tokens(company=str(acme.pk), scope=scope),
    )


def release(house: House) -> None:
    release_seat(seat=house.seat, actor=SYSTEM, now=timezone.now())


def withdraw(house: House) -> None:
    withdraw_service(entitlement=house.seat.entitlement, actor=SYSTEM, now=timezone.now())


def end_member(house: House) -> None:
    end_membership(membership=house.member, acting=house.owner, actor=SYSTEM, now=timezone.now())


def leave(house: House) -> None:
    leave_company(membership=house.member, actor=SYSTEM, now=timezone.now())


def suspend(house: House) -> None:
    suspend_member(membership=house.member, acting=house.owner, actor=SYSTEM, now=timezone.now())


def deactivate(house: House) -> None:
    deactivate_person(user=house.bob, actor=SYSTEM, now=timezone.now())


def end_one_session(house: House) -> None:
    end_session(user=house.bob, ref=UUID(house.session_ref), actor=SYSTEM, now=timezone.now())


def end_sessions_elsewhere(house: House) -> None:
    end_other_sessions(user=house.bob, keep=str(uuid4()), actor=SYSTEM, now=timezone.now())


def sign_out(house: House) -> None:
    house.rp.browser.get("/oidc/end-session", {"id_token_hint": house.tokens["id_token"]})


def change_password(house: House) -> None:
    second = Client()
    second.force_login(house.bob, "accounts.adapter.SignInBackend")
    session = second.session
    session["account_authentication_methods_user"] = str(house.bob.pk)
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time(), "email": house.bob.email}
    ]
    session.save()
    new = "ett helt annat långt lösenord"
    answer = second.post(
        "/account/security/password/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )
    assert answer.status_code == 302, answer.content


def withdraw_own_consent(house: House) -> None:
    withdraw_consent(client=house.rp.profile, user=house.bob, actor=SYSTEM, now=timezone.now())


def disable(house: House) -> None:
    disable_client(client=house.rp.profile, actor=SYSTEM, now=timezone.now())


def end_by_staff(house: House) -> None:
    grants = Grant.objects.filter(client=house.rp.profile, company=house.acme)
    end_grants(grants, reason=RevocationReason.BY_STAFF, actor=SYSTEM, now=timezone.now())


def replay(house: House) -> None:
    refreshed = house.rp.refresh(house.tokens["refresh_token"]).json()
    used = RefreshToken.objects.filter(grant__client=house.rp.profile)
    used.filter(used_at__isnull=False).update(used_at=timezone.now() - timedelta(minutes=1))
    assert house.rp.refresh(house.tokens["refresh_token"]).status_code == 400
    house.tokens = refreshed


def let_seat_run_out(house: House) -> None:
    Seat.objects.filter(pk=house.seat.pk).update(valid_until=timezone.now())
    end_lapsed_grants(now=timezone.now())


def let_entitlement_run_out(house: House) -> None:
    ends = timezone.now()
    Entitlement.objects.filter(pk=house.seat.entitlement_id).update(valid_until=ends)
    end_lapsed_grants(now=timezone.now())


def let_membership_run_out(house: House) -> None:
    Membership.objects.filter(pk=house.member.pk).update(valid_until=timezone.now())
    end_lapsed_grants(now=timezone.now())


def let_roles_run_out(house: House) -> None:
    house.member.role_grants.update(valid_until=timezone.now())
    end_lapsed_grants(now=timezone.now())


def close_company(house: House) -> None:
    Company.objects.filter(pk=house.acme.pk).update(closed_at=timezone.now())
    end_lapsed_grants(now=timezone.now())


def stop_offering_service(house: House) -> None:
    Service.objects.filter(pk=house.rp.profile.service_id).update(is_active=False)
    end_lapsed_grants(now=timezone.now())


Ending = Callable[[House], None]
COMPANY = "the other company's grant stays"
CLIENT = "the other client's grant stays"
NOBODY = "nothing of the person stays"
ENDINGS: list[tuple[Ending, str]] = [
    (release, COMPANY),
    (withdraw, COMPANY),
    (end_member, COMPANY),
    (leave, COMPANY),
    (suspend, COMPANY),
    (let_seat_run_out, COMPANY),
    (let_entitlement_run_out, COMPANY),
    (let_membership_run_out, COMPANY),
    (let_roles_run_out, COMPANY),
    (close_company, COMPANY),
    (end_by_staff, COMPANY),
    (replay, COMPANY),
    (withdraw_own_consent, CLIENT),
    (disable, CLIENT),
    (deactivate, NOBODY),
    (end_one_session, NOBODY),
    (end_sessions_elsewhere, NOBODY),
    (sign_out, NOBODY),
    (change_password, NOBODY),
    (stop_offering_service, NOBODY),
]


@pytest.mark.parametrize(("ending", "stays"), ENDINGS, ids=[end.__name__ for end, _ in ENDINGS])
def test_ended_access_is_dead_everywhere_and_the_service_is_told(
    house: House, listener: Listener, ending: Ending, stays: str
) -> None:
    begun = time.monotonic()
    ending(house)
    jobs.run_all(now=timezone.now())

    assert house.rp.refresh(house.tokens["refresh_token"]).status_code in {400, 401}
    assert house.rp.userinfo(house.tokens["access_token"]).status_code == 401
    told = house.rp.post("introspect", token=house.tokens["access_token"])
    assert told.status_code == 401 if ending is disable else told.json() == {"active": False}

    sid = jwt.decode(house.tokens["id_token"], options={"verify_signature": False})["sid"]
    [token] = [t for t in listener.tokens if read(house.rp, t)["sid"] == sid]
    check_logout_token(house, token)
    assert len(listener.tokens) == (1 if stays == COMPANY else 2)
    assert time.monotonic() - begun < 60

    if stays == COMPANY:
        assert house.rp.userinfo(house.elsewhere["access_token"]).status_code == 200
    if stays == CLIENT or ending in {end_by_staff, replay}:
        assert house.another.userinfo(house.anothers["access_token"]).status_code == 200
    if stays == NOBODY:
        assert not Grant.objects.live().exists()


def read(rp: RelyingParty, token: str) -> dict[str, Any]:
    return rp.read_id_token(token)


def check_logout_token(house: House, token: str) -> None:
    """What Back-Channel Logout 1.0, 2.6 has a service check."""
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("logout+jwt", "RS256")
    claims = read(house.rp, token)  # signature, iss, aud and exp are checked in there
    assert claims["sub"] == str(house.bob.sub)
    assert claims["events"] == {EVENT: {}}
    assert claims["exp"] - claims["iat"] <= 120
    assert claims["jti"]
    assert "nonce" not in claims


def test_delivery_is_written_down_for_staff_and_the_company(
    house: House, listener: Listener
) -> None:
    release(house)
    [delivery] = LogoutDelivery.objects.all()
    assert delivery.is_open
    assert Job.objects.filter(task="oidc.deliver_logout").count() == 1

    jobs.run_all(now=timezone.now())
    delivery.refresh_from_db()
    assert (delivery.attempts, delivery.last_status) == (1, 200)
    assert delivery.delivered_at is not None
    event = Event.objects.get(action="logout.notified")
    assert EventAudience.objects.filter(event=event, company_id=house.acme.pk).exists()


@pytest.mark.parametrize("status", [302, 400, 500])
def test_service_that_does_not_confirm_is_told_again(
    house: House, listener: Listener, status: int
) -> None:
    listener.status = status
    release(house)
    jobs.run_all(now=timezone.now())
    delivery = LogoutDelivery.objects.get()
    assert (delivery.attempts, delivery.last_status, delivery.is_open) == (1, status, True)
    assert Event.objects.filter(action="logout.notify_failed").count() == 1
    assert len(listener.tokens) == 1  # and no redirect was followed

    listener.status = 204
    jobs.run_all(now=timezone.now() + timedelta(minutes=1))
    delivery.refresh_from_db()
    assert (delivery.attempts, delivery.last_status) == (2, 204)
    first, second = (read(house.rp, token)["jti"] for token in listener.tokens)
    assert first != second


def test_service_that_never_answers_is_given_up(house: House, listener: Listener) -> None:
    listener.status = 500
    release(house)
    delivery = LogoutDelivery.objects.get()
    now = datetime.now(UTC)
    for _attempt in range(jobs.MAX_ATTEMPTS):
        record_logout_attempt(delivery=delivery, status=None, now=now)
    delivery.refresh_from_db()
    assert delivery.given_up_at == now
    assert Event.objects.filter(action="logout.notify_failed").count() == 2
    jobs.run_all(now=timezone.now())
    assert listener.tokens == []


def test_address_inside_is_never_called(house: House, listener: Listener, settings: Any) -> None:
    settings.OIDC_LOGOUT_ALLOWED_HOSTS = []
    release(house)
    jobs.run_all(now=timezone.now())
    assert listener.tokens == []
    assert LogoutDelivery.objects.get().last_status is None


def test_client_that_gives_its_tokens_back_is_not_told(house: House, listener: Listener) -> None:
    house.rp.post("revoke", token=house.tokens["refresh_token"])
    assert not LogoutDelivery.objects.exists()


def test_session_with_another_grant_left_is_not_over(house: House) -> None:
    house.rp.get_tokens(company=str(house.acme.pk), scope="openid offline_access")
    replay(house)
    assert not LogoutDelivery.objects.exists()


def test_sweep_leaves_what_holds(house: House) -> None:
    assert end_lapsed_grants(now=timezone.now()) == 0
    assert Grant.objects.live().count() == 3
