"""Sensitive actions ask for a fresh proof, and what was filled in waits for it (design rule 3)."""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.queries import SESSION_FACTS
from billing.models import PayerConsent
from companies.models import Company, Invitation, Mandate, Membership, Role
from services.models import Package
from tests.factories.accounts import PASSWORD, make_user
from tests.factories.companies import make_company
from tests.factories.mandates import ask_for, make_mandate, owner_of, terms_of
from tests.factories.services import entitle, make_service
from vop.lib.clock import local_date

SignIn = Callable[[User], Client]


@dataclass
class Scene:
    """Somebody about to do something sensitive: where, with what, and how to see that it's done."""

    path: str
    sent: Mapping[str, Any]
    is_done: Callable[[], bool]
    label: str
    extra: dict[str, Any] = field(default_factory=dict)


def approve(acme: Company, byra: Company, client: Client) -> Scene:
    service = make_service()
    entitle(acme, service)
    now = timezone.now()
    terms = terms_of(acme, byra, now=now)
    mandate = ask_for(terms, {service: [Package.OPERATE]}, acting=owner_of(byra), now=now)
    page = client.get(f"/c/{acme.pk}/mandates/{mandate.pk}/").content.decode()
    found = re.search(r'name="text_sha256" value="([0-9a-f]{64})"', page)
    assert found

    def is_done() -> bool:
        mandate.refresh_from_db()
        return mandate.approved_at is not None

    path = f"/c/{acme.pk}/mandates/{mandate.pk}/approve/"
    return Scene(path, {"text_sha256": found[1]}, is_done, "Godkänn fullmakten")


def give(acme: Company, byra: Company, client: Client) -> Scene:
    entitle(acme, make_service())
    path, today = f"/c/{acme.pk}/firms/ask/", local_date(timezone.now())
    sent = {
        "org_number": byra.org_number,
        "first_day": today.isoformat(),
        "last_day": (today + timedelta(days=300)).isoformat(),
        "level_bokforing": "operate",
    }
    page = client.post(path, sent).content.decode()
    found = re.search(r'name="text_sha256" value="([0-9a-f]{64})"', page)
    assert found
    return Scene(path, sent | {"text_sha256": found[1]}, Mandate.objects.exists, "Fråga byrån")


def close(acme: Company, byra: Company, client: Client) -> Scene:
    def is_done() -> bool:
        acme.refresh_from_db()
        return acme.closed_at is not None

    sent = {"org_number": acme.org_number}
    return Scene(f"/c/{acme.pk}/company/close/", sent, is_done, "Avsluta företaget")


def set_rules(acme: Company, byra: Company, client: Client) -> Scene:
    def is_done() -> bool:
        acme.refresh_from_db()
        return acme.session_minutes == 60

    sent = {"version": acme.version, "session_minutes": "60", "email_domains": "", "networks": ""}
    return Scene(f"/c/{acme.pk}/policies/save/", sent, is_done, "Sätt säkerhetsreglerna")


def promote(acme: Company, byra: Company, client: Client) -> Scene:
    member = Membership.objects.get(company=acme, user__email="bob@exempel.se")

    def is_done() -> bool:
        return member.role_grants.filter(role=Role.OWNER, valid_until=None).exists()

    path = f"/c/{acme.pk}/members/{member.pk}/roles/"
    return Scene(
        path, {"roles": ["owner", "billing"]}, is_done, "Gör någon till huvudadministratör"
    )


def invite_owner(acme: Company, byra: Company, client: Client) -> Scene:
    sent = {"email": "ny@exempel.se", "full_name": "Ny Person", "roles": ["owner"]}
    return Scene(
        f"/c/{acme.pk}/members/invite/", sent, Invitation.objects.exists,
        "Bjud in en huvudadministratör",
    )  # fmt: skip


def invite_many(acme: Company, byra: Company, client: Client) -> Scene:
    sent = {"text": "ny@exempel.se", "roles": ["owner"]}
    return Scene(
        f"/c/{acme.pk}/members/invite-many/send/", sent, Invitation.objects.exists,
        "Bjud in en huvudadministratör",
    )  # fmt: skip


def hand_over(acme: Company, byra: Company, client: Client) -> Scene:
    heir = User.objects.get(email="bob@exempel.se")
    leaving = Membership.objects.get(pk=acme.main_contact_id)

    def is_done() -> bool:
        leaving.refresh_from_db()
        return leaving.valid_until is not None

    sent = {"main_contact": heir.email, "owner": heir.email}
    return Scene(
        f"/c/{acme.pk}/members/{leaving.pk}/hand-over/", sent, is_done,
        "Lämna över och gör någon till huvudadministratör",
    )  # fmt: skip


