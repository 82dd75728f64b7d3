"""What a person let in, and taking it back."""

from oidc_provider.models import UserConsent

from accounts.models import User
from auditlog.models import Event
from oidc.models import Grant, RevocationReason
from tests.factories.oidc import make_client
from tests.oidc.conftest import MakeRelyingParty, SignIn
from tests.oidc.relying_party import RelyingParty

PAGE = "/account/services/"


def test_page_lists_services_with_companies(rp: RelyingParty) -> None:
    assert "Acme AB" not in list_rows(rp)
    rp.get_tokens()
    assert "Acme AB" in list_rows(rp)
    assert f"{PAGE}{rp.client_id}/withdraw/" in list_rows(rp)
    assert PAGE in rp.browser.get("/account/security/").content.decode()


def list_rows(rp: RelyingParty) -> str:
    text: str = rp.browser.get(PAGE).content.decode()
    return text.partition('id="consents"')[2]


def test_withdrawing_ends_grants_and_forgets_the_consent(
    rp: RelyingParty, make_rp: MakeRelyingParty
) -> None:
    service = rp.profile.service
    service.is_first_party = False
    service.save()
    asked = rp.authorize()
    rp.browser.post("/oidc/authorize/allow", {"pending": asked.context["pending"]})
    assert UserConsent.objects.filter(client=rp.profile.client).exists()
    service.is_first_party = True
    service.save()
    tokens, others = rp.get_tokens(), make_rp()
    stays = others.get_tokens()

    answer = rp.browser.post(f"{PAGE}{rp.client_id}/withdraw/")
    assert answer.headers["Location"] == PAGE
    assert rp.userinfo(tokens["access_token"]).status_code == 401
    assert others.userinfo(stays["access_token"]).status_code == 200
    assert not UserConsent.objects.exists()
    assert Event.objects.filter(action="consent.withdrawn").count() == 1
    ended = Grant.objects.filter(client=rp.profile)
    assert {grant.revoked_reason for grant in ended} == {RevocationReason.CONSENT_WITHDRAWN}


def test_nobody_withdraws_for_somebody_else(rp: RelyingParty, alice: User, sign_in: SignIn) -> None:
    tokens = rp.get_tokens()
    other, _secret = make_client(rp.profile.service)
    assert rp.browser.post(f"{PAGE}{other.client_id_text}/withdraw/").status_code == 404
    assert rp.browser.get(f"{PAGE}{rp.client_id}/withdraw/").status_code == 405
    sign_in(alice)
    assert rp.browser.post(f"{PAGE}{rp.client_id}/withdraw/").status_code == 404
    assert rp.userinfo(tokens["access_token"]).status_code == 200
