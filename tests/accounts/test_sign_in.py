import re
from datetime import datetime

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import hashers, login
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from redis.connection import Connection as RedisConnection

from accounts.adapter import SessionStore
from accounts.models import Session, User
from accounts.queries import get_authentication
from auditlog.models import Event
from companies.models import Company
from tests.accounts.pages import OTHER_PASSWORD, WRONG, deliver, find_link, post_login
from tests.factories.accounts import PASSWORD, make_user


def test_sign_in_shows_a_form_that_password_managers_know(client: Client, db: None) -> None:
    page = client.get("/login/").content.decode()

    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert "placeholder" not in page


def test_sign_in_page_shows_nobody_what_another_browser_gave(client: Client, db: None) -> None:
    plain = client.get("/login/").content.decode()
    post_login(client, "alice@exempel.se", WRONG)
    hinted = client.get("/login/", {"login": "bob@exempel.se"}).content.decode()
    english = Client(headers={"accept-language": "en"}).get("/login/").content.decode()
    again = Client().get("/login/").content.decode()

    assert 'value="bob@exempel.se"' in hinted
    assert "Password" in english
    assert all("exempel.se" not in page for page in (plain, english, again))
    assert _without_token(again) == _without_token(plain)


def _without_token(page: str) -> str:
    return re.sub(r'(?<=name="csrfmiddlewaretoken" value=")[^"]+', "", page)


def test_sign_in_stays_out_of_caches_and_its_password_out_of_reports(
    client: Client, db: None
) -> None:
    for answer in (client.get("/login/"), post_login(client, "alice@exempel.se", WRONG)):
        assert "no-store" in answer["Cache-Control"]
        assert vars(answer.wsgi_request)["sensitive_post_parameters"] == ("password",)


def test_sign_in_sends_who_is_signed_in_on(client: Client, alice: User) -> None:
    client.force_login(alice)
    answer = client.get("/login/", {"next": "/account/"})
    assert (answer.status_code, answer["Location"]) == (302, "/account/")


def test_sign_in_leads_on_and_logs_when_the_password_is_right(client: Client, alice: User) -> None:
    answer = post_login(client, "Alice@Exempel.SE", next="/account/")

    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert "messages" not in answer.cookies  # nothing to be said on the next page
    event = Event.objects.get(action="login.succeeded")
    assert event.target_id == str(alice.pk)
    assert event.actor_id == str(alice.pk)
    session = Session.objects.get(user=alice)
    assert event.data == {"session": str(session.ref), "methods": ["password"]}
    assert client.get("/account/").status_code == 200


def test_sign_in_never_leads_to_another_site(client: Client, alice: User) -> None:
    answer = post_login(client, alice.email, next="https://ond.example/")

    assert answer["Location"] == "/"


@pytest.mark.parametrize(
    "cookie", [r'"\000' + "a" * 31 + '"', r'"\377' + "a" * 31 + '"', "a b" * 11]
)
def test_session_cookie_that_cannot_be_ours_is_nobodys(db: None, cookie: str) -> None:
    """A quoted cookie may spell any byte; PostgreSQL takes no NUL."""
    client = Client(headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})

    assert client.get("/login/").status_code == 200
    assert client.get("/account/").status_code == 302


@pytest.mark.parametrize("email", ["alice@exempel.se", "ingen@exempel.se"])
def test_sign_in_answers_alike_for_wrong_address_and_wrong_password(
    client: Client, alice: User, email: str
) -> None:
    answer = post_login(client, email, WRONG)

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "error-summary" in page
    assert f'value="{email}"' in page
    assert WRONG not in page
    told = answer.context["form"].non_field_errors()
    assert [error.code for error in told.as_data()] == ["email_password_mismatch"]
    event = Event.objects.get(action="login.failed")
    assert event.data == {"reason": "wrong_password"}
    assert event.personal.data == {"email": email}
    assert event.outcome == "failure"
    assert event.target_id == (str(alice.pk) if email == alice.email else "")


