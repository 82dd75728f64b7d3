from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from django.test import Client, RequestFactory

from accounts.http import open_signup
from accounts.models import User
from accounts.queries import get_authentication
from auditlog.models import Event
from tests.accounts.pages import OTHER_PASSWORD, deliver, post_login


@pytest.fixture
def invited(client: Client, db: None) -> Callable[[str], Client]:
    """A browser that opened an invitation."""

    def _invited(email: str = "nils@exempel.se") -> Client:
        request = RequestFactory().get("/")
        request.session = client.session
        answer = open_signup(
            request, email=email, full_name="Nils Ny", next_url="/account/security/"
        )
        assert answer["Location"] == "/signup/"
        request.session.save()
        client.cookies["session"] = str(request.session.session_key)
        return client

    return _invited


def test_sign_up_is_closed_without_an_invitation(client: Client, db: None) -> None:
    assert client.get("/signup/").status_code == 403
    answer = client.post("/signup/", {"full_name": "Nils", "password": OTHER_PASSWORD})
    assert answer.status_code == 403
    assert not User.objects.exists()


def test_sign_up_makes_a_person_with_the_invited_address(
    invited: Callable[..., Client],
) -> None:
    client = invited()
    page = client.get("/signup/").content.decode()
    assert "nils@exempel.se" in page
    assert 'value="Nils Ny"' in page

    answer = client.post(
        "/signup/",
        {"full_name": "Nils Nyman", "password": OTHER_PASSWORD, "email": "annan@exempel.se"},
    )

    assert answer["Location"] == "/account/security/"
    user = User.objects.get()
    assert (user.email, user.full_name, user.language) == ("nils@exempel.se", "Nils Nyman", "sv")
    assert EmailAddress.objects.get(user=user).verified
    assert client.get("/account/security/").status_code == 200
    proof = get_authentication(client.get("/account/").wsgi_request)
    assert proof.amr == ("pwd",)
    events = Event.objects.order_by("pk")
    assert [(e.action, e.actor_id) for e in events] == [
        ("person.created", str(user.pk)),
        ("login.succeeded", str(user.pk)),
    ]
    assert events[0].personal.data == {"email": "nils@exempel.se"}
    assert client.get("/signup/")["Location"] == "/"
    assert deliver() == []


def test_sign_up_keeps_what_was_typed_when_the_password_is_weak(
    invited: Callable[..., Client],
) -> None:
    client = invited()

    answer = client.post("/signup/", {"full_name": "Nils Nyman", "password": "kort"})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["password"]
    assert 'value="Nils Nyman"' in answer.content.decode()
    assert not User.objects.exists()


def test_sign_up_leads_to_sign_in_when_the_account_exists(
    invited: Callable[..., Client], alice: User
) -> None:
    client = invited("Alice@exempel.se")

    answer = client.post("/signup/", {"full_name": "Al", "password": OTHER_PASSWORD})

    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors()
    assert User.objects.count() == 1


def test_sign_up_uses_an_invitation_once(invited: Callable[..., Client]) -> None:
    client = invited()
    client.post("/signup/", {"full_name": "Nils", "password": OTHER_PASSWORD})
    client.post("/logout/")

    assert client.get("/signup/").status_code == 403
    assert post_login(client, "nils@exempel.se", OTHER_PASSWORD).status_code == 302
