"""Mail: sealed while it waits, sent after the commit."""

import smtplib
from pathlib import Path

import pytest
from django.core import mail as outbox
from django.template import TemplateDoesNotExist
from django.utils import timezone
from pytest_django import Settings

from vop.lib import jobs
from vop.lib.crypto import unseal
from vop.lib.db import StepOutsideUseCaseError, use_case
from vop.lib.mail import enqueue_mail, enqueue_message
from vop.lib.outbox.models import Job

LINK = "https://konto.example/hemlig-lank"


@pytest.fixture
def hello(tmp_path: Path, settings: Settings) -> Path:
    """A mail `tests/hello` whose subject has the line breaks that templates leave."""
    folder = tmp_path / "tests" / "mail" / "hello"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("Hej\n {{ name }}\n")
    (folder / "body.txt").write_text("\n{{ base_url }} {{ language }} {{ link }}\n\n")
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path]}]
    return folder


def send(**context: str) -> None:
    use_case(enqueue_mail)(
        to="pia@exempel.se",
        template="tests/hello",
        context={"name": "Pia", "link": LINK, **context},
        language="sv",
    )


@pytest.mark.django_db
def test_mail_waits_sealed_and_is_sent_after(hello: Path) -> None:
    send()

    job = Job.objects.get()
    assert job.task == "vop.send_mail"
    assert "pia@exempel.se" not in str(job.kwargs)
    assert LINK not in str(job.kwargs)
    assert LINK in unseal(job.kwargs["sealed"])
    assert outbox.outbox == []

    jobs.run_all(now=timezone.now())

    [message] = outbox.outbox
    assert message.to == ["pia@exempel.se"]
    assert message.subject == "Hej Pia"
    assert message.body == f"http://localhost:8000 sv {LINK}\n"
    assert message.extra_headers == {"Auto-Submitted": "auto-generated"}
    job.refresh_from_db()
    assert job.kwargs == {}


@pytest.mark.django_db
def test_mail_has_a_second_form_where_there_is_one(hello: Path) -> None:
    (hello / "body.html").write_text("<p>{{ name }}</p>")

    send(name="Pia & Co")
    jobs.run_all(now=timezone.now())

    [message] = outbox.outbox
    assert isinstance(message, outbox.EmailMultiAlternatives)
    assert [tuple(part) for part in message.alternatives] == [("<p>Pia &amp; Co</p>", "text/html")]


@pytest.mark.django_db
def test_mail_lets_no_name_write_paragraphs_into_it(hello: Path) -> None:
    (hello / "body.txt").write_text("Hej {{ name }}")

    send(name="du!\r\n\nLogga in på https://elak.example/")
    jobs.run_all(now=timezone.now())

    [message] = outbox.outbox
    assert message.body == "Hej du! Logga in på https://elak.example/\n"


@pytest.mark.django_db
def test_mail_of_an_undone_change_is_never_sent(hello: Path) -> None:
    @use_case
    def change() -> None:
        enqueue_message(to="pia@exempel.se", subject="x", text="x", html="")
        raise LookupError

    with pytest.raises(LookupError):
        change()

    assert not Job.objects.exists()


@pytest.mark.django_db
def test_mail_is_refused_outside_a_use_case() -> None:
    with pytest.raises(StepOutsideUseCaseError):
        enqueue_message(to="pia@exempel.se", subject="x", text="x", html="")


@pytest.mark.django_db
def test_mail_without_a_template_undoes_the_change(hello: Path) -> None:
    with pytest.raises(TemplateDoesNotExist):
        use_case(enqueue_mail)(
            to="pia@exempel.se", template="tests/nothing", context={}, language="sv"
        )
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_mail_that_is_asked_for_twice_under_one_key_goes_once() -> None:
    for _time in range(2):
        use_case(enqueue_message)(
            to="pia@exempel.se", subject="x", text="x", html="", key="reminder-7"
        )
    jobs.run_all(now=timezone.now())

    assert len(outbox.outbox) == 1


@pytest.mark.django_db
def test_mail_server_that_is_away_leaves_the_mail_waiting(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    use_case(enqueue_message)(to="pia@exempel.se", subject="x", text="x", html="")
    jobs.run_all(now=timezone.now())

    job = Job.objects.get()
    assert (job.attempts, job.done_at) == (1, None)
    assert job.run_at > timezone.now()

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    jobs.run_all(now=job.run_at)
    assert len(outbox.outbox) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            smtplib.SMTPRecipientsRefused({"pia@exempel.se": (550, b"pia@exempel.se is full")}),
            "NotTakenError: SMTPRecipientsRefused 550",
        ),
        (
            smtplib.SMTPDataError(554, b"no mail to pia@exempel.se"),
            "NotTakenError: SMTPDataError 554",
        ),
        (smtplib.SMTPServerDisconnected("bye"), "NotTakenError: SMTPServerDisconnected"),
    ],
)
def test_mail_that_is_refused_names_nobody_in_row_and_log(
    fault: smtplib.SMTPException,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_args: object) -> None:
        raise fault

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    use_case(enqueue_message)(to="pia@exempel.se", subject="x", text="x", html="")

    jobs.run_all(now=timezone.now())

    assert Job.objects.get().error == told
    assert "pia@exempel.se" not in caplog.text
