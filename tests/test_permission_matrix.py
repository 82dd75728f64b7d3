"""Every address against every kind of person (design rule 8).

An address that no room lists fails the test: see tests/matrix/rules.py for how to list one.
"""

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import User
from companies.models import Company, Mandate, Membership, Role
from companies.operations import (
    block_person,
    break_glass,
    change_lead,
    end_membership,
    open_review,
    suspend_member,
)
from services.models import Package, Service
from tests.factories.accounts import make_user
from tests.factories.companies import LONG_AGO, SYSTEM, join_company, make_company
from tests.factories.mandates import assign, make_mandate
from tests.factories.services import entitle, make_service
from tests.matrix.rules import (
    ANONYMOUS,
    ASSIGNED,
    BLOCKED,
    DISABLED,
    FORMER,
    KINDS,
    OUTSIDER,
    POST,
    ROLE_OF_FIRM_KIND,
    ROLE_OF_KIND,
    STAFF,
    STAFF_WITH_GRANT,
    STAFF_WITHOUT_SECOND_FACTOR,
    SUSPENDED,
    Lookup,
    Outcome,
    Rule,
    World,
)
from tests.matrix.services import FIRM_RULES

ROOMS = (
    "vop", "accounts", "companies", "services", "oidc", "billing", "stats", "statuspage",
)  # fmt: skip
BACKEND = "accounts.adapter.SignInBackend"
ADMIN = "admin"
PROVEN_STAFF = {STAFF, STAFF_WITH_GRANT}
STAFF_KINDS = {*PROVEN_STAFF, STAFF_WITHOUT_SECOND_FACTOR}
OPEN_STAFF_ADDRESSES = {"admin:login", "admin:logout"}  # they lead to the platform's own
STAFF_ARGUMENTS = {"app_label": "companies", "url": "nothing/", "content_type_id": "1"}
SHUT_OUT = {Outcome.ASKED_TO_SIGN_IN, Outcome.FORBIDDEN}
NOBODY = "00000000-0000-4000-8000-000000000000"


def read_rooms() -> tuple[dict[str, Rule], dict[str, Lookup]]:
    rules: dict[str, Rule] = {}
    arguments: dict[str, Lookup] = {}
    for room in ROOMS:
        module = importlib.import_module(f"tests.matrix.{room}")
        rules |= module.RULES
        arguments |= module.ARGUMENTS
    return rules, arguments


RULES, ARGUMENTS = read_rooms()
PAGES = [*sorted(RULES.items()), *sorted(FIRM_RULES.items())]


