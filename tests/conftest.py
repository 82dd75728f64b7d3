"""The people that the tests know, and a log that a test run may empty."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client, TransactionTestCase
from django.test.testcases import LiveServerThread

from accounts.models import User
from auditlog.actors import Actor
from companies.models import Company, Membership, Role
from tests.factories.accounts import make_user
from tests.factories.companies import join_company, make_company
from tests.live_server import HangingUpServer

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session", autouse=True)
def log_may_be_emptied_between_tests() -> Iterator[None]:
    """Open the retention gate while a transactional test empties its tables."""
    tear_down = vars(TransactionTestCase)["_fixture_teardown"]

    def tear_down_with_open_gate(self: TransactionTestCase) -> None:
        set_retention_gate(is_open=True)
        try:
            tear_down(self)
        finally:
            set_retention_gate(is_open=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", tear_down_with_open_gate)
        yield


@pytest.fixture(scope="session", autouse=True)
def live_server_can_hang_up() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LiveServerThread, "server_class", HangingUpServer)
        yield


@pytest.fixture(autouse=True)
def live_server_hangs_up_after_each_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let go of the database before it is emptied, or removed after the last test."""
    if "live_server" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("transactional_db")
    live_server = request.getfixturevalue("live_server")
    yield
    live_server.thread.httpd.hang_up()


def set_retention_gate(*, is_open: bool) -> None:
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('vop.retention', %s, false)", ["on" if is_open else ""]
            )
    else:
        connection.connection.create_function("vop_retention", 0, lambda: int(is_open))


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    """Start every test without rate limits counted by another."""
    cache.clear()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def system() -> Actor:
    return Actor.system("tests")


@pytest.fixture
def alice(db: None) -> User:
    """Owner of acme."""
    return make_user(email="alice@exempel.se", full_name="Alice Ek")


@pytest.fixture
def acme(alice: User) -> Company:
    return make_company(name="Acme AB", owner=alice, org_number="5560160680")


@pytest.fixture
def bob(acme: Company) -> User:
    """Member of acme, with no role beyond."""
    user = make_user(email="bob@exempel.se", full_name="Bob Berg")
    join_company(acme, user, Role.MEMBER)
    return user


@pytest.fixture
def mallory(db: None) -> User:
    """Owner of another company."""
    return make_user(email="mallory@exempel.se", full_name="Mallory Malm")


@pytest.fixture
def other(mallory: User) -> Company:
    return make_company(name="Other AB", owner=mallory, org_number="5567037485")


@pytest.fixture
def byra(db: None) -> Company:
    """A firm, with Berit as its owner."""
    berit = make_user(email="berit@exempel.se", full_name="Berit Byrå")
    return make_company(
        name="Byrån AB", owner=berit, org_number="5590000302", firm_kind="accounting"
    )


@pytest.fixture
def staff(db: None) -> User:
    return make_user(email="staff@vop.example", full_name="Stina Staff", is_staff=True)


@pytest.fixture
def sign_in(client: Client) -> Callable[[User], Client]:
    """Sign a person in without the form; the pages of signing in have tests of their own."""

    def _sign_in(user: User) -> Client:
        client.force_login(user, backend="accounts.adapter.SignInBackend")
        return client

    return _sign_in


@pytest.fixture
def sign_in_staff(
    client: Client, staff: User, sign_in: Callable[[User], Client]
) -> Callable[..., Client]:
    """Sign staff in with a second factor, as the admin demands, without the form."""

    def _sign_in_staff(user: User = staff) -> Client:
        sign_in(user)
        session = client.session
        session["account_authentication_methods_user"] = str(user.pk)
        session["account_authentication_methods"] = [
            {"method": "password", "at": time.time(), "email": user.email},
            {"method": "mfa", "at": time.time(), "id": 0, "type": "totp"},
        ]
        session.save()
        return client

    return _sign_in_staff


@pytest.fixture
def membership_of() -> Callable[[User, Company], Membership]:
    def _membership_of(user: User, company: Company) -> Membership:
        return Membership.objects.get(user=user, company=company, valid_until=None)

    return _membership_of
