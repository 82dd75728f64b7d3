"""The mails about getting into a company, and about who acts for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.urls import reverse

from accounts.models import User
from companies.access import sign_invitation
from companies.models import (
    AccessReview,
    Company,
    Invitation,
    Mandate,
    Membership,
    Permission,
    SupportGrant,
)
from companies.queries import list_people_who_may, list_reviewers
from vop.lib.clock import local_date
from vop.lib.mail import enqueue_mail

NAMED = 10  # companies in one mail; who has more sees them after signing in


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


def send_mandate_request(mandate: Mandate, *, at: datetime) -> None:
    """Ask the owners of the side that answers."""
    side = mandate.answering_side
    facts = {
        "asker": mandate.party(Mandate.Side(mandate.requested_side)).name,
        "is_for_client": side == Mandate.Side.CLIENT,
        "answer_by": local_date(mandate.answer_by),
    }
    _tell(mandate, side, "companies/mandate_request", facts, at=at)


def send_mandate_approved(mandate: Mandate, *, at: datetime) -> None:
    """Tell both sides that a mandate was agreed: somebody's access grew."""
    for side in Mandate.Side:
        _tell(mandate, side, "companies/mandate_approved", {}, at=at)


def send_mandate_end(mandate: Mandate, *, at: datetime) -> None:
    """Tell both sides that a mandate ended or will, or that a request came to nothing."""
    facts = {
        "reason": mandate.get_end_reason_display(),
        "was_approved": mandate.approved_at is not None,
        "is_over": mandate.is_over(at),
    }
    for side in Mandate.Side:
        _tell(mandate, side, "companies/mandate_end", facts, at=at)


def send_mandate_reminder(mandate: Mandate, *, days: int, at: datetime) -> None:
    """Tell both sides that a mandate ends soon."""
    for side in Mandate.Side:
        _tell(mandate, side, "companies/mandate_reminder", {"days": days}, at=at)


def send_block(mandate: Mandate, user: User, *, at: datetime) -> None:
    """Tell the firm that its client shut somebody out."""
    facts = {"person": user.display_name}
    _tell(mandate, Mandate.Side.FIRM, "companies/mandate_block", facts, at=at)


def send_review(review: AccessReview, *, at: datetime) -> None:
    """Ask those who can answer a review, each for as much as waits for them."""
    for user, count in list_reviewers(review, at=at).items():
        _write_of_review(review, user, "companies/review", {"count": count})


def send_review_closed(review: AccessReview, *, lapsed: int, at: datetime) -> None:
    """Tell those who assign people how many assignments ended, if any did."""
    if not lapsed:
        return
    for user in list_people_who_may(Permission.ASSIGNMENT_CREATE, review.firm_id, at=at):
        _write_of_review(review, user, "companies/review_closed", {"count": lapsed})


def _write_of_review(
    review: AccessReview, user: User, template: str, facts: Mapping[str, object]
) -> None:
    enqueue_mail(
        to=user.email,
        template=template,
        context={
            "name": user.full_name,
            "firm": review.firm.name,
            "quarter": review.label,
            "last_day": review.last_day,
            # The page stands in the room that knows what an assignment covers.
            "path": reverse("services:review", args=[review.firm_id]),
            **facts,
        },
        language=user.language,
    )


def _tell(
    mandate: Mandate,
    side: Mandate.Side,
    template: str,
    facts: Mapping[str, object],
    *,
    at: datetime,
) -> None:
    """Write to whom a mandate concerns on one side: its owners, and the firm's lead."""
    company = mandate.party(side)
    people = {
        user.pk: user for user in list_people_who_may(Permission.MANDATE_APPROVE, company.pk, at=at)
    }
    if side == Mandate.Side.FIRM and mandate.lead is not None:
        people[mandate.lead.user_id] = mandate.lead.user
    for user in people.values():
        enqueue_mail(
            to=user.email,
            template=template,
            context={
                "name": user.full_name,
                "client": mandate.client.name,
                "firm": mandate.firm.name,
                "last_day": mandate.last_day,
                # The page stands in the room that knows what a mandate covers.
                "path": reverse("services:mandate", args=[company.pk, mandate.pk]),
                **facts,
            },
            language=user.language,
        )


def send_break_glass(grant: SupportGrant, *, at: datetime) -> None:
    """Tell those who could have let support in that somebody of ours went in by themselves."""
    for user in list_people_who_may(Permission.SUPPORT_GRANT, grant.company_id, at=at):
        enqueue_mail(
            to=user.email,
            template="companies/break_glass",
            context={
                "name": user.full_name,
                "company": grant.company.name,
                "staff": grant.opened_by.display_name,
                "reason": grant.reason,
                "path": reverse("companies:support", args=[grant.company_id]),
            },
            language=user.language,
        )


def send_imported(user: User, memberships: Sequence[Membership]) -> None:
    """Tell a person which companies they were let into, once, and how to get in."""
    is_new = not user.has_usable_password()
    enqueue_mail(
        to=user.email,
        template="companies/imported",
        context={
            "name": user.full_name,
            "companies": ", ".join(each.company.name for each in memberships[:NAMED]),
            "count": len(memberships),
            "is_more": len(memberships) > NAMED,
            "email": user.email,
            "path": reverse("account_reset_password" if is_new else "account_login"),
            "is_new": is_new,
        },
        language=user.language,
        key=f"companies.imported:{min(str(each.pk) for each in memberships)}",
    )


def send_closed(company: Company, owner: User, *, by: User) -> None:
    """Tell an owner that their company is closed, and by whom."""
    enqueue_mail(
        to=owner.email,
        template="companies/closed",
        context={
            "name": owner.full_name,
            "company": company.name,
            "number": company.formatted_org_number,
            "by": by.display_name,
        },
        language=owner.language,
    )
