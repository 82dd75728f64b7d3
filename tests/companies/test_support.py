"""Our own staff see a company's data with a grant or in an emergency, and the company sees it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from auditlog.models import Event, EventAudience
from companies.models import Company, Membership, SupportGrant
from companies.operations import (
    NotAllowedError,
    NotStaffError,
    SupportDaysError,
    SupportEndedError,
    SupportReasonError,
    break_glass,
    end_support,
    open_support,
    record_look,
)
from services.access import Access, NoAccess, effective_access
from services.models import Service
from tests.companies.pages import deliver
from tests.concurrency import at_once
from tests.factories.companies import SYSTEM, let_support_in
from tests.factories.services import entitle, make_service

SignIn = Callable[[User], Client]


def owner_of(company: Company) -> Membership:
    return Membership.objects.get(pk=company.main_contact_id)


def shut_out(grant: SupportGrant, company: Company) -> SupportGrant:
    now = datetime.now(UTC)
    return end_support(grant=grant, acting=owner_of(company), actor=SYSTEM, now=now)


def looks(company: Company) -> list[dict[str, Any]]:
    seen = EventAudience.objects.filter(company_id=company.pk).values("event")
    events = Event.objects.filter(pk__in=seen, action="staff.company_viewed").order_by("pk")
    return [{"who": event.actor_id, "kind": event.actor_kind, **event.data} for event in events]


@pytest.fixture
def office(sign_in_staff: Callable[..., Client], staff: User) -> Client:
    staff.is_superuser = True
    staff.save()
    return sign_in_staff()


@pytest.fixture
def service(acme: Company) -> Service:
    service = make_service()
    entitle(acme, service)
    return service


# --- Looking -------------------------------------------------------------------------------------


def test_staff_without_grant_see_nothing(
    office: Client, staff: User, acme: Company, bob: User
) -> None:
    for page in ("", "members/", "log/", "services/"):
        assert office.get(f"/c/{acme.pk}/{page}").status_code == 404
    door = office.get(f"/admin/companies/company/{acme.pk}/change/")
    assert door.status_code == 403
    assert bob.email not in door.content.decode()
    assert looks(acme) == []


def test_each_look_is_in_the_log_of_the_company(
    office: Client, staff: User, acme: Company, other: Company, bob: User
) -> None:
    grant = let_support_in(acme)

    page = office.get(f"/c/{acme.pk}/members/")
    admin = office.get(f"/admin/companies/company/{acme.pk}/change/")
    office.get("/admin/services/seat/")

    assert bob.full_name in page.content.decode()
    assert bob.email in admin.content.decode()
    seen = looks(acme)
    assert [look["page"] for look in seen] == [
        "companies:members",
        "admin:companies_company_change",
        "admin:services_seat_changelist",
    ]
    assert {(look["who"], look["kind"], look["grant"]) for look in seen} == {
        (str(staff.pk), "staff", str(grant.pk))
    }
    assert looks(other) == []
    assert office.get(f"/c/{other.pk}/members/").status_code == 404


def test_staff_change_nothing(office: Client, acme: Company) -> None:
    let_support_in(acme)

    for page in ("leave/", "choose/", "support/let-in/", "members/export/csv/"):
        assert office.post(f"/c/{acme.pk}/{page}").status_code == 403
    for page in ("company/edit/", "members/invite/", "policies/", "support/"):
        assert office.get(f"/c/{acme.pk}/{page}").status_code == 403
    assert looks(acme) == []


def test_password_alone_lets_no_staff_in(sign_in: SignIn, staff: User, acme: Company) -> None:
    let_support_in(acme)

    assert sign_in(staff).get(f"/c/{acme.pk}/").status_code == 404


def test_grant_lets_in_staff_only(sign_in: SignIn, acme: Company, mallory: User) -> None:
    let_support_in(acme)

    assert sign_in(mallory).get(f"/c/{acme.pk}/").status_code == 404


@pytest.mark.parametrize("ending", ["by the company", "by itself"])
def test_end_shuts_out_at_once(office: Client, acme: Company, ending: str) -> None:
    grant = let_support_in(acme, now=datetime.now(UTC) - timedelta(days=6, hours=23))
    assert office.get(f"/c/{acme.pk}/").status_code == 200

    if ending == "by the company":
        shut_out(grant, acme)
    else:
        past = timedelta(days=1)
        SupportGrant.objects.update(
            valid_from=grant.valid_from - past, valid_until=grant.valid_until - past
        )

    assert office.get(f"/c/{acme.pk}/").status_code == 404
    assert office.get(f"/admin/companies/company/{acme.pk}/change/").status_code == 403


def test_emergency_lets_one_person_in_and_tells_the_owners(
    office: Client, acme: Company, staff: User
) -> None:
    address = f"/admin/companies/company/{acme.pk}/break-glass/"
    assert office.post(address, {"reason": "kort"}).status_code == 422
    assert not SupportGrant.objects.exists()

    answer = office.post(address, {"reason": "Felsökning av inloggning"})

    assert answer["Location"] == f"/admin/companies/company/{acme.pk}/change/"
    grant = SupportGrant.objects.get()
    assert (grant.staff, grant.source) == (staff, "emergency")
    assert grant.valid_until - grant.valid_from == timedelta(hours=4)
    colleague = User.objects.create_user("kollega@vop.example", is_staff=True)
    assert not grant.lets_in(colleague)
    [mail] = deliver()
    assert mail.to == ["alice@exempel.se"]
    assert "Felsökning av inloggning" in str(mail.body)
    assert EventAudience.objects.filter(
        company_id=acme.pk, event__action="break_glass.used"
    ).exists()
    assert office.get(f"/c/{acme.pk}/").status_code == 200


# --- The one decision ----------------------------------------------------------------------------


def test_ground_of_support_reads_and_ends(acme: Company, staff: User, service: Service) -> None:
    now = datetime.now(UTC)
    assert isinstance(effective_access(staff, acme, service, now), NoAccess)
    grant = let_support_in(acme, now=now)

    access = effective_access(staff, acme, service, now)

    assert isinstance(access, Access)
    assert access.ground == f"support:{grant.pk}"
    assert access.packages == {"read"}
    assert (access.roles, access.until) == (frozenset(), grant.valid_until)
    before = effective_access(staff, acme, service, now - timedelta(seconds=1))
    after = effective_access(staff, acme, service, grant.valid_until)
    assert isinstance(before, NoAccess)
    assert isinstance(after, NoAccess)
    shut_out(grant, acme)
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert isinstance(effective_access(staff, acme, service, later), NoAccess)


def test_ground_of_support_is_for_staff(acme: Company, mallory: User, service: Service) -> None:
    let_support_in(acme)

    later = datetime.now(UTC) + timedelta(seconds=1)
    assert isinstance(effective_access(mallory, acme, service, later), NoAccess)


# --- The company's page --------------------------------------------------------------------------


def test_company_lets_in_sees_looks_and_shuts_out(
    sign_in: SignIn, sign_in_staff: Callable[..., Client], acme: Company, alice: User, staff: User
) -> None:
    client = sign_in(alice)
    page = f"/c/{acme.pk}/support/"
    assert client.get(page).context["form"]["days"].value() == 7

    assert client.post(f"{page}let-in/", {"reason": "Ärende 9", "days": 3}).status_code == 302
    grant = SupportGrant.objects.get()
    assert grant.valid_until - grant.valid_from == timedelta(days=3)
    sign_in_staff().get(f"/c/{acme.pk}/members/")

    client = sign_in(alice)
    text = client.get(page).content.decode()
    assert staff.full_name in text
    assert "Ärende 9" in text
    assert client.post(f"{page}{grant.pk}/end/").status_code == 302
    grant.refresh_from_db()
    assert grant.ended_at is not None


@pytest.mark.parametrize("data", [{"days": 31}, {"days": 0}, {"reason": ""}, {"days": "x"}])
def test_wrong_answers_stay_in_the_form(
    sign_in: SignIn, acme: Company, alice: User, data: dict[str, Any]
) -> None:
    sent = {"reason": "Ärende", "days": 7, **data}

    assert sign_in(alice).post(f"/c/{acme.pk}/support/let-in/", sent).status_code == 422
    assert not SupportGrant.objects.exists()


def test_grant_of_another_company_is_not_found(
    sign_in: SignIn, acme: Company, other: Company, alice: User
) -> None:
    grant = let_support_in(other)

    assert sign_in(alice).post(f"/c/{acme.pk}/support/{grant.pk}/end/").status_code == 404


# --- Rules ---------------------------------------------------------------------------------------


def test_operations_refuse(acme: Company, bob: User) -> None:
    now = datetime.now(UTC)
    facts: dict[str, Any] = {"company": acme, "actor": SYSTEM, "now": now}
    for days in (0, 31):
        with pytest.raises(SupportDaysError):
            open_support(reason="x", days=days, acting=owner_of(acme), **facts)
    with pytest.raises(SupportReasonError):
        open_support(reason="  ", days=7, acting=owner_of(acme), **facts)
    with pytest.raises(NotAllowedError):
        open_support(reason="x", days=7, acting=Membership.objects.get(user=bob), **facts)
    User.objects.filter(pk=bob.pk).update(is_staff=True, is_active=False)
    with pytest.raises(NotStaffError):
        break_glass(user=bob, reason="x", **facts)
    grant = let_support_in(acme)
    during = datetime.now(UTC)
    shut_out(grant, acme)
    with pytest.raises(SupportEndedError):
        shut_out(grant, acme)
    with pytest.raises(SupportEndedError):
        # Its instant is from before the end, but it comes after: two requests met.
        record_look(grant=grant, page="x", actor=SYSTEM, now=during)


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_until": timedelta(days=31)},
        {"valid_until": timedelta(0)},
        {"source": "emergency"},
        {"reason": ""},
    ],
)
def test_database_knows_the_limits(acme: Company, changes: dict[str, Any]) -> None:
    grant = let_support_in(acme)
    values = {
        name: grant.valid_from + value if isinstance(value, timedelta) else value
        for name, value in changes.items()
    }

    with pytest.raises(IntegrityError), transaction.atomic():
        SupportGrant.objects.filter(pk=grant.pk).update(**values)


def test_only_staff_break_the_glass(acme: Company, bob: User) -> None:
    with pytest.raises(Exception, match="NotStaffError"):
        break_glass(company=acme, user=bob, reason="nyfiken", actor=SYSTEM, now=datetime.now(UTC))


@pytest.mark.django_db(transaction=True)
def test_look_and_end_at_once_leave_no_look_after_the_end(acme: Company) -> None:
    grant = let_support_in(acme, now=datetime.now(UTC) - timedelta(minutes=1))
    now = datetime.now(UTC)

    at_once(
        lambda: record_look(grant=grant, page="x", actor=SYSTEM, now=now),
        lambda: shut_out(grant, acme),
    )

    actions = Event.objects.filter(target_id=str(grant.pk)).order_by("pk")
    order = list(actions.values_list("action", flat=True))
    assert order in (
        ["support_grant.opened", "support_grant.ended"],
        ["support_grant.opened", "staff.company_viewed", "support_grant.ended"],
    )
