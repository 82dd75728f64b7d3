"""What the tests of the companies' pages share."""

import re
from datetime import datetime

from django.core import mail
from django.utils import timezone

from companies.models import Company, Invitation, Membership, Role
from companies.operations import invite_person
from tests.factories.companies import SYSTEM
from vop.lib import jobs


def deliver() -> list[mail.EmailMessage]:
    """Run the waiting jobs; return the mails that left."""
    before = len(mail.outbox)
    jobs.run_all(now=timezone.now())
    return mail.outbox[before:]


def find_path(message: mail.EmailMessage) -> str:
    """Return the address in a mail, without the host."""
    found = re.search(r"http://localhost:8000(/\S+)", str(message.body))
    assert found
    return found[1]


def invite(
    company: Company,
    *roles: Role,
    email: str = "nils@exempel.se",
    now: datetime | None = None,
) -> Invitation:
    """An invitation that the company's main contact sent."""
    return invite_person(
        company=company,
        email=email,
        full_name="Nils Ny",
        roles=roles or (Role.MEMBER,),
        acting=Membership.objects.select_related("user").get(pk=company.main_contact_id),
        actor=SYSTEM,
        now=now or timezone.now(),
    )
