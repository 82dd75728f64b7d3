"""Client companies that let firms act for them, who in the firm does the work, and who may not.

What a mandate covers, service by service, stands in the room above (services.MandateItem).
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from companies.models.company import Company
from companies.models.membership import Membership, RoleGrant, membership_in_force
from vop.lib.clock import local_date
from vop.lib.db import UUIDModel, in_force

LONGEST = timedelta(days=731)  # two years, a leap day among them


class MandateState(StrEnum):
    """Where a mandate stands at an instant; each has its words in `MANDATE_STATE_LABELS`."""

    REQUESTED = "requested"
    APPROVED = "approved"
    ACTIVE = "active"
    FROZEN = "frozen"
    ENDED = "ended"


MANDATE_STATE_LABELS: dict[MandateState, str | Promise] = {
    MandateState.REQUESTED: _("Waits for an answer"),
    MandateState.APPROVED: _("Approved, not begun"),
    MandateState.ACTIVE: _("Active"),
    MandateState.FROZEN: _("Frozen"),
    MandateState.ENDED: _("Ended"),
}


class MandateQuerySet(models.QuerySet["Mandate"]):
    def in_force(self, at: datetime) -> Self:
        """Select mandates that a firm may act under at an instant: both parties are open."""
        return self.filter(_mandate_holds(at))

    def pending(self, at: datetime) -> Self:
        """Select requests that can still be answered."""
        return self.filter(approved_at=None, ended_at=None, answer_by__gt=at)

    def open(self, at: datetime) -> Self:
        """Select what is asked for or agreed and not over by an instant, begun or not."""
        not_ended = Q(ended_at=None) | Q(ended_at__gt=at)
        is_asked = Q(approved_at=None, answer_by__gt=at)
        return self.filter(not_ended, is_asked | Q(approved_at__isnull=False, valid_until__gt=at))

    def overdue(self, at: datetime) -> Self:
        """Select what ended or ran out by an instant and hasn't been settled."""
        ran_out = Q(approved_at=None, answer_by__lte=at) | Q(
            approved_at__isnull=False, valid_until__lte=at
        )
        return self.filter(Q(ended_at__lte=at) | Q(ended_at=None) & ran_out, settled_at=None)

    def with_parties(self) -> Self:
        """Load what the log and the pages say of a mandate."""
        return self.select_related(
            "client", "firm", "lead__user", "requested_by", "approved_by", "ended_by"
        )

    def by_client(self) -> Self:
        """Order as a firm's list does."""
        return self.order_by("client__name", "-requested_at", "pk")

    def by_firm(self) -> Self:
        """Order as a client's list does."""
        return self.order_by("firm__name", "-requested_at", "pk")


