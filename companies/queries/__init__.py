"""Reading companies and who is in them."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    Count,
    DateTimeField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    UUIDField,
)

from accounts.models import User
from companies.models import (
    ROLE_PERMISSIONS,
    AccessReview,
    Assignment,
    Block,
    Company,
    Invitation,
    Mandate,
    MandateConsent,
    Membership,
    Permission,
    ReviewItem,
    ReviewItemQuerySet,
    Role,
    RoleGrant,
    SupportGrant,
)
from vop.lib.statements import Parameter, Query


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """How far a review is, in assignments; what ended by itself meanwhile is only in `total`."""

    total: int
    kept: int
    ended: int
    waiting: int

    @property
    def decided(self) -> int:
        """How many wait for nobody any more."""
        return self.total - self.waiting


_AT: Any = Parameter("at", DateTimeField())
_USER = Parameter("user", UUIDField())
# Asked at every sign-in to a service: compiled once (docs/performance.md).
_MEMBERSHIPS_OF: Query[Any] = Query(
    lambda: (
        Membership.objects.in_force(_AT)
        .of_person(_USER)
        .filter(company__closed_at=None)
        .select_related("company")
        .annotate(is_assigned=Exists(Assignment.objects.of_person(_USER)))
        .order_by(F("last_used_at").desc(nulls_last=True), "company__name", "pk")
    )
)
_ASSIGNMENTS_OF = Query(
    lambda: (
        Assignment.objects.in_force(_AT)
        .of_person(_USER)
        .select_related("mandate__client", "mandate__firm")
        .order_by(F("last_used_at").desc(nulls_last=True), "mandate__client__name", "pk")
    )
)


def list_memberships_of(user: User, *, at: datetime) -> Sequence[Membership]:
    """List where a person may act, most recently used first, with company and roles loaded."""
    return list(
        Membership.objects.in_force(at)
        .of_person(user.pk)
        .filter(company__closed_at=None)
        .select_related("company")
        .prefetch_related("role_grants")
        .order_by(F("last_used_at").desc(nulls_last=True), "company__name", "pk")
    )


def get_membership(user: User, company_id: uuid.UUID, *, at: datetime) -> Membership | None:
    """Return the person's membership in force, with company and roles loaded, or nothing."""
    return (
        Membership.objects.in_force(at)
        .of_person(user.pk)
        .filter(company_id=company_id, company__closed_at=None)
        .select_related("company", "user")
        .prefetch_related("role_grants")
        .order_by("pk")
        .first()
    )


def find_memberships_of(user: User, text: str, *, at: datetime) -> Sequence[Membership]:
    """List where a person may act, narrowed to names and numbers that contain a text.

    In Python, because databases disagree about the case of å, ä and ö; one person has hundreds.
    """
    memberships = list_memberships_of(user, at=at)
    if not text.strip():
        return memberships
    return [each for each in memberships if _is_called(each.company, text)]


def find_clients_of(user: User, text: str, *, at: datetime) -> Sequence[Assignment]:
    """List for whom a person works through their firms, narrowed as memberships are."""
    clients = list_clients_of(user, at=at)
    if not text.strip():
        return clients
    return [each for each in clients if _is_called(each.mandate.client, text)]


def get_default_membership(user: User, *, at: datetime) -> Membership | None:
    """Return where a person starts: where they were last, or the only company they are in."""
    memberships = list_memberships_of(user, at=at)
    if len(memberships) == 1 or (memberships and memberships[0].last_used_at):
        return memberships[0]
    return None


def list_clients_of(user: User, *, at: datetime) -> Sequence[Assignment]:
    """List for whom a person works through their firms, one assignment for each client.

    The last used first, with client and firm loaded.
    """
    first: dict[uuid.UUID, Assignment] = {}
    for assignment in _ASSIGNMENTS_OF.all(user=user.pk, at=at):
        first.setdefault(assignment.mandate.client_id, assignment)
    return list(first.values())


def list_workplaces(user: User, *, at: datetime) -> Sequence[Company]:
    """List for whom a person may act: where they are a member, then their firms' clients.

    One query for a member whom no firm ever assigned to a client, otherwise two.
    """
    memberships = _MEMBERSHIPS_OF.all(user=user.pk, at=at)
    own = [membership.company for membership in memberships]
    if memberships and not memberships[0].is_assigned:
        return own
    clients = [assignment.mandate.client for assignment in list_clients_of(user, at=at)]
    return list({company.pk: company for company in [*own, *clients]}.values())