def agree_to_pay(acme: Company, byra: Company, client: Client) -> Scene:
    acme.firm_kind = "accounting"
    acme.save(update_fields=["firm_kind"])
    payer_of = make_company(
        name="Klient AB", owner=make_user(email="k@exempel.se"), org_number="5569876542"
    )
    mandate = make_mandate(payer_of, acme, {make_service(): [Package.READ]}, now=timezone.now())
    path = f"/c/{acme.pk}/clients/{mandate.pk}/pay/"
    page = client.get(path).content.decode()
    found = re.search(r'name="text_sha256" value="([0-9a-f]{64})"', page)
    assert found
    sent = {"text_sha256": found[1]}
    return Scene(path, sent, PayerConsent.objects.exists, "Gå med på att betala")


SCENES = [
    approve, give, close, set_rules, promote, invite_owner, invite_many, hand_over, agree_to_pay,
]  # fmt: skip


def grow_old(client: Client, minutes: int = 11) -> None:
    session = client.session
    facts = session[SESSION_FACTS]
    session[SESSION_FACTS] = {**facts, "at": facts["at"] - minutes * 60}
    session.save()


def read_form(page: str) -> tuple[str, QueryDict]:
    """Return where the page's form goes, and what it sends."""
    action = re.search(r'<form method="post" action="(/c/[^"]+)"', page)
    assert action
    sent = QueryDict(mutable=True)
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page):
        if name != "csrfmiddlewaretoken":
            sent.appendlist(html.unescape(name), html.unescape(value))
    return html.unescape(action[1]), sent


@pytest.fixture
def desk(sign_in: SignIn, alice: User, bob: User) -> Client:
    alice.set_password(PASSWORD)
    alice.save()
    return sign_in(alice)


@pytest.mark.parametrize("stage", SCENES)
def test_sensitive_action_waits_for_a_fresh_proof_and_loses_nothing(
    stage: Callable[..., Scene], desk: Client, acme: Company, byra: Company
) -> None:
    scene = stage(acme, byra, desk)
    grow_old(desk)

    led = desk.post(scene.path, scene.sent)

    assert led["Location"].startswith("/account/confirm/?next=")
    assert not scene.is_done()
    proven = desk.post(led["Location"], {"password": PASSWORD})
    assert proven["Location"] == "/account/confirm/go-on/"
    page = desk.get(proven["Location"]).content.decode()
    assert scene.label in page
    action, sent = read_form(page)
    assert action == scene.path
    assert not scene.is_done()
    desk.post(action, sent.urlencode(), content_type="application/x-www-form-urlencoded")
    assert scene.is_done()


@pytest.mark.parametrize("stage", SCENES)
def test_fresh_proof_is_enough(
    stage: Callable[..., Scene], desk: Client, acme: Company, byra: Company
) -> None:
    scene = stage(acme, byra, desk)
    grow_old(desk, minutes=9)

    desk.post(scene.path, scene.sent)

    assert scene.is_done()


def test_nothing_else_asks(desk: Client, acme: Company) -> None:
    grow_old(desk)

    desk.post(
        f"/c/{acme.pk}/members/invite/",
        {"email": "ny@exempel.se", "full_name": "", "roles": ["member"]},
    )

    assert Invitation.objects.exists()


def test_faults_are_shown_before_a_proof_is_asked_for(desk: Client, acme: Company) -> None:
    grow_old(desk)

    answer = desk.post(f"/c/{acme.pk}/company/close/", {"org_number": "1"})

    assert answer.status_code == 422


def test_stale_proof_is_asked_for_again_when_the_kept_form_is_sent_late(
    desk: Client, acme: Company
) -> None:
    grow_old(desk)
    sent = {"org_number": acme.org_number}
    desk.post(f"/c/{acme.pk}/company/close/", sent)

    desk.get("/account/confirm/go-on/")
    again = desk.post(f"/c/{acme.pk}/company/close/", sent)

    assert again["Location"].startswith("/account/confirm/")
    acme.refresh_from_db()
    assert acme.closed_at is None


def test_kept_form_is_forgotten_once_it_was_sent(desk: Client, acme: Company) -> None:
    scene = invite_owner(acme, acme, desk)
    grow_old(desk)
    led = desk.post(scene.path, scene.sent)
    desk.post(led["Location"], {"password": PASSWORD})
    desk.post(scene.path, scene.sent)

    assert desk.get("/account/confirm/go-on/")["Location"] == "/"


def test_company_that_asks_again_keeps_what_was_sent(desk: Client, acme: Company) -> None:
    Company.objects.filter(pk=acme.pk).update(session_minutes=60)
    grow_old(desk, minutes=61)
    led = desk.post(
        f"/c/{acme.pk}/members/invite/",
        {"email": "ny@exempel.se", "full_name": "", "roles": ["member"]},
    )
    desk.post(led["Location"], {"password": PASSWORD})

    action, sent = read_form(desk.get("/account/confirm/go-on/").content.decode())

    assert action == f"/c/{acme.pk}/members/invite/"
    assert sent["email"] == "ny@exempel.se"
