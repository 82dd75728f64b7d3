from datetime import date, datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from companies.models.company import Company
from companies.models.roles import ROLE_PERMISSIONS, Permission, Role
from vop.lib.clock import local_date
from vop.lib.db import UUIDModel, in_force


def membership_in_force(at: datetime, through: str = "") -> Q:
    """Match memberships that hold at an instant and aren't suspended; `through` leads to them."""
    suspended = f"{through}suspended_at"
    not_suspended = Q(**{suspended: None}) | Q(**{f"{suspended}__gt": at})  # what was, stays
    return in_force(at, through) & not_suspended


class MembershipQuerySet(models.QuerySet["Membership"]):
    def in_force(self, at: datetime) -> Self:
        """Select memberships that hold at an instant and aren't suspended."""
        return self.filter(membership_in_force(at))

    def open(self, at: datetime) -> Self:
        """Select memberships that haven't ended by an instant, suspended or not."""
        return self.filter(Q(valid_until=None) | Q(valid_until__gt=at))

    def owners(self) -> Self:
        """Select owners for good: no end to role or membership, and they can sign in."""
        return self.filter(
            valid_until=None,
            suspended_at=None,
            user__is_active=True,
            role_grants__in=RoleGrant.objects.filter(role=Role.OWNER, valid_until=None),
        )

    def of_person(self, user_id: object) -> Self:
        """Select the memberships of one person."""
        return self.filter(user_id=user_id)

    def by_person(self) -> Self:
        """Order as member lists do."""
        return self.order_by("user__full_name", "user__email", "pk")


class Membership(UUIDModel):
    """A person in a company, from a start until an end; never deleted, only ended."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships"
    )
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"), null=True, blank=True)
    suspended_at = models.DateTimeField(_("suspended"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "user"],
                condition=Q(valid_until=None),
                name="person_is_an_open_member_once",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="membership_ends_after_its_start",
            ),
        ]
        indexes = [models.Index(fields=["user", "company"], name="membership_by_person")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.company_id}"

    @property
    def ref(self) -> Ref:
        """The membership as the log names it."""
        return Ref("membership", str(self.pk), self.user.display_name)

    def is_in_force(self, at: datetime) -> bool:
        """Whether it holds at an instant."""
        if self.valid_from > at or (self.suspended_at is not None and self.suspended_at <= at):
            return False
        return self.valid_until is None or self.valid_until > at

    def is_open(self, at: datetime) -> bool:
        """Whether it hasn't ended by an instant, suspended or not."""
        return self.valid_until is None or self.valid_until > at

    @property
    def is_suspended(self) -> bool:
        """Whether the member is shut out until further notice."""
        return self.suspended_at is not None

    @property
    def last_day(self) -> date | None:
        """The Stockholm date of its last moment, if it has an end."""
        return local_date(self.valid_until - timedelta.resolution) if self.valid_until else None

    @property
    def is_main_contact(self) -> bool:
        """Whether the company's mail about the customer relation goes to this member."""
        return self.company.main_contact_id == self.pk

    def roles_at(self, at: datetime) -> frozenset[Role]:
        """Return the roles that hold at an instant, from the prefetched `role_grants`."""
        return frozenset(
            Role(grant.role) for grant in self.role_grants.all() if grant.is_in_force(at)
        )

    def role_labels_at(self, at: datetime) -> list[str]:
        """Return how people call the roles of an instant, the mightiest first."""
        held = self.roles_at(at)
        return [str(role.label) for role in Role if role in held]

    def permissions_at(self, at: datetime) -> frozenset[Permission]:
        """Return what the roles of an instant allow."""
        return frozenset().union(*(ROLE_PERMISSIONS[role] for role in self.roles_at(at)))

    def permissions_now(self, at: datetime) -> frozenset[Permission]:
        """Return what the member may do at an instant: nothing when suspended or gone."""
        return self.permissions_at(at) if self.is_in_force(at) else frozenset()


class RoleGrantQuerySet(models.QuerySet["RoleGrant"]):
    def in_force(self, at: datetime) -> Self:
        """Select grants that hold at an instant."""
        return self.filter(in_force(at))


class RoleGrant(UUIDModel):
    """A role that a member has, from a start until an end; taking it away sets the end."""

    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="role_grants")
    role = models.CharField(_("role"), max_length=20, choices=Role)
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"), null=True, blank=True)

    objects = RoleGrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "role"],
                condition=Q(valid_until=None),
                name="role_is_held_once_at_a_time",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_is_known"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="role_ends_after_its_start",
            ),
            models.CheckConstraint(
                condition=~Q(role=Role.AUDITOR) | Q(valid_until__isnull=False),
                name="auditor_always_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.membership_id}"

    def is_in_force(self, at: datetime) -> bool:
        """Whether it holds at an instant."""
        return self.valid_from <= at and self.is_open(at)

    def is_open(self, at: datetime) -> bool:
        """Whether it hasn't ended by an instant."""
        return self.valid_until is None or self.valid_until > at

    @property
    def last_day(self) -> date | None:
        """The Stockholm date of its last moment, if it has an end."""
        return local_date(self.valid_until - timedelta.resolution) if self.valid_until else None


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Select invitations that nobody accepted or withdrew, also those that ran out."""
        return self.filter(accepted_at=None, revoked_at=None)

    def newest_first(self) -> Self:
        """Order as the list of invitations does."""
        return self.order_by("-created_at", "pk")

    def pending(self, at: datetime) -> Self:
        """Select invitations that can still be accepted."""
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=at)


class Invitation(UUIDModel):
    """An offer to an e-mail address to join a company with roles.

    The link in the mail is signed, not stored: nothing in this row opens anything.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(_("e-mail address"), max_length=254)
    full_name = models.CharField(_("name"), max_length=120, blank=True, default="")
    roles = models.JSONField(_("roles"))
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("sent by"),
    )
    created_at = models.DateTimeField(_("sent"))
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "email"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="address_has_one_open_invitation",
            )
        ]

    def __str__(self) -> str:
        return f"invitation to {self.company_id}"

    @property
    def ref(self) -> Ref:
        """The invitation as the log names it."""
        return Ref("invitation", str(self.pk), self.email)

    @property
    def role_set(self) -> frozenset[Role]:
        """The offered roles."""
        return frozenset(Role(code) for code in self.roles)

    @property
    def role_labels(self) -> list[str]:
        """How people call the offered roles, the mightiest first."""
        return [str(role.label) for role in Role if role in self.role_set]

    @property
    def is_open(self) -> bool:
        """Whether nobody accepted or withdrew it; it may have run out."""
        return self.accepted_at is None and self.revoked_at is None

    def is_pending(self, at: datetime) -> bool:
        """Whether it can still be accepted."""
        return self.is_open and self.expires_at > at
