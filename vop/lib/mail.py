"""Mail: rendered in the person's language, sealed into the outbox, sent after the commit.

A mail is a folder `templates/<app>/mail/<name>/` with `subject.txt`, `body.txt` and, if it needs
one, `body.html`. Until it leaves it stands sealed in the queue: addresses and links are nobody's
business there.
"""

import json
import smtplib
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template import TemplateDoesNotExist
from django.template.loader import get_template, render_to_string
from django.utils import translation

from vop.lib import jobs
from vop.lib.crypto import seal, unseal


class NotTakenError(Exception):
    """The mail server took no mail. Its own words name the address, so they go no further."""


def enqueue_mail(
    *,
    to: str,
    template: str,
    context: Mapping[str, Any],
    language: str,
    key: str | None = None,
) -> None:
    """Render the mail of `template` ("companies/invitation") and send it after the commit."""
    app, name = template.split("/")
    folder = f"{app}/mail/{name}"
    with translation.override(language):
        full = {"base_url": settings.BASE_URL, "language": language, **_flatten(context)}
        message = {
            "to": to,
            "subject": " ".join(render_to_string(f"{folder}/subject.txt", full).split()),
            "text": render_to_string(f"{folder}/body.txt", full).strip() + "\n",
            "html": _render_html(folder, full),
        }
    enqueue_message(key=key, **message)


def enqueue_message(*, to: str, subject: str, text: str, html: str, key: str | None = None) -> None:
    """Send an already rendered mail after the commit; `html` may be empty."""
    message = {"to": to, "subject": subject, "text": text, "html": html}
    jobs.enqueue("vop.send_mail", key=key, sealed=seal(json.dumps(message)))


def send(*, sealed: str) -> None:
    """Hand one sealed mail to the mail server."""
    message = json.loads(unseal(sealed))
    mail = EmailMultiAlternatives(
        subject=message["subject"],
        body=message["text"],
        to=[message["to"]],
        headers={"Auto-Submitted": "auto-generated"},  # RFC 3834: no out-of-office answers
    )
    if message["html"]:
        mail.attach_alternative(message["html"], "text/html")
    try:
        mail.send()
    except smtplib.SMTPException as error:
        raise NotTakenError(_name_fault(error)) from None


def _name_fault(error: smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _text in error.recipients.values()]
    else:
        codes = [error.smtp_code] if isinstance(error, smtplib.SMTPResponseException) else []
    return " ".join([type(error).__name__, *map(str, codes)])


def _flatten(context: Mapping[str, Any]) -> dict[str, Any]:
    """Put each text on one line: a name must not write paragraphs of its own into our mails."""
    return {
        name: " ".join(value.split()) if isinstance(value, str) else value
        for name, value in context.items()
    }


def _render_html(folder: str, context: Mapping[str, Any]) -> str:
    try:
        get_template(f"{folder}/body.html")
    except TemplateDoesNotExist:
        return ""
    return render_to_string(f"{folder}/body.html", dict(context))
