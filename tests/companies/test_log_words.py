"""The company's log speaks in words: no code, no short name, no view's name."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User
from companies.models import Company, Membership
from companies.rendering.words import FIELD_LABELS, KEYS, MARKS, PAGES
from services.models import Service
from services.operations import assign_seat
from tests.factories.companies import SYSTEM, let_support_in
from tests.factories.services import entitle, make_service
from tests.matrix.rules import GET, STAFF_WITH_GRANT, Outcome
from tests.test_permission_matrix import OWN_ADDRESSES, RULES

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("accounts", "auditlog", "companies", "services", "oidc", "billing")


def list_keys(room: str) -> Iterator[str]:
    """Every key that an event of a company has in its data, as far as it is written out."""
    for file in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            given = {word.arg: word.value for word in node.keywords}
            data = given.get("data")
            if node.func.id in {"audit", "Entry", "audit_mandate"} and (
                "company" in given or node.func.id == "audit_mandate"
            ):
                dicts = (
                    [each for each in ast.walk(data) if isinstance(each, ast.Dict)] if data else []
                )
                for each in dicts:
                    yield from (
                        str(key.value) for key in each.keys if isinstance(key, ast.Constant)
                    )


@pytest.mark.parametrize("room", ROOMS)
def test_every_key_of_an_event_has_a_name(room: str) -> None:
    known = {*KEYS, *MARKS, *FIELD_LABELS, "changes", "fields"}

    assert sorted({key for key in list_keys(room) if key not in known}) == []


def test_every_page_that_staff_can_look_at_has_a_name() -> None:
    open_to_staff = {
        name
        for name, rule in RULES.items()
        if name in OWN_ADDRESSES
        and "company_id" in OWN_ADDRESSES[name].pattern.converters
        and GET in rule.methods
        and rule.outcomes[STAFF_WITH_GRANT] is Outcome.LET_IN
    }

    assert sorted(open_to_staff - set(PAGES)) == []


@pytest.fixture
def service(acme: Company) -> Service:
    service = make_service()
    entitle(acme, service)
    return service


def test_seat_is_told_with_the_names_of_service_and_role(
    sign_in: Callable[[User], Client],
    alice: User,
    acme: Company,
    service: Service,
    membership_of: Callable[[User, Company], Membership],
    bob: User,
) -> None:
    role = service.roles.get(code="user")
    service.name, role.name = "Bokföringen", "Medarbetare"
    service.save()
    role.save()
    assign_seat(
        entitlement=service.entitlements.get(company=acme),
        membership=membership_of(bob, acme),
        role=role,
        actor=SYSTEM,
        now=acme.created_at,
    )

    page = sign_in(alice).get(f"/c/{acme.pk}/log/?since=2025-01-01")

    sentences = [row.sentence for row in page.context["rows"]]
    assert any("Bokföringen" in text and "Medarbetare" in text for text in sentences)
    assert not any(service.slug in text.split() for text in sentences)


def test_look_of_staff_names_the_page(
    sign_in: Callable[[User], Client],
    sign_in_staff: Callable[..., Client],
    alice: User,
    acme: Company,
) -> None:
    let_support_in(acme)
    sign_in_staff().get(f"/c/{acme.pk}/members/")

    page = sign_in(alice).get(f"/c/{acme.pk}/support/").content.decode()

    assert "Sida: medlemmar" in page
    assert "companies:members" not in page
