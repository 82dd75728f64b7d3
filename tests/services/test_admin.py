"""The catalogue in the hands of staff, through HTTP."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from auditlog.actors import Actor
from auditlog.models import Event
from companies.models import Company, Membership
from services.models import Entitlement, Seat, Service, ServiceRole
from services.operations import NoDefaultRoleError, RoleFacts, ServiceFacts, create_service
from tests.factories.companies import let_support_in
from tests.factories.services import entitle, make_service, seat

SignIn = Callable[[User], Client]
MembershipOf = Callable[[User, Company], Membership]

SERVICE = {
    "name": "Lön",
    "slug": "lon",
    "tagline": "Lön på nätet",
    "description": "",
    "launch_url": "https://lon.example/start",
    "is_first_party": "on",
    "is_active": "on",
}


def with_roles(*roles: dict[str, str], **fields: str) -> dict[str, str]:
    data = {
        **SERVICE,
        "form-TOTAL_FORMS": str(len(roles)),
        "form-INITIAL_FORMS": "1",
        **fields,
    }
    for number, role in enumerate(roles):
        data |= {f"form-{number}-{name}": value for name, value in role.items()}
    return data


USER = {"code": "user", "name": "Användare", "is_default": "on"}
CHIEF = {"code": "chief", "name": "Chef"}


def test_staff_adds_a_service_with_its_roles(clerk: Client, staff: User) -> None:
    response = clerk.post(reverse("admin:services_service_add"), with_roles(USER, CHIEF))

    assert response.headers["Location"] == reverse("admin:services_service_changelist")
    service = Service.objects.get(slug="lon")
    assert [(r.code, r.is_default) for r in service.roles.order_by("rank")] == [
        ("user", True),
        ("chief", False),
    ]
    event = Event.objects.get(action="service.created")
    assert (event.actor_kind, event.actor_id) == ("staff", str(staff.pk))


@pytest.mark.parametrize(
    ("fields", "roles", "field"),
    [
        ({"slug": "Lön!"}, [USER], "slug"),
        ({"launch_url": "http://lon.example/"}, [USER], "launch_url"),
        ({"launch_url": "javascript:alert(1)"}, [USER], "launch_url"),
        ({"name": ""}, [USER], "name"),
        ({"slug": "bokforing"}, [USER], "__all__"),
        ({}, [CHIEF], None),
        ({}, [USER, {**CHIEF, "is_default": "on"}], None),
        ({}, [USER, {**CHIEF, "code": "user"}], None),
    ],
)
def test_bad_service_is_refused_beside_the_field(
    clerk: Client, fields: dict[str, str], roles: list[dict[str, str]], field: str | None
) -> None:
    make_service()

    response = clerk.post(reverse("admin:services_service_add"), with_roles(*roles, **fields))

    assert response.status_code == 422
    assert Service.objects.count() == 1
    if field:
        assert list(response.context["form"].errors) == [field]
    else:
        assert response.context["roles"].non_form_errors()


def test_staff_changes_a_service_and_moves_the_default(clerk: Client) -> None:
    service = make_service(slug="lon", name="Lön")
    roles = [
        {"code": "user", "name": "Medarbetare"},
        {"code": "admin", "name": "Administratör", "is_default": "on"},
    ]

    response = clerk.post(
        reverse("admin:services_service_change", args=[service.pk]),
        with_roles(*roles, is_active=""),
    )

    assert response.status_code == 302
    service.refresh_from_db()
    assert not service.is_active
    assert ServiceRole.objects.get(service=service, is_default=True).code == "admin"
    assert ServiceRole.objects.get(service=service, code="user").name == "Medarbetare"
    changes = Event.objects.get(action="service.updated").data["changes"]
    assert changes["is_active"] == [True, False]


def test_change_form_shows_what_is_saved(clerk: Client) -> None:
    service = make_service()

    response = clerk.get(reverse("admin:services_service_change", args=[service.pk]))

    assert response.status_code == 200
    assert response.context["form"]["slug"].value() == "bokforing"
    assert [form["code"].value() for form in response.context["roles"]][:2] == ["user", "admin"]


def test_unknown_service_is_not_found(clerk: Client) -> None:
    url = reverse("admin:services_service_change", args=["00000000-0000-4000-8000-000000000000"])

    assert clerk.get(url).status_code == 404


def test_staff_without_the_right_may_only_look(clerk: Client, staff: User) -> None:
    User.objects.filter(pk=staff.pk).update(is_superuser=False)

    assert clerk.post(reverse("admin:services_service_add"), with_roles(USER)).status_code == 403
    assert not Service.objects.exists()


def test_staff_ends_services_but_changes_no_seat(
    clerk: Client, acme: Company, bob: User, alice: User, membership_of: MembershipOf
) -> None:
    let_support_in(acme)
    entitlement = entitle(acme, make_service())
    taken = seat(entitlement, membership_of(bob, acme))
    seat(entitlement, membership_of(alice, acme))

    clerk.post(
        reverse("admin:services_seat_changelist"),
        {"action": "release", "_selected_action": [str(taken.pk)]},
    )
    clerk.post(reverse("admin:services_seat_delete", args=[taken.pk]), {"post": "yes"})
    assert Seat.objects.filter(valid_until=None).count() == 2
    assert not Event.objects.filter(action="seat.released").exists()

    clerk.post(
        reverse("admin:services_entitlement_changelist"),
        {"action": "withdraw", "_selected_action": [str(entitlement.pk)]},
    )
    assert not Entitlement.objects.filter(valid_until=None).exists()
    assert not Seat.objects.filter(valid_until=None).exists()
    assert Event.objects.filter(action="service.cancelled", actor_kind="staff").count() == 1


@pytest.mark.parametrize("model", ["entitlement", "seat"])
def test_staff_can_not_write_rows_by_hand(clerk: Client, model: str) -> None:
    assert clerk.get(reverse(f"admin:services_{model}_changelist")).status_code == 200
    assert clerk.get(reverse(f"admin:services_{model}_add")).status_code == 403


def test_lists_name_people_companies_and_services(
    clerk: Client, acme: Company, bob: User, membership_of: MembershipOf
) -> None:
    let_support_in(acme)
    seat(entitle(acme, make_service()), membership_of(bob, acme))

    page = clerk.get(reverse("admin:services_seat_changelist")).content.decode()

    for text in (bob.full_name, acme.name, "Bokföring", "Användare"):
        assert text in page


def test_short_name_of_another_service_is_refused(clerk: Client) -> None:
    make_service()
    service = make_service(slug="lon", name="Lön")

    response = clerk.post(
        reverse("admin:services_service_change", args=[service.pk]),
        with_roles(USER, slug="bokforing"),
    )

    assert response.status_code == 422
    assert response.context["form"].non_field_errors()
    service.refresh_from_db()
    assert service.slug == "lon"


def test_service_without_a_default_role_is_refused(now: datetime, system: Actor, db: None) -> None:
    facts = ServiceFacts(slug="lon", name="Lön", tagline="", launch_url="https://lon.example/")

    with pytest.raises(NoDefaultRoleError):
        create_service(facts=facts, roles=[RoleFacts("user", "U")], actor=system, now=now)
    assert not Service.objects.exists()
