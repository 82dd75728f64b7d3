"""What a company asks of everybody who works for it, checked where it acts, and set safely."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from auditlog.models import Event
from companies.models import (
    Company,
    Invitation,
    Membership,
    PolicyError,
    Proof,
    Role,
    Shortfall,
    is_within,
    parse_domains,
    parse_networks,
)
from companies.operations import (
    EmailDomainError,
    NotAllowedError,
    OwnNetworkError,
    OwnSecondFactorError,
    PolicyFacts,
    accept_invitation,
    change_policy,
    invite_person,
)
from tests.accounts.pages import enrol
from tests.companies.pages import invite
from tests.factories.companies import SYSTEM, join_company
from vop.lib.errors import StaleError

SignIn = Callable[[User], Client]
NOTHING = PolicyFacts(
    requires_second_factor=False, session_minutes=None, email_domains=[], networks=[]
)


def ask(company: Company, **rules: object) -> None:
    Company.objects.filter(pk=company.pk).update(**rules)


def set_policy(company: Company, *, has_second_factor: bool = True, **rules: Any) -> Company:
    now = datetime.now(UTC)
    return change_policy(
        company=company,
        facts=PolicyFacts(**{**vars_of(NOTHING), **rules}),
        version=company.version,
        proof=Proof(now, has_second_factor, "192.0.2.7"),
        acting=Membership.objects.get(pk=company.main_contact_id),
        actor=SYSTEM,
        now=now,
    )


def vars_of(facts: PolicyFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in PolicyFacts.__dataclass_fields__}


def prove(client: Client, user: User, *, age: float = 0, second_factor: bool = False) -> None:
    at = time.time() - age
    records = [{"method": "password", "at": at, "email": user.email}]
    if second_factor:
        records.append({"method": "mfa", "at": at, "type": "totp"})
    session = client.session
    session["account_authentication_methods_user"] = str(user.pk)
    session["account_authentication_methods"] = records
    facts = session.get("vop_session", {})
    session["vop_session"] = {**facts, "at": at}
    session.save()


# --- Reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("192.0.2.0/24, 2001:db8::/32", ["192.0.2.0/24", "2001:db8::/32"]),
        ("192.0.2.7\n192.0.2.7", ["192.0.2.7/32"]),
        ("  ", []),
    ],
)
def test_networks_are_read_as_people_write_them(text: str, networks: list[str]) -> None:
    assert parse_networks(text) == networks


@pytest.mark.parametrize(
    "text", ["192.0.2.7/24", "0.0.0.0/0", "::/0", "huset", "10.0.0.0/33", "192.0.2.0/24/8"]
)
def test_network_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match=r".") as refused:
        parse_networks(text)
    assert text.split("/", maxsplit=1)[0] in str(refused.value.message)


def test_domains_are_read_as_people_write_them() -> None:
    assert parse_domains("@Exempel.se; bolag.example") == ["bolag.example", "exempel.se"]
    for text in ("nix", "a@b.se", "exempel..se", "*.exempel.se"):
        with pytest.raises(PolicyError):
            parse_domains(text)


def test_ipv4_inside_ipv6_is_ipv4() -> None:
    assert is_within("::ffff:192.0.2.7", ["192.0.2.0/24"])
    assert is_within("2001:db8::1", ["192.0.2.0/24", "2001:db8::/32"])
    assert not is_within("198.51.100.1", ["192.0.2.0/24"])
    assert not is_within("", ["192.0.2.0/24"])


@given(
    minutes=st.sampled_from([None, 15, 30, 60, 120, 240, 480]),
    age=st.integers(min_value=0, max_value=40_000),
    needs=st.booleans(),
    has=st.booleans(),
)
def test_more_rules_never_let_more_in(
    *, minutes: int | None, age: int, needs: bool, has: bool
) -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    proof = Proof(now - timedelta(seconds=age), has, "192.0.2.7")
    company = Company(session_minutes=minutes, requires_second_factor=needs)
    found = company.find_shortfall(proof, at=now)
    company.networks = ["198.51.100.0/24"]

    assert (found is None) == (not (needs and not has) and (minutes is None or age < minutes * 60))
    assert company.find_shortfall(proof, at=now) == Shortfall.NETWORK


# --- Where it acts -------------------------------------------------------------------------------


def test_second_factor_is_asked_for_in_this_company_only(
    sign_in: SignIn, alice: User, acme: Company, other: Company
) -> None:
    join_company(other, alice, Role.MEMBER)
    ask(acme, requires_second_factor=True)
    client = sign_in(alice)
    prove(client, alice)

    assert client.get(f"/c/{other.pk}/").status_code == 200
    answer = client.get(f"/c/{acme.pk}/members/?q=a")
    assert answer["Location"] == "/account/security/app/add/"
    enrol(alice)
    answer = client.get(f"/c/{acme.pk}/members/?q=a")
    assert answer["Location"].startswith("/account/confirm/code/?next=")
    prove(client, alice, second_factor=True)
    assert client.get(f"/c/{acme.pk}/members/").status_code == 200


def test_session_too_old_is_asked_again(sign_in: SignIn, alice: User, acme: Company) -> None:
    ask(acme, session_minutes=15)
    client = sign_in(alice)
    prove(client, alice, age=14 * 60)
    assert client.get(f"/c/{acme.pk}/").status_code == 200
    prove(client, alice, age=16 * 60)

    page = client.get(f"/c/{acme.pk}/members/")
    post = client.post(f"/c/{acme.pk}/leave/")

    assert page["Location"].startswith("/account/confirm/")
    assert post["Location"].endswith("next=/account/confirm/go-on/")  # what was sent is kept
    assert Membership.objects.filter(user=alice, valid_until=None).exists()


def test_other_networks_are_shut_out(
    sign_in: SignIn, alice: User, acme: Company, mallory: User, settings: Any
) -> None:
    ask(acme, networks=["192.0.2.0/24", "2001:db8::/32"])
    client = sign_in(alice)

    def status(**headers: str) -> int:
        return int(client.get(f"/c/{acme.pk}/", headers=headers).status_code)

    assert status() == 403
    assert status(x_forwarded_for="192.0.2.7") == 403  # anybody can write that
    settings.TRUSTED_PROXY_COUNT = 1
    assert status(x_forwarded_for="192.0.2.7") == 200
    assert status(x_forwarded_for="2001:db8::7") == 200
    assert status(x_forwarded_for="192.0.2.7, 198.51.100.7") == 403
    assert sign_in(mallory).get(f"/c/{acme.pk}/").status_code == 404  # it tells outsiders nothing


def test_address_of_another_domain_is_neither_invited_nor_accepted(
    acme: Company, alice: User
) -> None:
    invitation = invite(acme, email="nils@annan.example")
    owner = Membership.objects.get(pk=acme.main_contact_id)
    now = datetime.now(UTC)
    ask(acme, email_domains=["exempel.se"])
    nils = User.objects.create_user("nils@annan.example")

    with pytest.raises(EmailDomainError):
        accept_invitation(invitation=invitation, user=nils, actor=SYSTEM, now=invitation.created_at)
    for email, roles in (("ny@annan.example", {Role.MEMBER}), ("x@fexempel.se", {Role.MEMBER})):
        with pytest.raises(EmailDomainError):
            invite_person(
                company=acme, email=email, full_name="", roles=roles, acting=owner,
                actor=SYSTEM, now=now,
            )  # fmt: skip
    invite_person(
        company=acme, email="ny@Exempel.se", full_name="", roles={Role.MEMBER}, acting=owner,
        actor=SYSTEM, now=now,
    )  # fmt: skip
    assert Invitation.objects.pending(now).filter(email="ny@exempel.se").exists()


# --- Setting -------------------------------------------------------------------------------------


def test_rules_are_shown_with_whom_they_meet_and_then_set(
    sign_in: SignIn, alice: User, bob: User, acme: Company
) -> None:
    client = sign_in(alice)
    prove(client, alice, second_factor=True)
    enrol(alice)
    rules = {
        "requires_second_factor": "on",
        "session_minutes": "60",
        "networks": "127.0.0.0/8",
        "email_domains": "bolag.example",
        "version": acme.version,
    }
    assert client.get(f"/c/{acme.pk}/policies/").status_code == 200

    shown = client.post(f"/c/{acme.pk}/policies/", rules)
    acme.refresh_from_db()
    assert shown.status_code == 200
    assert shown.context["met"].without_second_factor.names == ["Bob Berg"]
    assert shown.context["met"].with_other_addresses.count == 2
    assert not acme.requires_second_factor

    done = client.post(f"/c/{acme.pk}/policies/save/", rules)
    acme.refresh_from_db()
    assert done.status_code == 302
    assert (acme.requires_second_factor, acme.session_minutes) == (True, 60)
    assert (acme.networks, acme.email_domains) == (["127.0.0.0/8"], ["bolag.example"])
    assert Event.objects.get(action="company.policy_changed").data["fields"]


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        ({"networks": ["198.51.100.0/24"]}, OwnNetworkError),
        ({"requires_second_factor": True, "has_second_factor": False}, OwnSecondFactorError),
    ],
)
def test_nobody_shuts_themselves_out(
    acme: Company, rules: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        set_policy(acme, **rules)
    acme.refresh_from_db()
    assert (acme.networks, acme.requires_second_factor) == ([], False)


@pytest.mark.parametrize(
    "rules",
    [
        {"networks": "198.51.100.0/24"},
        {"networks": "huset"},
        {"email_domains": "a@b.se"},
        {"session_minutes": "7"},
        {"requires_second_factor": "on"},
    ],
)
def test_wrong_rules_stay_in_the_form(
    sign_in: SignIn, alice: User, acme: Company, rules: dict[str, str]
) -> None:
    client = sign_in(alice)
    for page in ("", "save/"):
        answer = client.post(f"/c/{acme.pk}/policies/{page}", {**rules, "version": acme.version})
        assert answer.status_code == 422
        assert next(iter(rules.values())) in answer.content.decode()


def test_stale_form_changes_nothing(acme: Company) -> None:
    set_policy(acme, session_minutes=60)
    with pytest.raises(StaleError):
        set_policy(acme, session_minutes=30)


def test_right_is_asked_for_under_the_lock(acme: Company, bob: User) -> None:
    now = datetime.now(UTC)
    with pytest.raises(NotAllowedError):
        change_policy(
            company=acme,
            facts=NOTHING,
            version=1,
            proof=Proof(now, has_second_factor=True, ip="192.0.2.7"),
            acting=Membership.objects.get(user=bob),
            actor=SYSTEM,
            now=now,
        )


def test_database_knows_the_lengths_of_sessions(acme: Company) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ask(acme, session_minutes=7)
