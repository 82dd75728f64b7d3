"""The page that shows what each role may do: it is the table itself."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from companies.models import ROLE_DESCRIPTIONS, ROLE_PERMISSIONS, Company, Permission, Role
from tests.factories.companies import make_company

SignIn = Callable[[User], Client]


def read_cells(page: str) -> set[tuple[str, str]]:
    """Which (permission, role) pairs the page ticks."""
    ticked = set()
    for row in page.split("<tr>")[2:]:
        permission = re.findall(r'id="hint-(\w+)"', row)[0]
        for label, cell in re.findall(r'data-label="([^"]+)">(.*?)</td>', row, re.DOTALL):
            if "<svg" in cell:
                ticked.add((permission, label))
    return ticked


@pytest.mark.parametrize("firm_kind", ["", "accounting"])
def test_matrix_shows_what_the_checks_ask(sign_in: SignIn, mallory: User, firm_kind: str) -> None:
    company = make_company(
        name="Byrå AB", owner=mallory, org_number="5567037485", firm_kind=firm_kind
    )
    shown = [
        role for role in Role if firm_kind or role.value not in {"client_admin", "engagement_lead"}
    ]

    page = sign_in(mallory).get(f"/c/{company.pk}/roles/").content.decode()

    assert read_cells(page) == {
        (permission.name.lower(), str(role.label))
        for role in shown
        for permission in ROLE_PERMISSIONS[role]
    }


def test_each_word_is_explained_without_a_script(sign_in: SignIn, bob: User, acme: Company) -> None:
    page = sign_in(bob).get(f"/c/{acme.pk}/roles/").content.decode()

    for described in re.findall(r'aria-describedby="(hint-[a-z_]+)"', page):
        assert page.count(f'id="{described}"') == 1
    assert page.count('role="tooltip"') == len(Permission) + 6
    assert page.count("<script") == 1  # the portal's module; nothing of the page's own


def test_everything_has_words() -> None:
    assert {str(permission.label) for permission in Permission} - {""}
    assert all(permission.label and permission.meaning for permission in Permission)
    assert len({str(permission.label) for permission in Permission}) == len(Permission)
    assert set(ROLE_DESCRIPTIONS) == set(ROLE_PERMISSIONS) == set(Role)


def test_own_roles_are_marked(sign_in: SignIn, bob: User, acme: Company) -> None:
    page = sign_in(bob).get(f"/c/{acme.pk}/roles/")

    assert [c["role"] for c in page.context["columns"] if c["is_mine"]] == [Role.MEMBER]


def test_page_asks_little(
    sign_in: SignIn, alice: User, acme: Company, django_assert_max_num_queries: Any
) -> None:
    client = sign_in(alice)

    with django_assert_max_num_queries(7):
        client.get(f"/c/{acme.pk}/roles/")