def list_addresses(
    resolver: URLResolver | None = None, namespace: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Every address by its full name; one without a name shows its pattern instead."""
    resolver = resolver or get_resolver()
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from list_addresses(entry, inner)
        else:
            yield f"{namespace}{entry.name or entry.pattern}", entry


ADDRESSES = dict(list_addresses())
OWN_ADDRESSES = {
    name: entry for name, entry in ADDRESSES.items() if not name.startswith(f"{ADMIN}:")
}
STAFF_ADDRESSES = sorted(
    name for name, entry in ADDRESSES.items() if name.startswith(f"{ADMIN}:") and entry.name
)


@pytest.fixture
def world(db: None) -> World:
    people: dict[str, User] = {}
    for kind in KINDS:
        if kind != ANONYMOUS:
            people[kind] = make_user(
                email=f"{kind.replace(' ', '-')}@exempel.se",
                full_name=kind.title(),
                is_staff=kind in STAFF_KINDS,
                is_superuser=kind in STAFF_KINDS,
            )
    company = make_company(name="Matris AB", owner=people["owner"], org_number="5560160680")
    make_company(name="Utanför AB", owner=people[OUTSIDER], org_number="5567037485")
    for kind, role in ROLE_OF_KIND.items():
        if kind != "owner":
            recently = timezone.now() - timedelta(days=1)
            since = recently if role == Role.AUDITOR else LONG_AGO  # an auditor's role runs out
            join_company(company, people[kind], role, now=since)
    shut_out(company, people)
    firm = make_firm(people)
    service = make_service()
    entitle(company, service)
    mandate = give_mandate(company, firm, people, service)
    let_in(company, people[STAFF_WITH_GRANT])
    return World(company, people, firm, mandate)


def shut_out(company: Company, people: dict[str, User]) -> None:
    """Three who had every right once."""
    boss = Membership.objects.get(company=company, user=people["owner"])
    now = timezone.now()
    join_company(company, people[DISABLED], Role.OWNER)
    User.objects.filter(pk=people[DISABLED].pk).update(is_active=False)  # its session stays
    suspended = join_company(company, people[SUSPENDED], Role.ADMIN)
    suspend_member(membership=suspended, acting=boss, actor=SYSTEM, now=now)
    former = join_company(company, people[FORMER], Role.ADMIN)
    end_membership(membership=former, acting=boss, actor=SYSTEM, now=now)


def let_in(company: Company, staff: User) -> None:
    """A grant for one member of staff alone."""
    break_glass(company=company, user=staff, reason="Ärende 4711", actor=SYSTEM, now=timezone.now())


def make_firm(people: dict[str, User]) -> Company:
    firm = make_company(
        name="Byrån AB",
        owner=people["firm owner"],
        org_number="5590000302",
        firm_kind="accounting",
    )
    for kind, role in ROLE_OF_FIRM_KIND.items():
        if kind != "firm owner":
            join_company(firm, people[kind], role)
    return firm


def give_mandate(
    company: Company, firm: Company, people: dict[str, User], service: Service
) -> Mandate:
    """A mandate that the lead leads and under which one person works."""
    members = {kind: Membership.objects.get(company=firm, user=people[kind]) for kind in people
               if kind in ROLE_OF_FIRM_KIND}  # fmt: skip
    now = timezone.now() - timedelta(days=1)
    chosen = {service: [Package.OPERATE]}
    mandate = make_mandate(company, firm, chosen, now=now)
    change_lead(
        mandate=mandate, lead=members["lead"], acting=members["firm owner"], actor=SYSTEM, now=now
    )
    for kind in (ASSIGNED, BLOCKED):
        assign(mandate, members[kind], chosen, now=now)
    open_review(firm=firm, now=now)
    boss = Membership.objects.get(company=company, user=people["owner"])
    block_person(company=company, user=people[BLOCKED], acting=boss, actor=SYSTEM, now=now)
    return mandate


@contextmanager
def undone() -> Iterator[None]:
    """Take back what a request changed, so that the next kind of person meets the same world."""
    block: Any = transaction.atomic()
    block._from_testcase = True  # use cases open the real one inside
    with block:
        yield
        transaction.set_rollback(True)


def sign_in(client: Client, world: World, kind: str) -> None:
    client.cookies.clear()
    if kind == ANONYMOUS:
        return
    user = world.people[kind]
    client.force_login(user, backend=BACKEND)
    if kind in PROVEN_STAFF:
        session = client.session
        session["account_authentication_methods_user"] = str(user.pk)
        session["account_authentication_methods"] = [
            {"method": "password", "at": time.time(), "email": user.email},
            {"method": "mfa", "at": time.time(), "id": 0, "type": "totp"},
        ]
        session.save()


def judge(response: HttpResponseBase) -> Outcome | str:
    """Say what became of a request; a method that isn't taken, or a crash, is no outcome."""
    status = response.status_code
    if status in {301, 302, 303} and is_sign_in(response.headers["Location"]):
        return Outcome.ASKED_TO_SIGN_IN
    known = {
        403: Outcome.FORBIDDEN,
        404: Outcome.NOT_FOUND,
        400: Outcome.REFUSED,
        401: Outcome.REFUSED,
    }
    if status in known:
        return known[status]
    return f"status {status}" if status == 405 or status >= 500 else Outcome.LET_IN


def is_sign_in(location: str) -> bool:
    return location.partition("?")[0] in {"/login/", reverse("admin:login")}


def ask(client: Client, name: str, method: str, world: World, rule: Rule) -> HttpResponseBase:
    pattern = OWN_ADDRESSES[name].pattern
    lookups = {**ARGUMENTS, **rule.arguments}
    wanted = {*pattern.converters, *pattern.regex.groupindex}
    kwargs = {argument: lookups[argument](world) for argument in sorted(wanted)}
    url = reverse(name, kwargs=kwargs)
    query = rule.query(world)
    if method == POST:
        return client.post(url, dict(query))
    return client.get(f"{url}?{urlencode(query)}" if query else url)


def test_every_address_is_listed() -> None:
    assert sorted(set(OWN_ADDRESSES) - set(RULES)) == [], "list them in tests/matrix/<room>.py"


def test_every_rule_has_an_address() -> None:
    assert sorted(set(RULES) - set(OWN_ADDRESSES)) == []


def test_every_page_of_a_company_asks_for_a_permission() -> None:
    """What carries a company in its address is shut to outsiders."""
    open_pages = [
        name
        for name, entry in OWN_ADDRESSES.items()
        if "company_id" in entry.pattern.converters
        and name in RULES
        and RULES[name].outcomes[OUTSIDER] is not Outcome.NOT_FOUND
    ]

    assert open_pages == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [pytest.param(name, rule, id=name) for name, rule in PAGES if name in OWN_ADDRESSES],
)
def test_address_lets_in_whom_it_should(
    name: str, rule: Rule, client: Client, world: World
) -> None:
    found: dict[str, Outcome | str] = {}
    expected: dict[str, Outcome | str] = {}
    for method in rule.methods:
        for kind in KINDS:
            expected[f"{method} as {kind}"] = rule.outcomes[kind]
            with undone():
                sign_in(client, world, kind)
                found[f"{method} as {kind}"] = judge(ask(client, name, method, world, rule))

    assert found == expected


@pytest.mark.parametrize("kind", KINDS)
def test_staff_pages_are_for_staff_with_a_second_factor(
    kind: str, client: Client, world: World
) -> None:
    faults = {}
    sign_in(client, world, kind)
    for name in STAFF_ADDRESSES:
        if name in OPEN_STAFF_ADDRESSES:
            continue
        pattern = ADDRESSES[name].pattern
        wanted = {*pattern.converters, *pattern.regex.groupindex}
        arguments = {argument: STAFF_ARGUMENTS.get(argument, NOBODY) for argument in wanted}
        outcome = judge(client.get(reverse(name, kwargs=arguments)))
        is_let_in = outcome not in SHUT_OUT
        may = kind in PROVEN_STAFF
        if is_let_in != may and not (may and outcome == Outcome.FORBIDDEN):
            faults[name] = outcome

    assert faults == {}
