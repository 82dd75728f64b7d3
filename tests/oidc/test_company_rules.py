"""A company's security rules on the way to a service, and for what the service has already."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from companies.models import Company, Membership, Proof
from companies.operations import PolicyFacts, change_policy
from oidc.models import Grant
from oidc.operations.grants import end_grants_outside_policy, end_lapsed_grants
from tests.accounts.pages import enrol
from tests.factories.companies import SYSTEM
from tests.oidc.relying_party import RelyingParty, read_answer
from tests.oidc.test_step_up import follow, prove_by_code, prove_password, read_claims
from vop.lib import jobs


def ask(company: Company, **rules: object) -> None:
    Company.objects.filter(pk=company.pk).update(**rules)


def test_company_asks_for_the_code_and_goes_on(rp: RelyingParty, bob: User, acme: Company) -> None:
    ask(acme, requires_second_factor=True)
    prove_password(rp.browser, bob)
    app = enrol(bob)

    claims = read_claims(rp, prove_by_code(rp, rp.authorize(), app))

    assert claims["amr"] == ["otp", "pwd", "mfa"]


def test_company_leads_to_setting_one_up(rp: RelyingParty, bob: User, acme: Company) -> None:
    ask(acme, requires_second_factor=True)
    prove_password(rp.browser, bob)

    page = rp.authorize()

    assert page.status_code == 200
    assert acme.name in page.content.decode()
    assert read_answer(rp.authorize(prompt="none"))["error"] == "interaction_required"


def test_others_are_not_asked(rp: RelyingParty, bob: User, other: Company) -> None:
    ask(other, requires_second_factor=True, networks=["198.51.100.0/24"], session_minutes=15)
    prove_password(rp.browser, bob)

    assert "code" in read_answer(rp.authorize())


def test_session_too_old_proves_again(rp: RelyingParty, bob: User, acme: Company) -> None:
    ask(acme, session_minutes=30)
    session = rp.browser.session
    session["vop_session"] = {**session["vop_session"], "at": session["vop_session"]["at"] - 3600}
    session.save()
    prove_password(rp.browser, bob)  # an hour ago

    follow(rp.authorize(), "/account/confirm/")
    assert read_answer(rp.authorize(prompt="none"))["error"] == "login_required"


def test_other_networks_are_refused(rp: RelyingParty, acme: Company) -> None:
    ask(acme, networks=["198.51.100.0/24"])

    assert rp.authorize().status_code == 403
    assert read_answer(rp.authorize(prompt="none"))["error"] == "access_denied"
    assert not Grant.objects.exists()


def test_tokens_end_with_the_session(rp: RelyingParty, acme: Company) -> None:
    ask(acme, session_minutes=15)
    body = rp.redeem(rp.get_code(scope="openid offline_access")).json()
    assert rp.userinfo(body["access_token"]).status_code == 200

    Grant.objects.update(auth_time=timezone.now() - timedelta(minutes=16))

    assert rp.userinfo(body["access_token"]).status_code == 401
    assert rp.refresh(body["refresh_token"]).json()["error"] == "invalid_grant"


def test_service_hears_of_a_session_that_grew_too_old(rp: RelyingParty, acme: Company) -> None:
    rp.redeem(rp.get_code())
    ask(acme, session_minutes=15)
    now = timezone.now()
    assert end_lapsed_grants(now=now) == 0

    assert end_lapsed_grants(now=now + timedelta(minutes=16)) == 1


@pytest.mark.parametrize("rule", [{"requires_second_factor": True}, {"session_minutes": 15}])
def test_new_rules_reach_what_services_have(
    rp: RelyingParty, acme: Company, rule: dict[str, object]
) -> None:
    rp.redeem(rp.get_code())
    Grant.objects.update(auth_time=timezone.now() - timedelta(hours=1))
    now = timezone.now()
    assert end_grants_outside_policy(company_id=acme.pk, now=now) == 0
    nothing: dict[str, Any] = {
        "requires_second_factor": False, "session_minutes": None, "email_domains": [],
        "networks": [],
    }  # fmt: skip

    change_policy(
        company=acme,
        facts=PolicyFacts(**{**nothing, **rule}),
        version=acme.version,
        proof=Proof(now, has_second_factor=True, ip=None),
        acting=Membership.objects.get(pk=acme.main_contact_id),
        actor=SYSTEM,
        now=now,
    )
    jobs.run_all(now=timezone.now())

    assert Grant.objects.get().revoked_at is not None