def get_assignment(user: User, company_id: uuid.UUID, *, at: datetime) -> Assignment | None:
    """Return an assignment through which a person works for a company, or nothing."""
    return (
        Assignment.objects.in_force(at)
        .of_person(user.pk)
        .filter(mandate__client_id=company_id)
        .select_related("mandate__client", "mandate__firm")
        .order_by("pk")
        .first()
    )


def get_lent_workplace(user: User, company_id: uuid.UUID, *, at: datetime) -> Company | None:
    """Return a company that a person may act for without being a member, or nothing."""
    assignment = get_assignment(user, company_id, at=at)
    if assignment is not None:
        return assignment.mandate.client
    support = get_support_grant(user, company_id, at=at)
    return support.company if support else None


def get_company_details(company_id: uuid.UUID) -> Company:
    """Return a company as it is now, with its main contact loaded."""
    return Company.objects.select_related("main_contact__user").get(pk=company_id)


def get_company_by_number(org_number: str) -> Company | None:
    """Return the open company of an organisation number; nothing when two countries have it."""
    found = list(Company.objects.filter(org_number=org_number, closed_at=None).order_by("pk")[:2])
    return found[0] if len(found) == 1 else None


def list_members(company_id: uuid.UUID, *, at: datetime) -> QuerySet[Membership]:
    """List who is in a company by name, suspended or not, with roles and person loaded."""
    return (
        Membership.objects.open(at)
        .filter(company_id=company_id)
        .select_related("user", "company")
        .prefetch_related("role_grants")
        .by_person()
    )


def find_members(company_id: uuid.UUID, text: str, *, at: datetime) -> QuerySet[Membership]:
    """List who is in a company, narrowed to names and addresses that contain a text."""
    members = list_members(company_id, at=at)
    if wanted := text.replace("\0", "").strip():
        members = members.filter(
            Q(user__full_name__icontains=wanted) | Q(user__email__icontains=wanted)
        )
    return members


def get_member(
    company_id: uuid.UUID, membership_id: uuid.UUID, *, at: datetime
) -> Membership | None:
    """Return a member of a company, suspended or not, or nothing."""
    return list_members(company_id, at=at).filter(pk=membership_id).first()


def list_active_members(company_id: uuid.UUID, *, at: datetime, limit: int) -> Sequence[Membership]:
    """List members who can get in, by name, as suggestions for a field."""
    members = Membership.objects.in_force(at).filter(company_id=company_id, user__is_active=True)
    return list(members.select_related("user").by_person()[:limit])


def find_active_members(
    company_id: uuid.UUID, emails: Collection[str], *, at: datetime
) -> Mapping[str, Membership]:
    """Return who can get in and has one of some addresses, by address in small letters."""
    members = Membership.objects.in_force(at).filter(
        company_id=company_id, user__is_active=True, user__email__in=emails
    )
    return {member.user.email.lower(): member for member in members.select_related("user")}


def find_active_member(company_id: uuid.UUID, email: str, *, at: datetime) -> Membership | None:
    """Return who can get in and has an address, or nobody."""
    return find_active_members(company_id, [email], at=at).get(email.lower())


def has_other_owner(membership: Membership) -> bool:
    """Tell whether the company has an owner for good besides a member."""
    owners = Membership.objects.owners().filter(company_id=membership.company_id)
    return owners.exclude(pk=membership.pk).exists()


def find_person_ever_in(company_id: uuid.UUID, email: str) -> User | None:
    """Return who is or was in a company and has an address, or nobody."""
    ever = Membership.objects.filter(company_id=company_id, user=OuterRef("pk"))
    return User.objects.filter(Exists(ever), email=email.lower()).first()


def list_open_invitations(company_id: uuid.UUID) -> Sequence[Invitation]:
    """List invitations that nobody accepted or withdrew, newest first; some may have run out."""
    return list(
        Invitation.objects.open()
        .filter(company_id=company_id)
        .select_related("invited_by")
        .newest_first()
    )


def get_invitation(invitation_id: uuid.UUID) -> Invitation | None:
    """Return an invitation, used or not, with company and sender loaded, or nothing."""
    return (
        Invitation.objects.filter(pk=invitation_id).select_related("company", "invited_by").first()
    )


_COMPANIES_OF: Query[Any] = Query(
    lambda: (
        Membership.objects.in_force(_AT)
        .of_person(_USER)
        .filter(company__closed_at=None)
        .order_by("company_id")
        .values_list("company_id")
    )
)


