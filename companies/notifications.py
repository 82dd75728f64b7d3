"""The mails about getting into a company."""

from django.urls import reverse

from accounts.models import User
from companies.access import sign_invitation
from companies.models import Company, Invitation
from vop.lib.clock import local_date
from vop.lib.mail import enqueue_mail


def send_invitation(invitation: Invitation) -> None:
    """Send the link that lets somebody join, in the company's language."""
    company = invitation.company
    enqueue_mail(
        to=invitation.email,
        template="companies/invitation",
        context={
            "name": invitation.full_name,
            "inviter": invitation.invited_by.display_name,
            "company": company.name,
            "path": reverse("companies:invitation", args=[sign_invitation(invitation)]),
            "until": local_date(invitation.expires_at),
        },
        language=company.language,
    )


def send_welcome(company: Company, owner: User, *, is_new: bool) -> None:
    """Tell the first owner that their company is in, and how to get in themselves."""
    way_in = "account_reset_password" if is_new else "account_login"
    enqueue_mail(
        to=owner.email,
        template="companies/welcome",
        context={
            "name": owner.full_name,
            "company": company.name,
            "email": owner.email,
            "path": reverse(way_in),
            "is_new": is_new,
        },
        language=owner.language,
    )
