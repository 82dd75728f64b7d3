"""The quarterly look at who works for whom: what nobody confirms anew ends."""

from datetime import date, datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from companies.models.company import Company
from companies.models.mandates import Assignment
from vop.lib.clock import local_date
from vop.lib.db import UUIDModel


class AccessReviewQuerySet(models.QuerySet["AccessReview"]):
    def open(self) -> Self:
        """Select reviews that aren't closed, due or not."""
        return self.filter(closed_at=None)

    def due(self, at: datetime) -> Self:
        """Select reviews whose time is up and that nobody has closed."""
        return self.open().filter(due_at__lte=at)

    def newest_first(self) -> Self:
        """Order as the page does."""
        return self.order_by("-quarter", "pk")


class AccessReview(UUIDModel):
    """A firm looks through every assignment of its people once a quarter, by a due date.

    `quarter` is the first day of the quarter in Stockholm. What was assigned after the opening
    isn't in it: somebody has just decided that.
    """

    firm = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="access_reviews", verbose_name=_("firm")
    )
    quarter = models.DateField(_("quarter"))
    opened_at = models.DateTimeField(_("opened"))
    due_at = models.DateTimeField(_("due"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    fortnight_reminder_at = models.DateTimeField(null=True, editable=False)
    last_reminder_at = models.DateTimeField(null=True, editable=False)

    objects = AccessReviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("access review")
        verbose_name_plural = _("access reviews")
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "quarter"], name="firm_has_one_review_a_quarter"
            ),
            models.UniqueConstraint(
                fields=["firm"], condition=Q(closed_at=None), name="firm_has_one_open_review"
            ),
            models.CheckConstraint(
                condition=Q(due_at__gt=F("opened_at")), name="review_is_due_after_its_opening"
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=F("due_at")),
                name="review_closes_when_due",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(closed_at=None), name="open_review_by_due_date"
            )
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def ref(self) -> Ref:
        """The review as the log names it."""
        return Ref("review", str(self.pk), self.label)

    @property
    def label(self) -> str:
        """What people call its quarter: 2027 Q1."""
        return f"{self.quarter.year} Q{(self.quarter.month + 2) // 3}"

    @property
    def last_day(self) -> date:
        """The Stockholm date on which it can be answered last."""
        return local_date(self.due_at - timedelta.resolution)

    def is_over(self, at: datetime) -> bool:
        """Whether nothing can be answered any more at an instant."""
        return self.closed_at is not None or self.due_at <= at


class ReviewItemQuerySet(models.QuerySet["ReviewItem"]):
    def waiting(self, at: datetime) -> Self:
        """Select what nobody has decided on and still stands at an instant."""
        return self.filter(decision="", assignment__in=Assignment.objects.not_ended(at))

    def with_names(self) -> Self:
        """Load what the log and the page say of an item."""
        return self.select_related(
            "user",
            "decided_by",
            "assignment__mandate__client",
            "assignment__mandate__firm",
            "assignment__mandate__lead__user",
        )

    def by_client(self) -> Self:
        """Order as the page does."""
        return self.order_by("assignment__mandate__client__name", "user__full_name", "pk")


class ReviewItem(UUIDModel):
    """One assignment under review, and what became of it.

    `user` repeats the assignment's person: the database compares it with who confirmed.
    """

    class Decision(models.TextChoices):
        KEPT = "kept", _("Confirmed")
        ENDED = "ended", _("Ended in the review")
        LAPSED = "lapsed", _("Ended: nobody confirmed it")
        GONE = "gone", _("Had ended already")

    review = models.ForeignKey(AccessReview, on_delete=models.PROTECT, related_name="items")
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="reviews")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(
        _("decision"), max_length=10, choices=Decision, blank=True, default=""
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True)

    objects = ReviewItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("item of an access review")
        verbose_name_plural = _("items of access reviews")
        constraints = [
            models.UniqueConstraint(
                fields=["review", "assignment"], name="review_asks_of_an_assignment_once"
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_at=None)
                | (~Q(decision="") & Q(decided_at__isnull=False)),
                name="decision_in_a_review_has_an_instant",
            ),
            models.CheckConstraint(
                condition=~Q(decision__in=["kept", "ended"]) | Q(decided_by__isnull=False),
                name="decision_in_a_review_names_a_person",
            ),
            models.CheckConstraint(
                condition=~Q(decision="kept") | ~Q(user=F("decided_by")),
                name="nobody_confirms_their_own_access",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.assignment_id} in {self.review_id}"
