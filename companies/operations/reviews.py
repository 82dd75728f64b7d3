"""The quarterly review of a firm's assignments: opened, answered, reminded of, closed.

An answer and the end of the review take turns at the firm's row. What nobody confirmed ends in
parts, each a transaction of its own, so that a firm of any size is done and a kill loses nothing.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.operations import Entry, audit, audit_each
from companies import notifications
from companies.events import ReviewEvent
from companies.models import (
    AccessReview,
    Assignment,
    Company,
    Membership,
    Permission,
    ReviewItem,
)
from companies.operations.assignments import end_assignments
from companies.operations.rules import (
    NotAllowedError,
    check_may,
    lock_companies,
    lock_company,
)
from companies.queries import list_people_who_may
from vop.lib.clock import local_date, local_midnight
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError

DAYS_TO_ANSWER: Final = 30
REVIEW_REMINDERS: Final = {
    "fortnight_reminder_at": timedelta(days=14),
    "last_reminder_at": timedelta(days=3),
}
_AT_ONCE: Final = 200
_ASSIGN: Final = Permission.ASSIGNMENT_CREATE


class ReviewOverError(DomainError):
    message = _("The review is over: what nobody confirmed has ended.")


class OwnReviewError(DomainError):
    message = _("Nobody confirms their own access: ask another who may assign people.")


def open_reviews(*, now: datetime) -> int:
    """Open this quarter's review in every firm with assignments; return how many were opened."""
    standing = Assignment.objects.not_ended(now).filter(mandate__firm=OuterRef("pk"))
    reviews = AccessReview.objects.filter(firm=OuterRef("pk"))
    firms = (
        Company.objects.open()
        .exclude(firm_kind="")
        .filter(Exists(standing))
        .exclude(Exists(reviews.filter(quarter=quarter_of(local_date(now)))))
        .exclude(Exists(reviews.open()))
    )
    return sum(open_review(firm=firm, now=now) for firm in list(firms.order_by("pk")))


def quarter_of(day: date) -> date:
    """Return the first day of a date's quarter."""
    return day.replace(month=day.month - (day.month - 1) % 3, day=1)


@use_case
def open_review(*, firm: Company, now: datetime) -> bool:
    """Open this quarter's review of a firm, unless it is there or another is open."""
    firm = lock_company(firm.pk)
    quarter = quarter_of(local_date(now))
    reviews = AccessReview.objects.filter(firm=firm)
    standing = _list_answerable(firm, now)
    if not standing or reviews.filter(quarter=quarter).exists() or reviews.open().exists():
        return False
    review = AccessReview.objects.create(
        firm=firm,
        quarter=quarter,
        opened_at=now,
        due_at=local_midnight(local_date(now) + timedelta(days=DAYS_TO_ANSWER)),
    )
    items = ReviewItem.objects.bulk_create(
        ReviewItem(review=review, assignment=assignment, user_id=assignment.user_id)
        for assignment in standing
    )
    _audit_review(ReviewEvent.OPENED, review, now=now, count=len(items))
    notifications.send_review(review, at=now)
    return True