def list_companies_of(user: User, *, at: datetime) -> Sequence[uuid.UUID]:
    """List the keys of the open companies that a person is in."""
    return [key for (key,) in _COMPANIES_OF.all(user=user.pk, at=at)]


def list_people_who_may(
    permission: Permission, company_id: uuid.UUID, *, at: datetime
) -> Sequence[User]:
    """List who in a company has a permission: whom to ask for something."""
    roles = [role for role in Role if permission in ROLE_PERMISSIONS[role]]
    return _list_people(roles, company_id, at)


def list_people_with(role: Role, company_id: uuid.UUID, *, at: datetime) -> Sequence[User]:
    """List who in a company has a role."""
    return _list_people([role], company_id, at)


def _list_people(roles: Sequence[Role], company_id: uuid.UUID, at: datetime) -> Sequence[User]:
    grants = RoleGrant.objects.in_force(at).filter(role__in=roles, membership=OuterRef("pk"))
    members = Membership.objects.in_force(at).filter(Exists(grants), company_id=company_id)
    people = User.objects.filter(is_active=True, pk__in=members.values("user_id"))
    return list(people.order_by("full_name", "pk"))


def count_members(company_id: uuid.UUID, *, at: datetime) -> int:
    """Count who is in a company, without those who are suspended."""
    return Membership.objects.in_force(at).filter(company_id=company_id).count()


def list_mandates_given(company_id: uuid.UUID) -> QuerySet[Mandate]:
    """List the mandates that a client gave or is asked for, by firm, also those that are over."""
    return Mandate.objects.filter(client_id=company_id).with_parties().by_firm()


def list_mandates_held(company_id: uuid.UUID, text: str, *, at: datetime) -> QuerySet[Mandate]:
    """List a firm's mandates that aren't over, by client, narrowed to names that contain a text."""
    rows = Mandate.objects.open(at).filter(firm_id=company_id).with_parties().by_client()
    wanted = text.replace("\0", "").strip()
    if not wanted:
        return rows
    digits = wanted.replace("-", "").replace(" ", "")
    named = Q(client__name__icontains=wanted)
    return rows.filter(
        named | Q(client__org_number__contains=digits) if digits.isdecimal() else named
    )


def get_mandate(company_id: uuid.UUID, mandate_id: uuid.UUID) -> Mandate | None:
    """Return a mandate that a company is a party of, or nothing."""
    parties = Q(client_id=company_id) | Q(firm_id=company_id)
    return Mandate.objects.filter(parties, pk=mandate_id).with_parties().first()


def list_assignable(
    mandate: Mandate, asking: User, *, at: datetime, limit: int
) -> Sequence[Membership]:
    """List members of a firm whom somebody can assign under a mandate, by name.

    Nobody assigns themselves.
    """
    blocked = Block.objects.in_force(at).filter(company=mandate.client_id).values("user_id")
    members = Membership.objects.in_force(at).filter(
        company_id=mandate.firm_id, user__is_active=True
    )
    others = members.exclude(user__in=blocked).exclude(user=asking)
    return list(others.select_related("user").by_person()[:limit])


def get_assignment_of(mandate: Mandate, assignment_id: uuid.UUID) -> Assignment | None:
    """Return an assignment under a mandate, ended or not, or nothing."""
    return Assignment.objects.filter(mandate=mandate, pk=assignment_id).with_names().first()


def get_block(company_id: uuid.UUID, block_id: uuid.UUID) -> Block | None:
    """Return a block of a client, lifted or not, or nothing."""
    return Block.objects.filter(company_id=company_id, pk=block_id).select_related("user").first()


def get_assigned_person(company_id: uuid.UUID, user_id: uuid.UUID) -> User | None:
    """Return somebody who is or was assigned to a client, or nothing."""
    mine = Assignment.objects.filter(mandate__client_id=company_id, user_id=user_id)
    return User.objects.filter(pk__in=mine.values("user_id")).first()


def list_assignments(mandate: Mandate, *, at: datetime) -> QuerySet[Assignment]:
    """List who is assigned under a mandate, by name."""
    return Assignment.objects.not_ended(at).filter(mandate=mandate).with_names().by_person()


def list_people_of_firms(company_id: uuid.UUID, *, at: datetime) -> QuerySet[Assignment]:
    """List who may act for a client right now through its firms, by name."""
    return (
        Assignment.objects.in_force(at)
        .filter(mandate__client_id=company_id)
        .with_names()
        .by_person()
    )


def get_review(firm_id: uuid.UUID) -> AccessReview | None:
    """Return the latest review of a firm, open or closed, or nothing."""
    reviews = AccessReview.objects.filter(firm_id=firm_id).select_related("firm")
    return reviews.newest_first().first()