def test_sign_in_hashes_once_for_known_and_unknown_addresses(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes the time is hashing: both ways must do it equally often."""
    hasher = hashers.get_hasher()
    calls: list[str] = []
    encode = type(hasher).encode

    def counting(self: object, password: str, salt: str) -> str:
        calls.append(password)
        return str(encode(self, password, salt))  # type: ignore[arg-type]

    monkeypatch.setattr(type(hasher), "encode", counting)
    counts = []
    for email in ("alice@exempel.se", "ingen@exempel.se"):
        calls.clear()
        post_login(client, email, WRONG)
        counts.append(len(calls))

    assert counts[0] == counts[1] == 1


def test_sign_in_tells_a_deactivated_person_only_after_the_right_password(
    client: Client, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)

    wrong = post_login(client, alice.email, WRONG)
    right = post_login(client, alice.email)

    assert wrong.status_code == 422
    assert right["Location"] == "/login/deactivated/"
    assert client.get("/login/deactivated/").status_code == 200
    assert client.get("/account/")["Location"].startswith("/login/")
    reasons = Event.objects.filter(action="login.failed").order_by("pk")
    assert [event.data["reason"] for event in reasons] == ["wrong_password", "deactivated"]


def test_sign_in_is_throttled_kindly_and_then_refuses_the_right_password(
    client: Client, alice: User
) -> None:
    for _attempt in range(5):
        post_login(client, alice.email, WRONG)

    answer = post_login(client, alice.email)

    assert answer.status_code == 429
    assert "error-summary" in answer.content.decode()
    last = Event.objects.order_by("pk").last()
    assert last is not None
    assert (last.action, last.outcome) == ("login.failed", "denied")
    assert last.data == {"reason": "throttled"}


def test_sign_in_gets_a_kind_page_when_one_address_hammers(client: Client, db: None) -> None:
    for attempt in range(31):
        answer = post_login(client, f"n{attempt}@exempel.se", WRONG)

    assert answer.status_code == 429
    assert answer["Retry-After"] == "60"
    assert 'lang="sv"' in answer.content.decode()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"login": "", "password": PASSWORD}, "login"),
        ({"login": "inte en adress", "password": PASSWORD}, "login"),
        ({"login": "alice@exempel.se", "password": ""}, "password"),
    ],
)
def test_sign_in_says_beside_the_field_what_is_missing(
    client: Client, alice: User, data: dict[str, str], field: str
) -> None:
    answer = client.post("/login/", data)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]


def test_sign_in_sends_a_code_to_an_address_that_nobody_proved(client: Client, db: None) -> None:
    user = make_user(email="ny@exempel.se")
    EmailAddress.objects.filter(user=user).update(verified=False)

    assert post_login(client, user.email, next="/account/")["Location"] == "/login/verify/"
    [message] = deliver()
    code = next(line.strip() for line in str(message.body).splitlines() if line[:4] == "    ")
    assert client.get("/account/").status_code == 302
    again = client.post("/login/verify/", {"action": "resend"})
    assert again.status_code in {302, 429}
    answer = client.post("/login/verify/", {"code": code, "action": "verify"})

    assert answer["Location"] == "/account/"
    assert client.get("/account/").status_code == 200
    verified = Event.objects.get(action="email.verified")
    assert verified.target_id == str(user.pk)


def test_sign_in_makes_the_page_speak_the_persons_language(client: Client, db: None) -> None:
    user = make_user(email="eve@exempel.se", language="en")

    answer = post_login(client, user.email)

    assert answer.cookies[settings.LANGUAGE_COOKIE_NAME].value == "en"
    assert 'lang="en"' in client.get("/account/").content.decode()


def test_session_knows_when_and_how_it_was_proved(client: Client, alice: User) -> None:
    post_login(client, alice.email)

    proof = get_authentication(client.get("/account/").wsgi_request)

    assert proof.amr == ("pwd",)
    assert proof.acr == "urn:vop:acr:one-factor"
    assert not proof.has_second_factor
    age = datetime.now(proof.auth_time.tzinfo) - proof.auth_time
    assert 0 <= age.total_seconds() < 60


def test_sign_out_asks_first_then_ends_the_session(client: Client, alice: User) -> None:
    post_login(client, alice.email)

    page = client.get("/logout/")
    assert page.status_code == 200
    assert 'id="logout-confirm"' in page.content.decode()
    assert 'id="logout-cancel"' in page.content.decode()
    answer = client.post("/logout/")

    assert answer["Location"] == "/login/"
    assert client.get("/account/").status_code == 302
    assert not Session.objects.filter(user=alice).exists()
    event = Event.objects.get(action="logout.completed")
    assert event.actor_id == str(alice.pk)


def test_nothing_secret_reaches_the_log(
    client: Client, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    post_login(client, alice.email, WRONG)
    post_login(client, alice.email)
    client.post("/logout/")

    for secret in (PASSWORD, WRONG, alice.email):
        assert secret not in caplog.text
        assert secret not in str(list(Event.objects.values_list("data", flat=True)))


def test_well_known_addresses_lead_on(client: Client, db: None) -> None:
    assert client.get("/.well-known/change-password")["Location"] == "/account/security/password/"
    text = client.get("/.well-known/security.txt")
    assert text["Content-Type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in text.content.decode().splitlines())
    assert fields.keys() == {"Contact", "Expires", "Preferred-Languages", "Canonical"}
    assert fields["Contact"].startswith("mailto:")
    assert datetime.fromisoformat(fields["Expires"]) > datetime.now().astimezone()


def test_session_that_was_ended_is_not_written_again(client: Client, alice: User) -> None:
    post_login(client, alice.email)
    store = client.session
    assert isinstance(store, SessionStore)
    store["more"] = 1
    Session.objects.filter(user=alice).delete()  # from elsewhere, while a request is under way

    with pytest.raises(UpdateError):
        store.save()
    assert not Session.objects.filter(user=alice).exists()


def test_two_sessions_never_share_a_key(db: None) -> None:
    first = SessionStore()
    first.save()
    second = SessionStore(first.session_key)

    with pytest.raises(CreateError), transaction.atomic():
        second.save(must_create=True)


def test_session_keeps_what_is_written_to_it_and_its_owner(client: Client, alice: User) -> None:
    post_login(client, alice.email)
    before = Session.objects.get(user=alice)
    store = client.session
    store["more"] = 1
    store.save()

    after = Session.objects.get(user=alice)
    assert (after.ref, after.signed_in_at) == (before.ref, before.signed_in_at)
    assert SessionStore(after.session_key)["more"] == 1


def test_sign_in_writes_its_session_once_and_what_changes_again(alice: User) -> None:
    request = RequestFactory().get("/")
    request.session = store = SessionStore()
    login(request, alice, backend="accounts.adapter.SignInBackend")
    row = Session.objects.get(user=alice)
    Session.objects.filter(pk=row.pk).update(ip="192.0.2.7")

    store.save()
    assert Session.objects.get(user=alice).ip == "192.0.2.7"
    store["more"] = 1
    store.save()
    del store["more"]
    store.save()
    assert Session.objects.get(user=alice).ip == row.ip
    assert "more" not in SessionStore(row.session_key)
    store.cycle_key()
    store.save()
    assert Session.objects.get(user=alice).session_key == store.session_key != row.session_key


def test_sign_in_counts_failures_alone(client: Client, alice: User) -> None:
    for _time in range(12):  # more than an address may fail in a minute
        assert post_login(client, alice.email).status_code == 302
        client.logout()
    for _time in range(4):  # one less than a person may fail in five
        assert post_login(client, alice.email, WRONG).status_code == 422
    assert post_login(client, alice.email).status_code == 302


def test_sign_in_is_throttled_per_person_and_per_address(client: Client, alice: User) -> None:
    for attempt in range(10):
        assert post_login(client, f"n{attempt}@exempel.se", WRONG).status_code == 422
    assert post_login(client, alice.email).status_code == 429

    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert post_login(elsewhere, alice.email).status_code == 302


def test_new_password_ends_the_wait(client: Client, alice: User) -> None:
    for _attempt in range(6):
        post_login(client, alice.email, WRONG)
    client.post("/password/reset/", {"email": alice.email})
    page = client.get(find_link(deliver()[-1]))
    client.post(page["Location"], {"password1": OTHER_PASSWORD})

    assert post_login(client, alice.email, OTHER_PASSWORD).status_code == 302


def test_sign_in_notes_when_it_was(client: Client, alice: User) -> None:
    assert alice.last_login is None
    post_login(client, alice.email)
    alice.refresh_from_db()
    assert alice.last_login == Event.objects.get(action="login.succeeded").occurred_at


def test_sign_in_of_somebody_deleted_meanwhile_is_refused(alice: User) -> None:
    User.objects.filter(pk=alice.pk).delete()
    request = RequestFactory().get("/")
    request.session = SessionStore()
    with pytest.raises(User.DoesNotExist):
        login(request, alice, backend="accounts.adapter.SignInBackend")
    assert not Event.objects.filter(action="login.succeeded").exists()


@pytest.mark.skipif(
    connection.vendor != "postgresql" or not settings.REDIS_URL,
    reason="SQLite and files take several steps for one of these",
)
def test_sign_in_asks_its_stores_seldom(
    acme: Company, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside its hash a sign-in costs its round trips (docs/performance.md)."""
    sent: list[object] = []
    send = RedisConnection.send_packed_command

    def noting(self: RedisConnection, command: object, *args: object, **options: object) -> None:
        sent.append(command)
        send(self, command, *args, **options)  # type: ignore[no-untyped-call]

    post_login(Client(), bob.email)  # what a process keeps is there now
    monkeypatch.setattr(RedisConnection, "send_packed_command", noting)
    browser = Client()
    with CaptureQueriesContext(connection) as queries:
        browser.get("/login/")
    assert (len(queries), len(sent)) == (0, 0)
    with CaptureQueriesContext(connection) as queries:
        assert post_login(browser, bob.email).status_code == 302
    # The person, their factors, their companies; the event with its readers and the session.
    assert len(sent) == 3
    assert len(queries) == 4
