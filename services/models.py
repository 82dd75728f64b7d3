"""What there is to use, what a company may use, and who in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Count, F, Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from auditlog.actors import Ref
from companies.models import Assignment, Company, Mandate, Membership, membership_in_force
from vop.lib.db import UUIDModel, in_force


def _not_ended(at: datetime) -> Q:
    """Match what holds at an instant or will: also rows written a moment after it, by another.

    Checks under a lock ask this. Two requests take their instants before they queue for the lock,
    so that the second can be older than what the first one wrote.
    """
    return Q(valid_until=None) | Q(valid_until__gt=at)


class ServiceQuerySet(models.QuerySet["Service"]):
    def offered(self) -> Self:
        """Select services that companies can see and buy."""
        return self.filter(is_active=True)

    def by_name(self) -> Self:
        """Order as the catalogue does."""
        return self.order_by("name", "pk")


class Service(UUIDModel):
    """An internet service that companies buy and people open."""

    slug = models.SlugField(_("short name"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=80)
    tagline = models.CharField(_("tagline"), max_length=160)
    description = models.TextField(_("description"), blank=True, default="")
    launch_url = models.URLField(
        _("start address"),
        help_text=_("Where a tile leads. The service starts the sign-in from there."),
    )
    picture_sha256 = models.CharField(
        _("SHA-256 of the picture"), max_length=64, blank=True, default="", editable=False
    )
    picture_alt = models.CharField(_("alternative text"), max_length=160, blank=True, default="")
    is_first_party = models.BooleanField(_("our own"), default=True)
    is_active = models.BooleanField(_("offered"), default=True)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> Ref:
        """The service as the log names it."""
        return Ref("service", str(self.pk), self.name)

    @property
    def picture_url(self) -> str:
        """Where its picture is: another picture has another address. Empty when it has none."""
        if not self.picture_sha256:
            return ""
        return reverse("services:picture", args=[self.slug, self.picture_sha256])


class ServicePicture(models.Model):
    """The bytes of a service's picture, apart from the row that every list reads.

    They stand in the database so that every web process has them and a backup takes them along.
    Their hash stands in `Service.picture_sha256`, written in the same transaction.
    """

    service = models.OneToOneField(
        Service, on_delete=models.CASCADE, primary_key=True, related_name="picture"
    )
    content = models.BinaryField()

    class Meta:
        verbose_name = _("picture of a service")
        verbose_name_plural = _("pictures of services")

    def __str__(self) -> str:
        return f"picture of {self.service_id}"


class ServiceRoleQuerySet(models.QuerySet["ServiceRole"]):
    def in_order(self) -> Self:
        """Order as the service ranks its roles."""
        return self.order_by("rank", "name", "pk")


class ServiceRole(UUIDModel):
    """What a person can be inside a service; its code is what the service gets in `roles`."""

    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, related_name="roles", verbose_name=_("service")
    )
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=200, blank=True, default="")
    is_default = models.BooleanField(_("default"), default=False)
    rank = models.PositiveSmallIntegerField(pgettext_lazy("sorting", "order"), default=0)

    objects = ServiceRoleQuerySet.as_manager()

    class Meta:
        verbose_name = _("service role")
        verbose_name_plural = _("service roles")
        constraints = [
            models.UniqueConstraint(
                fields=["service", "code"], name="role_code_is_unique_in_service"
            ),
            models.UniqueConstraint(
                fields=["service"],
                condition=Q(is_default=True),
                name="service_has_one_default_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service_id}: {self.code}"


class EntitlementQuerySet(models.QuerySet["Entitlement"]):
    def in_force(self, at: datetime) -> Self:
        """Select entitlements that hold at an instant."""
        return self.filter(in_force(at))

    def not_ended(self, at: datetime) -> Self:
        """Select entitlements that haven't ended by an instant."""
        return self.filter(_not_ended(at))

    def for_company(self, company_id: object) -> Self:
        """Select the entitlements of one company."""
        return self.filter(company_id=company_id)

    def with_taken(self, at: datetime) -> Self:
        """Count the seats that are taken at an instant, as `taken`."""
        return self.annotate(taken=_count_taken(at))

    def with_free_seats(self, at: datetime) -> Self:
        """Select entitlements of which not all seats are taken at an instant."""
        return self.alias(used=_count_taken(at)).filter(used__lt=F("seat_limit"))


def _count_taken(at: datetime) -> Count:
    return Count("seats", filter=in_force(at, "seats__"))


