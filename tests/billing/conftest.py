from collections.abc import Callable

import pytest

from accounts.models import User
from billing.models import Plan, Seller
from companies.models import Company, Membership
from services.models import Service
from tests.factories.billing import make_plan, make_seller, make_vat_rate
from tests.factories.services import make_service


@pytest.fixture
def seller(db: None) -> Seller:
    """Who sells, and Sweden's standard VAT rate."""
    make_vat_rate()
    return make_seller()


@pytest.fixture
def service(seller: Seller) -> Service:
    return make_service()


@pytest.fixture
def plan(service: Service) -> Plan:
    """149 kr a seat and month."""
    return make_plan(service)


@pytest.fixture
def alice_in_acme(
    alice: User, acme: Company, membership_of: Callable[[User, Company], Membership]
) -> Membership:
    return membership_of(alice, acme)
