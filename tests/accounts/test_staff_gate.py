import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.contrib import admin
from django.test import Client

from accounts.models import User
from tests.accounts.pages import code_of, enrol, post_login
from tests.factories.accounts import make_user


def led_to(client: Client, path: str = "/admin/") -> str:
    """Follow the admin's own sign-in address to where it leads."""
    answer = client.get(path)
    assert answer["Location"].startswith("/admin/login/?next=")
    return str(client.get(answer["Location"])["Location"])


def test_admin_sends_anonymous_people_to_the_sign_in(client: Client, db: None) -> None:
    place = urlsplit(led_to(client, "/admin/accounts/user/"))

    assert place.path == "/login/"
    assert parse_qs(place.query) == {"next": ["/admin/accounts/user/"]}


def test_admin_refuses_people_who_are_not_staff(client: Client, alice: User) -> None:
    post_login(client, alice.email)
    answer = client.get("/admin/")

    assert client.get(answer["Location"]).status_code == 403


def test_admin_leads_staff_without_an_app_to_add_one(client: Client, staff: User) -> None:
    post_login(client, staff.email)

    assert led_to(client).startswith("/account/security/app/add/")


def test_admin_opens_after_a_second_factor(client: Client, staff: User) -> None:
    app = enrol(staff)
    post_login(client, staff.email, next="/admin/")
    answer = client.post("/login/code/", {"code": code_of(app)})

    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/login/")["Location"] == "/admin/"


def test_admin_asks_for_a_code_when_this_session_has_none(
    client: Client, staff: User, sign_in: Callable[[User], Client]
) -> None:
    app = enrol(staff)
    sign_in(staff)

    place = led_to(client)
    assert place == "/account/confirm/code/?next=%2Fadmin%2F"
    answer = client.post(place, {"code": code_of(app)})

    assert answer["Location"] == "/admin/"
    # The session was made without a password here, so one kind of proof is all it has.
    assert client.get("/admin/").status_code == 302


def test_admin_asks_again_after_a_working_day(
    client: Client, staff: User, sign_in_staff: Callable[..., Client]
) -> None:
    sign_in_staff()
    assert client.get("/admin/").status_code == 200

    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - 13 * 3600
    session.save()

    assert client.get("/admin/").status_code == 302


def test_admin_never_leads_to_another_site(client: Client, db: None) -> None:
    answer = client.get("/admin/login/?next=https://ond.example/")

    assert answer["Location"] == "/login/?next=%2Fadmin%2F"


def test_admin_shows_no_tables_with_secrets() -> None:
    rooms = {model._meta.app_label for model in admin.site._registry}

    assert rooms.isdisjoint({"account", "mfa", "oidc_provider", "sessions"})


def test_admin_sign_out_and_password_are_the_platforms_own(
    client: Client, sign_in_staff: Callable[..., Client]
) -> None:
    sign_in_staff()

    assert client.get("/admin/password_change/")["Location"] == "/account/security/password/"
    assert client.post("/admin/logout/")["Location"] == "/login/"
    assert client.get("/admin/").status_code == 302


@pytest.fixture
def root(sign_in_staff: Callable[..., Client]) -> Client:
    """The admin in the hands of somebody with every right."""
    boss = make_user(email="root@vop.example", full_name="Rot", is_staff=True, is_superuser=True)
    return sign_in_staff(boss)


def test_people_are_found_and_shown_without_their_secrets(root: Client, alice: User) -> None:
    found = root.get("/admin/accounts/user/?q=alice")
    assert "alice@exempel.se" in found.content.decode()

    page = root.get(f"/admin/accounts/user/{alice.pk}/change/")

    assert page.status_code == 200
    text = page.content.decode()
    assert alice.password not in text
    assert 'name="_save"' not in text
    assert root.get("/admin/accounts/user/add/").status_code == 403
    assert root.post(f"/admin/accounts/user/{alice.pk}/delete/").status_code == 403


def test_person_is_deactivated_and_let_in_again_by_staff(root: Client, alice: User) -> None:
    browser = Client()
    post_login(browser, alice.email)

    root.post(
        "/admin/accounts/user/", {"action": "deactivate", "_selected_action": [str(alice.pk)]}
    )

    alice.refresh_from_db()
    assert not alice.is_active
    assert browser.get("/account/").status_code == 302
    root.post(
        "/admin/accounts/user/", {"action": "reactivate", "_selected_action": [str(alice.pk)]}
    )
    assert User.objects.get(pk=alice.pk).is_active
    assert browser.get("/account/").status_code == 302  # the old session stays ended


def test_staff_cannot_deactivate_themselves(root: Client) -> None:
    boss = User.objects.get(email="root@vop.example")

    root.post("/admin/accounts/user/", {"action": "deactivate", "_selected_action": [str(boss.pk)]})

    boss.refresh_from_db()
    assert boss.is_active


def test_staff_without_the_right_cannot_deactivate(
    client: Client, alice: User, sign_in_staff: Callable[..., Client]
) -> None:
    sign_in_staff()

    answer = client.post(
        "/admin/accounts/user/", {"action": "deactivate", "_selected_action": [str(alice.pk)]}
    )

    assert answer.status_code == 403


def test_second_factor_is_judged_by_the_clock_of_the_request(
    client: Client, sign_in_staff: Callable[..., Client]
) -> None:
    sign_in_staff()

    with time_machine.travel(time.time() + 11 * 3600, tick=True):
        assert client.get("/admin/").status_code == 200