class Entitlement(UUIDModel):
    """A company may use a service, from a start until an end, with a number of seats."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="entitlements", verbose_name=_("company")
    )
    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, related_name="entitlements", verbose_name=_("service")
    )
    seat_limit = models.PositiveIntegerField(_("seats"), null=True, blank=True)
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"), null=True, blank=True)

    taken: int  # seats, where `with_taken` counted them

    objects = EntitlementQuerySet.as_manager()

    class Meta:
        verbose_name = _("entitlement")
        verbose_name_plural = _("entitlements")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "service"],
                condition=Q(valid_until=None),
                name="company_has_one_open_entitlement_to_a_service",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="entitlement_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.company_id} may use {self.service_id}"

    def has_ended(self, at: datetime) -> bool:
        """Whether it is over at an instant."""
        return self.valid_until is not None and self.valid_until <= at

    @property
    def ref(self) -> Ref:
        """The entitlement as the log names it."""
        return Ref("entitlement", str(self.pk), self.service.name)


class SeatQuerySet(models.QuerySet["Seat"]):
    def in_force(self, at: datetime) -> Self:
        """Select seats that are taken at an instant."""
        return self.filter(in_force(at))

    def with_grounds(self, at: datetime) -> Self:
        """Select seats that hold together with their membership and entitlement."""
        return self.filter(
            in_force(at),
            membership_in_force(at, "membership__"),
            in_force(at, "entitlement__"),
        )

    def not_ended(self, at: datetime) -> Self:
        """Select seats that haven't ended by an instant."""
        return self.filter(_not_ended(at))

    def with_names(self) -> Self:
        """Load what the log and the pages say of a seat."""
        return self.select_related(
            "membership__user", "role", "entitlement__company", "entitlement__service"
        )

    def by_person(self) -> Self:
        """Order as lists of people do."""
        return self.order_by("membership__user__full_name", "membership__user__email", "pk")


class Seat(UUIDModel):
    """A member uses an entitlement, in one role of the service."""

    entitlement = models.ForeignKey(
        Entitlement, on_delete=models.PROTECT, related_name="seats", verbose_name=_("entitlement")
    )
    membership = models.ForeignKey(
        Membership, on_delete=models.PROTECT, related_name="seats", verbose_name=_("membership")
    )
    role = models.ForeignKey(
        ServiceRole, on_delete=models.PROTECT, related_name="+", verbose_name=_("role")
    )
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"), null=True, blank=True)

    objects = SeatQuerySet.as_manager()

    class Meta:
        verbose_name = _("seat")
        verbose_name_plural = _("seats")
        constraints = [
            models.UniqueConstraint(
                fields=["entitlement", "membership"],
                condition=Q(valid_until=None),
                name="member_has_one_open_seat_in_a_service",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="seat_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return f"seat of {self.membership_id}"

    @property
    def ref(self) -> Ref:
        """The seat as the log names it."""
        return Ref("seat", str(self.pk), self.membership.user.display_name)


class Package(models.TextChoices):
    """What a firm may do in a service; who may sign may operate and read, `admin` stands apart."""

    READ = "read", _("Read")
    OPERATE = "operate", _("Operate")
    SIGN = "sign", _("Sign and send")
    ADMIN = "admin", _("Administer")


PACKAGE_TEXTS: Mapping[Package, str | Promise] = {
    Package.READ: _("See everything, change nothing."),
    Package.OPERATE: _("Register and change, but not sign, pay or send to authorities."),
    Package.SIGN: _("Also sign, pay and send to authorities on the company's behalf."),
    Package.ADMIN: _("Manage users and settings in the service."),
}
INCLUDED: Mapping[Package, frozenset[Package]] = {
    Package.READ: frozenset({Package.READ}),
    Package.OPERATE: frozenset({Package.READ, Package.OPERATE}),
    Package.SIGN: frozenset({Package.READ, Package.OPERATE, Package.SIGN}),
    Package.ADMIN: frozenset({Package.ADMIN}),
}


class MandateItem(UUIDModel):
    """One service and one package of a mandate; a package's row stands beside those it includes.

    Written with the request and never after the approval: the database refuses it.
    """

    mandate = models.ForeignKey(Mandate, on_delete=models.PROTECT, related_name="items")
    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, related_name="+", verbose_name=_("service")
    )
    package = models.CharField(_("package"), max_length=10, choices=Package)

    class Meta:
        verbose_name = _("item of a mandate")
        verbose_name_plural = _("items of mandates")
        constraints = [
            models.UniqueConstraint(
                fields=["mandate", "service", "package"], name="mandate_has_an_item_once"
            ),
            models.CheckConstraint(
                condition=Q(package__in=Package.values), name="package_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.package} in {self.service_id}"


class AssignmentItem(UUIDModel):
    """One item of the mandate that a member of the firm may use.

    It can only be an item of the assignment's own mandate: the database refuses any other.
    """

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="items")
    item = models.ForeignKey(MandateItem, on_delete=models.PROTECT, related_name="assigned")

    class Meta:
        verbose_name = _("item of an assignment")
        verbose_name_plural = _("items of assignments")
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "item"], name="assignment_has_an_item_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.item_id} for {self.assignment_id}"
