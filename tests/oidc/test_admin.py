"""The provider's pages for staff."""

import time
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from auditlog.models import Event
from oidc.models import Grant, SigningKey
from tests.oidc.relying_party import RelyingParty

OFFLINE = "openid offline_access"


@pytest.fixture
def desk(staff: User) -> Client:
    """A member of staff with every right, who gave a second factor."""
    staff.is_superuser = True
    staff.save()
    client = Client()
    client.force_login(staff, backend="accounts.adapter.SignInBackend")
    session = client.session
    session["account_authentication_methods_user"] = str(staff.pk)
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time(), "email": staff.email},
        {"method": "mfa", "at": time.time(), "id": 0, "type": "totp"},
    ]
    session.save()
    return client


def act(desk: Client, model: str, action: str, pk: Any) -> Any:
    return desk.post(f"/admin/oidc/{model}/", {"action": action, "_selected_action": str(pk)})


def test_staff_give_a_client_a_new_secret_that_is_shown_once(
    desk: Client, rp: RelyingParty
) -> None:
    page = act(desk, "clientprofile", "renew_secret", rp.profile.pk)
    secret = page.context["secret"]
    assert "no-store" in page.headers["Cache-Control"]
    listed = desk.get(f"/admin/oidc/clientprofile/{rp.profile.pk}/change/").content.decode()
    assert secret not in listed
    assert rp.secret not in listed
    rp.secret = secret
    assert rp.post("introspect", token="x").status_code == 200
    event = Event.objects.get(action="client_app.secret_rotated")
    assert event.actor_kind == "staff"


def test_staff_end_a_grant(desk: Client, rp: RelyingParty) -> None:
    token = rp.get_tokens(scope=OFFLINE)["access_token"]
    act(desk, "grant", "revoke", Grant.objects.get().pk)
    assert Grant.objects.get().revoked_reason == "by_staff"
    assert rp.userinfo(token).status_code == 401


def test_staff_disable_a_client(desk: Client, rp: RelyingParty) -> None:
    token = rp.get_tokens(scope=OFFLINE)["access_token"]
    act(desk, "clientprofile", "disable", rp.profile.pk)
    assert rp.userinfo(token).status_code == 401
    assert Event.objects.filter(action="client_app.disabled").count() == 1


def test_staff_rotate_a_key_and_never_see_its_private_half(desk: Client, rp: RelyingParty) -> None:
    key = SigningKey.objects.get(alg="RS256")
    act(desk, "signingkey", "rotate", key.pk)
    assert SigningKey.objects.filter(alg="RS256").count() == 2
    act(desk, "signingkey", "rotate", key.pk)
    assert SigningKey.objects.filter(alg="RS256").count() == 2
    page = desk.get(f"/admin/oidc/signingkey/{key.pk}/change/").content.decode()
    assert key.private_sealed not in page


def test_staff_revoke_a_key_that_leaked(desk: Client, rp: RelyingParty) -> None:
    key = SigningKey.objects.get(alg="RS256")
    act(desk, "signingkey", "revoke", key.pk)
    assert key.kid not in rp.service.get("/oidc/jwks").content.decode()
    assert rp.read_id_token(rp.get_tokens()["id_token"])
    assert Event.objects.get(action="signing_key.revoked").actor_kind == "staff"
    act(desk, "signingkey", "revoke", key.pk)  # told that there is none
    assert Event.objects.filter(action="signing_key.revoked").count() == 1


@pytest.mark.parametrize("model", ["clientprofile", "grant", "signingkey"])
def test_rows_are_read_only(desk: Client, rp: RelyingParty, model: str) -> None:
    rp.get_tokens()
    assert desk.get(f"/admin/oidc/{model}/").status_code == 200
    assert desk.get(f"/admin/oidc/{model}/add/").status_code == 403
    pk = {"clientprofile": rp.profile.pk, "grant": Grant.objects.get().pk}.get(
        model, SigningKey.objects.order_by("pk")[0].pk
    )
    assert desk.get(f"/admin/oidc/{model}/{pk}/change/").status_code == 200
    assert desk.post(f"/admin/oidc/{model}/{pk}/change/", {}).status_code == 403
    assert desk.post(f"/admin/oidc/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403