class Mandate(UUIDModel):
    """A client company lets a firm act for it, from a start until a required end.

    Its terms (parties, dates, items) never change: the database refuses it. What is wider or
    longer is another mandate, asked for and approved anew. `ended_at` says when it ended or will
    end before its time; a firm and a client have at most one open agreement and one open request.
    """

    class Side(models.TextChoices):
        CLIENT = "client", _("The client")
        FIRM = "firm", _("The firm")

    class End(models.TextChoices):
        DECLINED = "declined", _("Declined")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        LAPSED = "lapsed", _("Nobody answered in time")
        EXPIRED = "expired", _("Reached its end")
        BY_CLIENT = "ended_by_client", _("Ended by the client")
        BY_FIRM = "ended_by_firm", _("Ended by the firm")
        SUPERSEDED = "superseded", _("A new mandate took its place")
        REPLACED = "replaced", _("Another firm took over")

    client = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="mandates_given", verbose_name=_("client")
    )
    firm = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="mandates_held", verbose_name=_("firm")
    )
    lead = models.ForeignKey(
        Membership,
        on_delete=models.PROTECT,
        related_name="led_mandates",
        null=True,
        blank=True,
        verbose_name=_("engagement lead"),
    )
    requested_side = models.CharField(_("requested by"), max_length=10, choices=Side)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    requested_at = models.DateTimeField(_("requested"))
    answer_by = models.DateTimeField(_("answer by"))
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"))
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    replaces = models.ForeignKey(  # the other firm's mandate that this one takes over from
        "self", on_delete=models.PROTECT, related_name="replaced_by", null=True, blank=True
    )
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    end_reason = models.CharField(
        _("how it ended"), max_length=20, choices=End, blank=True, default=""
    )
    settled_at = models.DateTimeField(null=True, editable=False)  # what follows from it is done
    month_reminder_at = models.DateTimeField(null=True, editable=False)
    week_reminder_at = models.DateTimeField(null=True, editable=False)

    objects = MandateQuerySet.as_manager()

    class Meta:
        verbose_name = _("mandate")
        verbose_name_plural = _("mandates")
        constraints = [
            models.CheckConstraint(
                condition=~Q(client=F("firm")), name="mandate_is_between_two_companies"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("valid_from")), name="mandate_ends_after_its_start"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__lte=F("valid_from") + LONGEST),
                name="mandate_lasts_two_years_at_most",
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("requested_by")),
                name="mandate_is_not_approved_by_its_requester",
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None, approved_at=None)
                | Q(approved_by__isnull=False, approved_at__isnull=False),
                name="mandate_approval_names_a_person",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, end_reason="")
                | (Q(ended_at__isnull=False) & ~Q(end_reason="")),
                name="mandate_end_has_its_reason",
            ),
            models.UniqueConstraint(
                fields=["client", "firm"],
                condition=Q(approved_at=None, ended_at=None),
                name="firm_and_client_have_one_open_request",
            ),
            models.UniqueConstraint(
                fields=["client", "firm"],
                condition=Q(approved_at__isnull=False, ended_at=None),
                name="firm_and_client_have_one_open_mandate",
            ),
        ]
        indexes = [
            models.Index(fields=["firm", "valid_until"], name="mandate_of_firm_by_end"),
            models.Index(
                fields=["valid_until"],
                condition=Q(settled_at=None),
                name="mandate_unsettled_by_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} lets {self.firm_id} act"

    @property
    def ref(self) -> Ref:
        """The mandate as the log names it."""
        return Ref("mandate", str(self.pk), f"{self.client.name} – {self.firm.name}")

    def state_at(self, at: datetime) -> MandateState:
        """Tell where it stands at an instant; asks for `client` and `firm` to be loaded."""
        if self.is_over(at):
            return MandateState.ENDED
        if self.approved_at is None or self.approved_at > at:
            return MandateState.REQUESTED
        if any(c.closed_at is not None and c.closed_at <= at for c in (self.client, self.firm)):
            return MandateState.FROZEN
        return MandateState.ACTIVE if self.valid_from <= at else MandateState.APPROVED

    def is_over(self, at: datetime) -> bool:
        """Whether it has ended, run out or lapsed by an instant."""
        if self.ended_at is not None and self.ended_at <= at:
            return True
        return (self.answer_by if self.approved_at is None else self.valid_until) <= at

    @property
    def ends_at(self) -> datetime:
        """When it ends, or ended: at its agreed end unless something ends it before."""
        return self.valid_until if self.ended_at is None else min(self.ended_at, self.valid_until)

    @property
    def last_day(self) -> date:
        """The Stockholm date of its last moment."""
        return local_date(self.ends_at - timedelta.resolution)

    def party(self, side: "Mandate.Side") -> Company:
        """Return the company on a side."""
        return self.client if side == Mandate.Side.CLIENT else self.firm

    def side_of(self, company_id: object) -> "Mandate.Side":
        """Return the side that a party stands on."""
        return Mandate.Side.CLIENT if company_id == self.client_id else Mandate.Side.FIRM

    @property
    def answering_side(self) -> "Mandate.Side":
        """The side whose owner approves: never the one that asked."""
        is_client = self.requested_side == Mandate.Side.CLIENT
        return Mandate.Side.FIRM if is_client else Mandate.Side.CLIENT


class MandateConsent(UUIDModel):
    """What a party said yes to: the text that was shown, its hash, who, when and how proved.

    The client's is made when it asks or approves, the firm's likewise; never changed.
    """

    mandate = models.ForeignKey(Mandate, on_delete=models.PROTECT, related_name="consents")
    side = models.CharField(max_length=10, choices=Mandate.Side)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField(_("given"))
    method = models.CharField(_("proved by"), max_length=60, blank=True, default="")
    language = models.CharField(_("language"), max_length=5)
    text_version = models.CharField(_("version of the text"), max_length=20)
    text = models.TextField(_("text"))
    text_sha256 = models.CharField(_("SHA-256 of the text"), max_length=64)

    class Meta:
        verbose_name = _("consent to a mandate")
        verbose_name_plural = _("consents to mandates")
        constraints = [
            models.UniqueConstraint(
                fields=["mandate", "side"], name="party_consents_to_a_mandate_once"
            )
        ]

    def __str__(self) -> str:
        return f"consent of the {self.side} to {self.mandate_id}"


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def in_force(self, at: datetime) -> Self:
        """Select assignments under which somebody may work at an instant.

        Asks everything that they rest on: the mandate with both parties, the membership in the
        firm with a role in it, and that the client hasn't blocked the person.
        """
        role = RoleGrant.objects.in_force(at).filter(membership=OuterRef("membership"))
        return self.unblocked(at).filter(Exists(role))

    def unblocked(self, at: datetime) -> Self:
        """Select what `in_force` does, without asking whether a role is left in the firm."""
        block = Block.objects.in_force(at).filter(
            company=OuterRef("mandate__client"), user=OuterRef("user")
        )
        return self.with_grounds(at).filter(~Exists(block))

    def with_grounds(self, at: datetime) -> Self:
        """Select assignments that hold together with their mandate and membership."""
        not_ended = Q(ended_at=None) | Q(ended_at__gt=at)
        return self.filter(
            in_force(at),
            not_ended,
            _mandate_holds(at, "mandate__"),
            membership_in_force(at, "membership__"),
        )

    def not_ended(self, at: datetime) -> Self:
        """Select assignments that haven't ended by an instant, whatever became of the mandate."""
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=at), valid_until__gt=at)

    def of_person(self, user_id: object) -> Self:
        """Select the assignments of one person."""
        return self.filter(user_id=user_id)

    def with_names(self) -> Self:
        """Load what the log and the pages say of an assignment."""
        return self.select_related(
            "user", "membership", "assigned_by", "mandate__client", "mandate__firm"
        )

    def by_person(self) -> Self:
        """Order as lists of people do."""
        return self.order_by("user__full_name", "user__email", "pk")


