import base64
import re
import time

import pyotp
import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import User
from accounts.queries import get_authentication
from auditlog.models import Event
from tests.accounts.pages import code_of, deliver, enrol, post_login


def actions_of(user: User) -> list[str]:
    events = Event.objects.filter(target_id=str(user.pk)).order_by("pk")
    return list(events.values_list("action", flat=True))


def enrol_by_page(client: Client) -> pyotp.TOTP:
    page = client.get("/account/security/app/add/")
    assert page.status_code == 200
    secret = page.context["form"].secret
    assert "data:image/svg+xml;base64," in page.content.decode()
    app = pyotp.TOTP(secret)
    answer = client.post("/account/security/app/add/", {"code": code_of(app)})
    assert answer["Location"] == "/account/security/recovery-codes/"
    return app


def test_app_is_added_with_recovery_codes(client: Client, alice: User) -> None:
    post_login(client, alice.email)

    app = enrol_by_page(client)

    codes = client.get("/account/security/recovery-codes/").context["unused_codes"]
    assert len(codes) == 10
    assert actions_of(alice) == ["login.succeeded", "totp.enrolled", "recovery_code.generated"]
    assert [message.subject for message in deliver()] == ["En autentiseringsapp har lagts till"]
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert app.secret not in stored
    assert not any(code in stored for code in codes)
    proof = get_authentication(client.get("/account/").wsgi_request)
    assert proof.amr == ("otp", "pwd", "mfa")
    assert proof.acr == "urn:vop:acr:two-factors"


def test_app_is_added_only_with_its_right_code(client: Client, alice: User) -> None:
    post_login(client, alice.email)
    before = client.get("/account/security/app/add/").context["form"].secret

    answer = client.post("/account/security/app/add/", {"code": "000000"})

    assert answer.status_code == 422
    assert answer.context["form"].secret == before  # the scanned picture still holds
    assert not Authenticator.objects.exists()


def test_sign_in_takes_a_code_from_the_app(client: Client, alice: User) -> None:
    app = enrol(alice)

    answer = post_login(client, alice.email, next="/account/security/")
    assert answer["Location"] == "/login/code/"
    assert client.get("/account/").status_code == 302  # the password alone lets nobody in
    assert client.get("/login/code/").status_code == 200
    wrong = client.post("/login/code/", {"code": "000000"})
    assert wrong.status_code == 422
    right = client.post("/login/code/", {"code": code_of(app)})

    assert right["Location"] == "/account/security/"
    request = client.get("/account/").wsgi_request
    proof = get_authentication(request)
    assert proof.has_second_factor
    failed, succeeded = Event.objects.filter(action__startswith="login.").order_by("pk")
    assert failed.data == {"reason": "wrong_code"}
    assert succeeded.data["methods"] == ["password", "totp"]


def test_code_works_once(client: Client, alice: User) -> None:
    app = enrol(alice)
    code = code_of(app)
    post_login(client, alice.email)
    client.post("/login/code/", {"code": code})
    other = Client()
    post_login(other, alice.email)

    assert other.post("/login/code/", {"code": code}).status_code == 422


def test_codes_cannot_be_guessed(client: Client, alice: User) -> None:
    app = enrol(alice)
    post_login(client, alice.email)
    for _attempt in range(5):
        client.post("/login/code/", {"code": "000000"})

    assert client.post("/login/code/", {"code": code_of(app)}).status_code == 429


def test_recovery_code_lets_in_once(client: Client, alice: User) -> None:
    post_login(client, alice.email)
    enrol_by_page(client)
    code = client.get("/account/security/recovery-codes/").context["unused_codes"][0]
    deliver()
    other = Client()
    post_login(other, alice.email)

    assert other.post("/login/code/", {"code": code}).status_code == 302

    assert "recovery_code.used" in actions_of(alice)
    assert [message.subject for message in deliver()] == ["En återställningskod har använts"]
    third = Client()
    post_login(third, alice.email)
    assert third.post("/login/code/", {"code": code}).status_code == 422


def test_recovery_codes_are_made_anew_and_downloaded(client: Client, alice: User) -> None:
    post_login(client, alice.email)
    enrol_by_page(client)
    old = client.get("/account/security/recovery-codes/").context["unused_codes"]
    deliver()

    with time_machine.travel(time.time() + 60, tick=True):
        assert client.get("/account/security/recovery-codes/new/").status_code == 200
        answer = client.post("/account/security/recovery-codes/new/")

        assert answer["Location"] == "/account/security/recovery-codes/"
        text = client.get("/account/security/recovery-codes/download/").content.decode()
        assert len(re.findall(r"^\d{8}$", text, re.MULTILINE)) == 10
        assert not any(code in text for code in old)
        assert [m.subject for m in deliver()] == ["Du har nya återställningskoder"]
    assert actions_of(alice).count("recovery_code.generated") == 2


def test_app_is_removed_with_its_codes_after_a_fresh_proof(client: Client, alice: User) -> None:
    post_login(client, alice.email)
    app = enrol_by_page(client)
    with time_machine.travel(time.time() + 3600, tick=True):
        asked = client.post("/account/security/app/remove/")
        assert asked["Location"].startswith("/account/confirm/?next=")
        code_page = client.get("/account/confirm/code/?next=/account/security/app/remove/")
        assert code_page.status_code == 200
        proved = client.post(
            "/account/confirm/code/",
            {"code": code_of(app), "next": "/account/security/app/remove/"},
        )
        assert proved.status_code == 302

        assert proved["Location"] == "/account/security/second-factor/"  # resumed where it was

    assert not Authenticator.objects.filter(user=alice).exists()
    actions = actions_of(alice)
    assert {"totp.removed", "recovery_code.removed", "login.stepped_up"} <= set(actions)


def test_fresh_sign_in_is_not_asked_again(client: Client, alice: User) -> None:
    post_login(client, alice.email)

    assert client.get("/account/security/app/add/").status_code == 200


def test_confirming_with_the_password_leads_back(client: Client, alice: User) -> None:
    post_login(client, alice.email)
    with time_machine.travel(time.time() + 3600, tick=True):
        asked = client.get("/account/security/app/add/")
        assert asked["Location"] == "/account/confirm/?next=%2Faccount%2Fsecurity%2Fapp%2Fadd%2F"
        assert client.get(asked["Location"]).status_code == 200
        wrong = client.post(asked["Location"], {"password": "fel men lång nog"})
        assert wrong.status_code == 422
        right = client.post(asked["Location"], {"password": "en lång och säker lösenfras"})

        assert right["Location"] == "/account/security/app/add/"
        assert client.get("/account/security/app/add/").status_code == 200
    assert "login.stepped_up" in actions_of(alice)


@pytest.mark.parametrize(
    "path",
    [
        "/account/security/app/add/",
        "/account/security/app/remove/",
        "/account/security/recovery-codes/",
        "/account/security/recovery-codes/new/",
        "/account/security/recovery-codes/download/",
        "/account/security/",
        "/account/",
        "/account/email/",
        "/account/security/password/",
        "/account/confirm/",
        "/account/confirm/code/",
    ],
)
def test_own_pages_ask_anonymous_people_to_sign_in(client: Client, db: None, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


def test_picture_holds_the_key_without_leaving_the_page(client: Client, alice: User) -> None:
    post_login(client, alice.email)
    page = client.get("/account/security/app/add/").content.decode()

    found = re.search(r"data:image/svg\+xml;base64,([^\"]+)", page)

    assert found
    assert base64.b64decode(found[1]).lstrip().startswith(b"<?xml")
    assert "<svg" not in page.split('id="main"')[1].split("data:image")[1][:50]