@use_case
def keep_reviewed(
    *,
    review: AccessReview,
    items: Collection[ReviewItem],
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> int:
    """Confirm that assignments go on; return how many that nobody had decided on.

    Raises: NotAllowedError, ReviewOverError, OwnReviewError.
    """
    lock_company(review.firm_id)
    found = _load_items(review, items, acting, now)
    if any(item.user_id == acting.user_id for item in found):
        raise OwnReviewError
    _decide(found, ReviewItem.Decision.KEPT, acting=acting, now=now)
    entries = [
        Entry(
            item.assignment.mandate.client.ref,
            item.user.ref,
            {"mandate": str(item.assignment.mandate_id), "review": review.label},
            (review.firm_id,),
        )
        for item in found
    ]
    audit_each(ReviewEvent.KEPT, entries, actor=actor, now=now)
    return len(found)


@use_case
def end_reviewed(
    *,
    review: AccessReview,
    items: Collection[ReviewItem],
    acting: Membership,
    actor: Actor,
    now: datetime,
) -> int:
    """End assignments that aren't needed any more; return how many.

    Raises: NotAllowedError, ReviewOverError.
    """
    lock_companies({review.firm_id, *_list_clients(items)})
    found = _load_items(review, items, acting, now)
    _decide(found, ReviewItem.Decision.ENDED, acting=acting, now=now)
    _end(found, reason="review", actor=actor, now=now)
    return len(found)


def close_due_reviews(*, now: datetime) -> int:
    """End what nobody confirmed in reviews that are due, and close them; return how many closed."""
    due = list(AccessReview.objects.due(now).order_by("due_at", "pk"))
    for review in due:
        while _lapse_part(review=review, now=now):
            pass
    return sum(_close(review=review, now=now) for review in due)


def remind_of_reviews(*, now: datetime) -> int:
    """Tell those who can answer, 14 and 3 days before a review is due, once each."""
    count = 0
    for field, ahead in REVIEW_REMINDERS.items():
        near = AccessReview.objects.open().filter(
            **{field: None}, due_at__gt=now, due_at__lte=now + ahead
        )
        for review in list(near.order_by("due_at", "pk")):
            count += _remind(review=review, field=field, now=now)
    return count


@use_case
def _lapse_part(*, review: AccessReview, now: datetime) -> bool:
    """End some of what nobody confirmed; tell whether there was any."""
    waiting = ReviewItem.objects.waiting(now).filter(review=review)
    some = list(waiting.with_names().by_client()[:_AT_ONCE])
    lock_companies({review.firm_id, *_list_clients(some)})
    found = list(waiting.filter(pk__in=[item.pk for item in some]).with_names().order_by("pk"))
    _decide(found, ReviewItem.Decision.LAPSED, acting=None, now=now)
    _end(found, reason="not_reviewed", actor=Actor.system(), now=now)
    return bool(some)


@use_case
def _close(*, review: AccessReview, now: datetime) -> bool:
    lock_company(review.firm_id)
    open_ones = AccessReview.objects.open().filter(pk=review.pk)
    if ReviewItem.objects.waiting(now).filter(review=review).exists() or not open_ones.update(
        closed_at=max(now, review.due_at)
    ):
        return False
    items = ReviewItem.objects.filter(review=review)
    items.filter(decision="").update(decision=ReviewItem.Decision.GONE, decided_at=now)
    lapsed = items.filter(decision=ReviewItem.Decision.LAPSED).count()
    current = AccessReview.objects.select_related("firm").get(pk=review.pk)
    _audit_review(ReviewEvent.CLOSED, current, now=now, count=lapsed)
    notifications.send_review_closed(current, lapsed=lapsed, at=now)
    return True


@use_case
def _remind(*, review: AccessReview, field: str, now: datetime) -> bool:
    """Send one reminder; the row decides who sends it, however often this runs."""
    mine = AccessReview.objects.open().filter(pk=review.pk, **{field: None})
    if not mine.update(**{field: now}):
        return False
    current = AccessReview.objects.select_related("firm").get(pk=review.pk)
    waiting = ReviewItem.objects.waiting(now).filter(review=current).count()
    nearer = current.due_at <= now + REVIEW_REMINDERS["last_reminder_at"]
    if not waiting or (nearer and field == "fortnight_reminder_at"):
        return False  # nothing to say, or the nearer reminder says it now
    _audit_review(ReviewEvent.REMINDED, current, now=now, count=waiting)
    notifications.send_review(current, at=now)
    return True


def _load_items(
    review: AccessReview, items: Collection[ReviewItem], acting: Membership, now: datetime
) -> list[ReviewItem]:
    """Return what still waits of some items, under the firm's lock, if all are the member's to
    decide on: leads decide for their own clients.

    Raises: NotAllowedError, ReviewOverError.
    """
    current = AccessReview.objects.select_related("firm").get(pk=review.pk)
    rights = check_may(acting, current.firm, Permission.ASSIGNMENT_CREATE, at=now)
    if current.is_over(now):
        raise ReviewOverError
    rows = ReviewItem.objects.waiting(now).filter(
        review=current, pk__in=[item.pk for item in items]
    )
    found = list(rows.with_names().by_client())
    is_for_all = Permission.MANDATE_REQUEST in rights
    if not is_for_all and any(i.assignment.mandate.lead_id != acting.pk for i in found):
        raise NotAllowedError
    return found


def _list_answerable(firm: Company, now: datetime) -> list[Assignment]:
    """Return the firm's assignments that somebody else than the person themselves can confirm.

    In a firm of one person nobody could: the client let that person in by name, and ends it.
    """
    may_ask = list_people_who_may(Permission.MANDATE_REQUEST, firm.pk, at=now)
    may_assign = {user.pk for user in list_people_who_may(_ASSIGN, firm.pk, at=now)}
    managers = may_assign & {user.pk for user in may_ask}
    rows = Assignment.objects.not_ended(now).filter(mandate__firm=firm)
    return [
        row
        for row in rows.select_related("mandate__lead").order_by("pk")
        if (managers | (may_assign & {row.mandate.lead and row.mandate.lead.user_id}))
        - {row.user_id}
    ]


def _list_clients(items: Collection[ReviewItem]) -> set[uuid.UUID]:
    return {item.assignment.mandate.client_id for item in items}


@step
def _decide(
    items: Sequence[ReviewItem],
    decision: ReviewItem.Decision,
    *,
    acting: Membership | None,
    now: datetime,
) -> None:
    for item in items:
        item.decision, item.decided_at = decision, now
        item.decided_by = acting.user if acting else None
    ReviewItem.objects.bulk_update(items, ["decision", "decided_at", "decided_by"], batch_size=500)


@step
def _end(items: Sequence[ReviewItem], *, reason: str, actor: Actor, now: datetime) -> None:
    keys = [item.assignment_id for item in items]
    standing = Assignment.objects.filter(pk__in=keys, ended_at=None)
    end_assignments(standing, reason=reason, actor=actor, now=now)


def _audit_review(event: ReviewEvent, review: AccessReview, *, now: datetime, count: int) -> None:
    audit(
        event,
        actor=Actor.system(),
        now=now,
        company=review.firm.ref,
        target=review.ref,
        data={"count": count, "until": review.due_at},
    )
