"""When our own staff may look at a company's data: the customer let them, or an emergency did."""

from datetime import datetime, timedelta
from typing import Final, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from auditlog.actors import Ref
from companies.models.company import Company
from companies.models.roles import Permission
from vop.lib.db import UUIDModel

SUPPORT_DAYS: Final = 7
MOST_SUPPORT_DAYS: Final = 30
EMERGENCY_LASTS: Final = timedelta(hours=4)

# What staff may do at a company's pages: read.
SUPPORT_PERMISSIONS: Final = frozenset({
    Permission.COMPANY_VIEW, Permission.MEMBER_VIEW, Permission.SERVICE_VIEW,
    Permission.BILLING_VIEW, Permission.BASIS_VIEW, Permission.MANDATE_VIEW,
    Permission.AUDIT_VIEW, Permission.STATISTICS_VIEW,
})  # fmt: skip


class SupportGrantQuerySet(models.QuerySet["SupportGrant"]):
    def in_force(self, at: datetime) -> Self:
        """Select grants that hold at an instant."""
        not_ended = Q(ended_at=None) | Q(ended_at__gt=at)  # what was before, stays
        return self.filter(not_ended, valid_from__lte=at, valid_until__gt=at)

    def for_staff(self, user_id: object) -> Self:
        """Select grants that let a member of staff in: a customer's for all, and their own."""
        return self.filter(Q(staff=None) | Q(staff_id=user_id))

    def newest_first(self) -> Self:
        """Order as the page does."""
        return self.order_by("-valid_from", "pk")


class SupportGrant(UUIDModel):
    """Staff may read a company's data, from a start until an end; the customer can end it at once.

    `staff` is empty for a customer's grant, which lets in whoever supports them; an emergency
    ("break-glass") lets in one person, who says why, and only for hours.
    """

    class Source(models.TextChoices):
        CUSTOMER = "customer", _("Let in by the company")
        EMERGENCY = "emergency", _("Emergency")

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="support_grants")
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    source = models.CharField(_("source"), max_length=20, choices=Source)
    reason = models.CharField(_("reason"), max_length=300)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    last_used_at = models.DateTimeField(_("last look"), null=True)

    objects = SupportGrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("support access")
        verbose_name_plural = _("support accesses")
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("valid_from")), name="support_ends_after_its_start"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__lte=F("valid_from") + timedelta(days=MOST_SUPPORT_DAYS)),
                name="support_lasts_30_days_at_most",
            ),
            models.CheckConstraint(
                condition=Q(source="customer", staff=None)
                | Q(
                    source="emergency",
                    staff__isnull=False,
                    valid_until__lte=F("valid_from") + EMERGENCY_LASTS,
                ),
                name="emergency_lets_in_one_person_for_hours",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="support_has_a_reason"),
        ]
        indexes = [models.Index(fields=["company", "valid_until"], name="support_by_company")]

    def __str__(self) -> str:
        return f"support in {self.company_id}"

    @property
    def ref(self) -> Ref:
        """The grant as the log names it."""
        return Ref("support_grant", str(self.pk), self.reason)

    def is_in_force(self, at: datetime) -> bool:
        """Whether it holds at an instant."""
        is_ended = self.ended_at is not None and self.ended_at <= at
        return self.valid_from <= at < self.valid_until and not is_ended

    def lets_in(self, user: User) -> bool:
        """Whether it is for a member of staff."""
        return user.is_staff and user.is_active and self.staff_id in {None, user.pk}
