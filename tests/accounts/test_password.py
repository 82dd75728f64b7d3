import pytest
from django.contrib.auth.hashers import check_password
from django.core import mail
from django.test import Client

from accounts.models import Session, User
from auditlog.models import Event
from tests.accounts.pages import OTHER_PASSWORD, WRONG, deliver, find_link, post_login
from tests.factories.accounts import PASSWORD
from vop.lib.outbox.models import Job


def ask_for_reset(client: Client, email: str) -> str:
    answer = client.post("/password/reset/", {"email": email})
    assert answer.status_code == 302
    return str(answer["Location"])


def test_reset_leads_through_the_mail_to_a_new_password(client: Client, alice: User) -> None:
    elsewhere = Client()
    post_login(elsewhere, alice.email)

    assert ask_for_reset(client, alice.email) == "/password/reset/sent/"
    assert client.get("/password/reset/sent/").status_code == 200
    [message] = deliver()
    assert message.to == [alice.email]
    assert message.subject == "Välj ett nytt lösenord"
    landing = client.get(find_link(message))
    assert "set-password" in landing["Location"]  # the key is gone from the address
    form = client.get(landing["Location"])
    assert 'autocomplete="new-password"' in form.content.decode()
    done = client.post(landing["Location"], {"password1": OTHER_PASSWORD})

    assert done["Location"] == "/password/reset/done/"
    assert client.get("/password/reset/done/").status_code == 200
    alice.refresh_from_db()
    assert check_password(OTHER_PASSWORD, alice.password)
    assert elsewhere.get("/account/").status_code == 302
    assert client.get("/account/").status_code == 302  # the link alone lets nobody in
    actions = list(Event.objects.order_by("pk").values_list("action", flat=True))
    assert actions == [
        "login.succeeded", "password.reset_requested", "password.reset", "session.revoked",
    ]  # fmt: skip
    [told] = deliver()
    assert told.subject == "Ditt lösenord har bytts"
    assert post_login(client, alice.email, OTHER_PASSWORD).status_code == 302


def test_reset_answers_alike_for_an_unknown_address(client: Client, db: None) -> None:
    assert ask_for_reset(client, "ingen@exempel.se") == "/password/reset/sent/"

    [message] = deliver()
    assert message.to == ["ingen@exempel.se"]
    assert "/password/reset/" not in str(message.body)
    assert not Event.objects.filter(action="password.reset_requested").exists()


def test_reset_lets_no_deactivated_person_in(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)

    ask_for_reset(client, alice.email)

    [message] = deliver()
    assert "/password/reset/" not in str(message.body)


def test_reset_link_works_once(client: Client, alice: User) -> None:
    ask_for_reset(client, alice.email)
    [message] = deliver()
    link = find_link(message)
    page = client.get(link)["Location"]
    client.post(page, {"password1": OTHER_PASSWORD})

    again = Client().get(link)

    assert again.status_code == 410
    assert "token_fail" in again.context


@pytest.mark.parametrize("password", ["kort", "1234567890", "alice@exempel.se"])
def test_reset_says_what_is_wrong_with_a_weak_password(
    client: Client, alice: User, password: str
) -> None:
    ask_for_reset(client, alice.email)
    [message] = deliver()
    page = client.get(find_link(message))["Location"]

    answer = client.post(page, {"password1": password})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["password1"]
    alice.refresh_from_db()
    assert check_password(PASSWORD, alice.password)


def test_reset_is_throttled_per_address(client: Client, alice: User) -> None:
    for _attempt in range(5):
        ask_for_reset(client, alice.email)

    answer = client.post("/password/reset/", {"email": alice.email})

    assert answer.status_code == 429


def test_waiting_reset_mail_is_sealed(client: Client, alice: User) -> None:
    ask_for_reset(client, alice.email)

    stored = str(list(Job.objects.values_list("kwargs", flat=True)))
    assert alice.email not in stored
    assert "password/reset" not in stored


def test_password_change_ends_the_other_sessions(client: Client, alice: User) -> None:
    elsewhere = Client()
    post_login(elsewhere, alice.email)
    post_login(client, alice.email)

    answer = client.post(
        "/account/security/password/", {"oldpassword": PASSWORD, "password1": OTHER_PASSWORD}
    )

    assert answer.status_code == 302
    assert client.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302
    assert Session.objects.filter(user=alice).count() == 1
    assert Event.objects.filter(action="password.set", target_id=str(alice.pk)).count() == 1
    assert [message.to for message in deliver()] == [[alice.email]]
    assert OTHER_PASSWORD not in str(mail.outbox[-1].body)


def test_password_change_takes_the_current_password(client: Client, alice: User) -> None:
    post_login(client, alice.email)

    answer = client.post(
        "/account/security/password/", {"oldpassword": WRONG, "password1": OTHER_PASSWORD}
    )

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["oldpassword"]
    assert not Event.objects.filter(action="password.set").exists()