class Assignment(UUIDModel):
    """A mandate given to one member of the firm: who does the work, dated.

    `user` repeats the membership's person: a person's clients are found by it, and the database
    compares it with who assigned. Never changed, only ended: other work is another assignment.
    """

    mandate = models.ForeignKey(Mandate, on_delete=models.PROTECT, related_name="assignments")
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="assignments")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments"
    )
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__gte=F("valid_from")),
                name="assignment_ends_after_its_start",
            ),
            models.CheckConstraint(
                condition=~Q(user=F("assigned_by")), name="nobody_assigns_themselves"
            ),
            models.UniqueConstraint(
                fields=["mandate", "membership"],
                condition=Q(ended_at=None),
                name="member_has_one_open_assignment_in_a_mandate",
            ),
        ]
        indexes = [models.Index(fields=["user", "valid_until"], name="assignment_of_person")]

    def __str__(self) -> str:
        return f"{self.user_id} works under {self.mandate_id}"

    @property
    def ref(self) -> Ref:
        """The assignment as the log names it."""
        return Ref("assignment", str(self.pk), self.user.display_name)

    @property
    def last_day(self) -> date:
        """The Stockholm date of its last moment."""
        return local_date(self.valid_until - timedelta.resolution)

    def is_open(self, at: datetime) -> bool:
        """Whether it hasn't ended by an instant."""
        return self.valid_until > at and (self.ended_at is None or self.ended_at > at)


class BlockQuerySet(models.QuerySet["Block"]):
    def in_force(self, at: datetime) -> Self:
        """Select blocks that hold at an instant."""
        return self.filter(in_force(at))


class Block(UUIDModel):
    """A client shuts out one person of its firms, whatever mandate they would come through."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, related_name="blocks", verbose_name=_("client")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="blocks"
    )
    blocked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    valid_from = models.DateTimeField(_("from"))
    valid_until = models.DateTimeField(_("until"), null=True, blank=True)

    objects = BlockQuerySet.as_manager()

    class Meta:
        verbose_name = _("block")
        verbose_name_plural = _("blocks")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "user"],
                condition=Q(valid_until=None),
                name="company_blocks_a_person_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="block_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.company_id} blocks {self.user_id}"


def _mandate_holds(at: datetime, prefix: str = "") -> Q:
    def field(**conditions: object) -> Q:
        return Q(**{f"{prefix}{name}": value for name, value in conditions.items()})

    return (
        field(approved_at__lte=at, valid_from__lte=at, valid_until__gt=at)
        & (field(ended_at=None) | field(ended_at__gt=at))
        & (field(client__closed_at=None) | field(client__closed_at__gt=at))
        & (field(firm__closed_at=None) | field(firm__closed_at__gt=at))
    )
