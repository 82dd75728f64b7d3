"""What staff and customers take out of billing by hand."""

import uuid
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing.models import InvoiceBasis, Plan
from billing.operations import approve_basis
from companies.models import Membership
from tests.billing.einvoice import find_faults
from tests.factories.billing import buy
from tests.factories.companies import SYSTEM


@pytest.fixture
def clerk(staff: User, sign_in_staff: Callable[[User], Client]) -> Client:
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    return sign_in_staff(staff)


@pytest.fixture
def draft(alice_in_acme: Membership, plan: Plan) -> InvoiceBasis:
    buy(alice_in_acme, plan, now=timezone.now())
    return InvoiceBasis.objects.get()


@pytest.fixture
def basis(draft: InvoiceBasis) -> InvoiceBasis:
    return approve_basis(basis=draft, actor=SYSTEM, now=timezone.now())


def test_staff_takes_a_basis_as_ubl(clerk: Client, basis: InvoiceBasis) -> None:
    page = clerk.get(reverse("admin:billing_invoicebasis_change", args=[basis.pk]))
    url = reverse("admin:billing_invoicebasis_ubl", args=[basis.pk])
    assert url in page.content.decode()

    sent = clerk.get(url)

    assert find_faults(sent.content) == []
    assert sent.headers["Content-Type"] == "application/xml"
    assert sent.headers["Content-Disposition"] == f'attachment; filename="{basis.label}.xml"'


def test_draft_has_no_ubl(clerk: Client, draft: InvoiceBasis) -> None:
    page = clerk.get(reverse("admin:billing_invoicebasis_change", args=[draft.pk]))
    url = reverse("admin:billing_invoicebasis_ubl", args=[draft.pk])

    assert url not in page.content.decode()
    assert clerk.get(url).status_code == 404
    assert (
        clerk.get(reverse("admin:billing_invoicebasis_ubl", args=[uuid.uuid4()])).status_code == 404
    )


def test_staff_without_the_right_takes_nothing(
    staff: User, sign_in_staff: Callable[[User], Client], basis: InvoiceBasis
) -> None:
    client = sign_in_staff(staff)

    assert client.get(reverse("admin:billing_invoicebasis_ubl", args=[basis.pk])).status_code == 403
