import time
import uuid

import time_machine
from django.conf import settings
from django.test import Client

from accounts.models import Session, User
from accounts.queries import get_session_ref
from auditlog.models import Event
from tests.accounts.pages import PASSWORD, deliver, post_login

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_profile_changes_name_and_language(client: Client, alice: User) -> None:
    post_login(client, alice.email)

    answer = client.post("/account/", {"full_name": "Alice Ek Berg", "language": "en"})

    assert answer["Location"] == "/account/"
    assert answer.cookies[settings.LANGUAGE_COOKIE_NAME].value == "en"
    alice.refresh_from_db()
    assert (alice.full_name, alice.language) == ("Alice Ek Berg", "en")
    event = Event.objects.get(action="person.updated")
    assert event.data == {"language": "en"}
    assert event.personal.data == {"full_name": "Alice Ek Berg"}
    assert 'lang="en"' in client.get("/account/").content.decode()


def test_profile_keeps_what_was_typed_when_it_is_refused(client: Client, alice: User) -> None:
    post_login(client, alice.email)

    answer = client.post("/account/", {"full_name": "", "language": "en"})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["full_name"]
    assert answer.context["form"]["language"].value() == "en"
    assert not Event.objects.filter(action="person.updated").exists()


def test_profile_saved_unchanged_logs_nothing(client: Client, alice: User) -> None:
    post_login(client, alice.email)

    client.post("/account/", {"full_name": alice.full_name, "language": alice.language})

    assert not Event.objects.filter(action="person.updated").exists()


def test_security_page_lists_own_sessions_this_one_first(
    client: Client, alice: User, mallory: User
) -> None:
    post_login(Client(), mallory.email)
    post_login(Client(headers={"user-agent": FIREFOX}, REMOTE_ADDR="192.0.2.7"), alice.email)
    post_login(client, alice.email)

    sessions = client.get("/account/security/").context["sessions"]

    assert [session.is_current for session in sessions] == [True, False]
    other = sessions[1].row
    assert (other.device, other.ip) == ("Firefox · Linux", "192.0.2.7")


def test_ended_session_is_out_at_once(client: Client, alice: User) -> None:
    other = Client()
    post_login(other, alice.email)
    ref = get_session_ref(other.get("/account/").wsgi_request)
    post_login(client, alice.email)

    answer = client.post(f"/account/security/sessions/{ref}/end/")

    assert answer["Location"] == "/account/security/"
    assert other.get("/account/").status_code == 302
    assert client.get("/account/").status_code == 200
    event = Event.objects.get(action="session.revoked")
    assert event.data == {"session": ref}
    assert client.post(f"/account/security/sessions/{ref}/end/").status_code == 404


def test_session_of_another_person_cannot_be_ended(
    client: Client, alice: User, mallory: User
) -> None:
    other = Client()
    post_login(other, mallory.email)
    ref = get_session_ref(other.get("/account/").wsgi_request)
    post_login(client, alice.email)

    assert client.post(f"/account/security/sessions/{ref}/end/").status_code == 404
    assert client.post(f"/account/security/sessions/{uuid.uuid4()}/end/").status_code == 404
    assert other.get("/account/").status_code == 200


def test_every_other_session_is_ended(client: Client, alice: User) -> None:
    others = [Client(), Client()]
    for other in others:
        post_login(other, alice.email)
    post_login(client, alice.email)

    client.post("/account/security/sessions/end-others/")

    assert [other.get("/account/").status_code for other in others] == [302, 302]
    assert client.get("/account/").status_code == 200
    assert Event.objects.filter(action="session.revoked").count() == 2


def test_session_pages_change_nothing_by_get(client: Client, alice: User) -> None:
    post_login(client, alice.email)

    assert client.get("/account/security/sessions/end-others/").status_code == 405
    assert client.get(f"/account/security/sessions/{uuid.uuid4()}/end/").status_code == 405


def test_session_keeps_its_name_and_notes_when_it_was_seen(client: Client, alice: User) -> None:
    post_login(client, alice.email)
    before = Session.objects.get(user=alice)
    with time_machine.travel(time.time() + 60, tick=True):
        client.get("/account/security/")
    assert Session.objects.get(user=alice).seen_at == before.seen_at

    with time_machine.travel(time.time() + 3600, tick=True):
        client.get("/account/security/")

    after = Session.objects.get(user=alice)
    assert after.ref == before.ref
    assert after.seen_at is not None
    assert before.seen_at is not None
    assert (after.seen_at - before.seen_at).total_seconds() > 3500
    assert after.expire_date == before.expire_date


def test_session_ends_twelve_hours_after_the_last_proof_however_much_it_is_used(
    client: Client, alice: User
) -> None:
    start = time.time()
    post_login(client, alice.email)
    for hours in range(1, 12):
        with time_machine.travel(start + hours * 3600, tick=True):
            assert client.get("/account/").status_code == 200
    with time_machine.travel(start + 11.9 * 3600, tick=True):
        client.post("/account/confirm/", {"password": PASSWORD})

    with time_machine.travel(start + 12.1 * 3600, tick=True):
        assert client.get("/account/").status_code == 200
    with time_machine.travel(start + 24.1 * 3600, tick=True):
        assert client.get("/account/").status_code == 302


def test_email_is_changed_with_a_code_and_the_old_address_is_told(
    client: Client, alice: User
) -> None:
    post_login(client, alice.email)
    assert client.get("/account/email/").status_code == 200

    asked = client.post("/account/email/", {"email": "ny@exempel.se", "action_add": "1"})

    assert asked["Location"] == "/login/verify/"
    [message] = deliver()
    assert message.to == ["ny@exempel.se"]
    code = next(line.strip() for line in str(message.body).splitlines() if line[:4] == "    ")
    page = client.get("/login/verify/")
    assert page.status_code == 200
    assert client.post("/login/verify/", {"code": "FEL", "action": "verify"}).status_code == 422
    client.post("/login/verify/", {"code": code, "action": "verify"})
    alice.refresh_from_db()
    assert alice.email == "ny@exempel.se"
    [told] = deliver()
    assert told.to == ["alice@exempel.se"]
    changed = Event.objects.get(action="email.changed")
    assert changed.data == {}
    assert changed.personal.data == {"before": "alice@exempel.se", "after": "ny@exempel.se"}
    assert Event.objects.filter(action="email.verified").count() == 1
    client.post("/logout/")
    assert post_login(client, "ny@exempel.se", PASSWORD).status_code == 302


def test_email_change_takes_a_fresh_proof(client: Client, alice: User) -> None:
    post_login(client, alice.email)

    with time_machine.travel(time.time() + 3600, tick=True):
        asked = client.post("/account/email/", {"email": "ny@exempel.se", "action_add": "1"})

    assert asked["Location"].startswith("/account/confirm/")
    assert deliver() == []


def test_email_of_somebody_else_is_not_taken(client: Client, alice: User, mallory: User) -> None:
    post_login(client, alice.email)

    asked = client.post("/account/email/", {"email": mallory.email, "action_add": "1"})

    assert asked["Location"] == "/login/verify/"  # not told apart from a free one
    for message in deliver():
        code = next(
            (line.strip() for line in str(message.body).splitlines() if line[:4] == "    "), ""
        )
        client.post("/login/verify/", {"code": code, "action": "verify"})
    alice.refresh_from_db()
    assert alice.email == "alice@exempel.se"