def list_review_items(review: AccessReview, lead: Membership | None) -> ReviewItemQuerySet:
    """List what a review asks about, by client; for a lead only their own clients."""
    rows = ReviewItemQuerySet(ReviewItem).filter(review=review).with_names().by_client()
    return rows if lead is None else rows.filter(assignment__mandate__lead_id=lead.pk)


def count_review(review: AccessReview, *, at: datetime) -> ReviewProgress:
    """Count how far a review is. One query."""
    rows = ReviewItem.objects.filter(review=review)
    standing = Assignment.objects.not_ended(at).filter(pk=OuterRef("assignment"))
    is_open = Q(decision="") & Q(Exists(standing))
    counts = rows.aggregate(
        total=Count("pk"),
        kept=Count("pk", filter=Q(decision="kept")),
        ended=Count("pk", filter=Q(decision__in=["ended", "lapsed"])),
        waiting=Count("pk", filter=is_open),
    )
    return ReviewProgress(**counts)


def list_reviewers(review: AccessReview, *, at: datetime) -> Mapping[User, int]:
    """Map who can answer a review to how much waits for them: managers for all, leads for theirs.

    Nobody is counted what they may not confirm: their own access.
    """
    waiting = ReviewItem.objects.waiting(at).filter(review=review)
    rows = list(waiting.values_list("user_id", "assignment__mandate__lead__user_id"))
    asking = list_people_who_may(Permission.MANDATE_REQUEST, review.firm_id, at=at)
    managers = {user.pk for user in asking}
    people = list_people_who_may(Permission.ASSIGNMENT_CREATE, review.firm_id, at=at)
    counts = {
        user: sum(
            person != user.pk and (user.pk in managers or lead == user.pk) for person, lead in rows
        )
        for user in people
    }
    return {user: count for user, count in counts.items() if count}


def list_blocks(company_id: uuid.UUID, *, at: datetime) -> Sequence[Block]:
    """List whom a client shuts out, by name."""
    return list(
        Block.objects.in_force(at)
        .filter(company_id=company_id)
        .select_related("user", "blocked_by")
        .order_by("user__full_name", "user__email", "pk")
    )


def list_consents(mandate: Mandate) -> Sequence[MandateConsent]:
    """List what the parties said yes to, first who asked."""
    rows = MandateConsent.objects.filter(mandate=mandate).select_related("person")
    return list(rows.order_by("given_at", "pk"))


def get_support_grant(user: User, company_id: uuid.UUID, *, at: datetime) -> SupportGrant | None:
    """Return what lets a member of staff look at a company's data, or nothing."""
    if not (user.is_staff and user.is_active):
        return None
    grants = SupportGrant.objects.in_force(at).for_staff(user.pk)
    found = grants.filter(company_id=company_id, company__closed_at=None)
    return found.select_related("company").newest_first().first()


def list_support_grants(company_id: uuid.UUID, *, limit: int = 50) -> Sequence[SupportGrant]:
    """List when support was or is let in, newest first."""
    grants = SupportGrant.objects.filter(company_id=company_id).select_related("opened_by")
    return list(grants.newest_first()[:limit])


def list_open_support(company_id: uuid.UUID, *, at: datetime) -> Sequence[SupportGrant]:
    """List what lets our staff look at a company's data right now, newest first."""
    grants = SupportGrant.objects.in_force(at).filter(company_id=company_id)
    return list(grants.select_related("staff").newest_first())


def list_supported_companies(user: User, *, at: datetime) -> QuerySet[SupportGrant, uuid.UUID]:
    """List the keys of the companies whose data a member of staff may look at."""
    grants = SupportGrant.objects.in_force(at).for_staff(user.pk)
    return grants.values_list("company_id", flat=True)


def list_replaceable(mandate: Mandate, *, at: datetime) -> Sequence[Mandate]:
    """List the client's mandates to other firms that a new one could take over from."""
    rows = Mandate.objects.in_force(at).filter(client=mandate.client_id)
    others = rows.exclude(firm=mandate.firm_id).exclude(end_reason=Mandate.End.REPLACED)
    return list(others.with_parties().by_firm())


def _is_called(company: Company, text: str) -> bool:
    """Tell whether a company's name or number contains a text."""
    wanted = text.strip().casefold()
    digits = wanted.replace("-", "").replace(" ", "")
    return wanted in company.name.casefold() or (
        digits.isdecimal() and digits in company.org_number
    )
