"""The pages of mandates: asked for, read, agreed, looked at and ended in the portal."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from auditlog.models import Event
from companies.models import Assignment, Block, Company, Mandate, MandateConsent, Membership, Role
from companies.operations import end_support, open_support, record_look
from services.models import Package, Service
from tests.factories.accounts import make_user
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.mandates import ask_for, assign, make_mandate, owner_of, terms_of
from tests.factories.services import entitle, make_service
from vop.lib.clock import local_date

SignIn = Callable[[User], Client]


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


@pytest.fixture
def moa(byra: Company) -> Membership:
    return join_company(byra, make_user(email="moa@exempel.se", full_name="Moa Matt"), Role.MEMBER)


@pytest.fixture
def since() -> datetime:
    return timezone.now() - timedelta(days=1)


@pytest.fixture
def mandate(acme: Company, byra: Company, service: Service, since: datetime) -> Mandate:
    entitle(acme, service)
    return make_mandate(acme, byra, {service: [Package.OPERATE]}, now=since)


@pytest.fixture
def assignment(mandate: Mandate, moa: Membership, service: Service, since: datetime) -> Assignment:
    return assign(mandate, moa, {service: [Package.OPERATE]}, now=since)


def path(company: Company, rest: str) -> str:
    return f"/c/{company.pk}/{rest}"


def read_hash(page: str) -> str:
    found = re.search(r'name="text_sha256" value="([0-9a-f]{64})"', page)
    assert found, page
    return found[1]


def fill(acme: Company, **changes: str) -> dict[str, str]:
    today = local_date(timezone.now())
    return {
        "org_number": acme.org_number,
        "first_day": today.isoformat(),
        "last_day": (today + timedelta(days=300)).isoformat(),
        "level_bokforing": "operate",
    } | changes


# --- Asking ---------------------------------------------------------------------------------------


def test_firm_reads_the_text_and_sends_the_request(
    acme: Company, byra: Company, service: Service, moa: Membership, sign_in: SignIn
) -> None:
    browser = sign_in(owner_of(byra).user)
    ask = path(byra, "clients/ask/")
    assert 'name="level_bokforing"' in browser.get(ask).content.decode()
    sent = fill(acme, lead=moa.user.email)
    review = browser.post(ask, sent)
    page = review.content.decode()
    assert (review.status_code, Mandate.objects.count()) == (200, 0)
    assert "Acme AB (556016-0680) ger Byrån AB" in page
    assert "Moa Matt leder arbetet" in page

    done = browser.post(ask, sent | {"text_sha256": read_hash(page)})

    made = Mandate.objects.get()
    assert done.headers["Location"] == path(byra, f"mandates/{made.pk}/")
    assert (made.requested_side, made.lead) == ("firm", moa)
    assert MandateConsent.objects.get().text_sha256 == read_hash(page)


def test_what_is_changed_after_reading_is_read_again(
    acme: Company, byra: Company, service: Service, sign_in: SignIn
) -> None:
    browser = sign_in(owner_of(byra).user)
    ask = path(byra, "clients/ask/")
    read = read_hash(browser.post(ask, fill(acme)).content.decode())

    again = browser.post(ask, fill(acme, level_bokforing="sign", text_sha256=read))

    assert again.status_code == 422
    assert not Mandate.objects.exists()
    assert read_hash(again.content.decode()) != read
    assert "Signera och skicka" in again.content.decode()


def test_client_offers_a_firm_a_mandate(
    acme: Company, byra: Company, service: Service, alice: User, sign_in: SignIn
) -> None:
    browser = sign_in(alice)
    ask = path(acme, "firms/ask/")
    sent = fill(byra, admin_bokforing="on")
    page = browser.post(ask, sent).content.decode()
    browser.post(ask, sent | {"text_sha256": read_hash(page)})

    assert Mandate.objects.get().requested_side == "client"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"org_number": "5560160681"}, "Organisationsnumret är inte giltigt"),
        ({"org_number": "5567037485"}, "Inget företag med det numret"),
        ({"org_number": "5590000302"}, "till sig självt"),
        ({"level_bokforing": ""}, "Välj minst en tjänst"),
        ({"last_day": "2020-01-01"}, "Sista dagen måste komma efter"),
        ({"last_day": "2150-01-01"}, "högst 24 månader"),
        ({"first_day": "2020-01-01"}, "Första dagen måste vara"),
        ({"last_day": "9999-12-31"}, "2199-12-31"),
        ({"last_day": "0001-01-01"}, "2000-01-01"),
        ({"last_day": "i morgon"}, "giltigt datum"),
        ({"level_bokforing": "everything"}, "everything"),
        ({"lead": "nobody"}, "nobody"),
        ({"lead": "ingen@exempel.se"}, "Ingen aktiv medlem har den här adressen"),
    ],
)
def test_bad_input_is_told_beside_the_field_and_nothing_is_lost(
    acme: Company,
    byra: Company,
    service: Service,
    sign_in: SignIn,
    changes: dict[str, str],
    says: str,
) -> None:
    answer = sign_in(owner_of(byra).user).post(path(byra, "clients/ask/"), fill(acme, **changes))
    page = answer.content.decode()

    assert answer.status_code == 422
    assert says in page
    assert fill(acme, **changes)["org_number"] in page
    assert not Mandate.objects.exists()


def test_company_that_is_no_firm_has_no_clients(
    acme: Company, alice: User, sign_in: SignIn
) -> None:
    browser = sign_in(alice)

    assert browser.get(path(acme, "clients/")).status_code == 404
    assert browser.get(path(acme, "clients/ask/")).status_code == 404


def test_extension_begins_with_what_holds_now(
    byra: Company, mandate: Mandate, sign_in: SignIn
) -> None:
    browser = sign_in(owner_of(byra).user)
    page = browser.get(path(byra, f"clients/ask/?from={mandate.pk}")).content.decode()

    assert 'value="556016-0680"' in page
    assert re.search(r'value="operate" selected', page)
    assert browser.get(path(byra, "clients/ask/?from=nonsense")).status_code == 200


# --- Answering ------------------------------------------------------------------------------------


@pytest.fixture
def request_(acme: Company, byra: Company, service: Service, since: datetime) -> Mandate:
    terms = terms_of(acme, byra, now=since)
    return ask_for(terms, {service: [Package.READ]}, acting=owner_of(byra), now=since)


def test_owner_approves_what_they_read(
    acme: Company, alice: User, request_: Mandate, sign_in: SignIn
) -> None:
    browser = sign_in(alice)
    address = path(acme, f"mandates/{request_.pk}/")
    page = browser.get(address).content.decode()
    stale = browser.post(f"{address}approve/", {"text_sha256": "0" * 64})
    assert stale.status_code == 422
    assert "har ändrats sedan du läste den" in stale.content.decode()

    browser.post(f"{address}approve/", {"text_sha256": read_hash(page)})

    request_.refresh_from_db()
    assert request_.approved_by == alice
    consent = MandateConsent.objects.get(side="client")
    assert (consent.text_sha256, consent.language) == (read_hash(page), "sv")


def test_owner_lets_the_new_firm_take_over(
    acme: Company, alice: User, mandate: Mandate, service: Service, since: datetime,
    sign_in: SignIn,
) -> None:  # fmt: skip
    nina = make_user(email="nina@exempel.se")
    new = make_company(name="Nya AB", owner=nina, org_number="5590000500", firm_kind="audit")
    terms = terms_of(acme, new, now=since)
    heir = ask_for(terms, {service: [Package.READ]}, acting=owner_of(new), now=since)
    browser, address = sign_in(alice), path(acme, f"mandates/{heir.pk}/")
    read = read_hash(browser.get(address).content.decode())
    last_day = local_date(timezone.now()) + timedelta(days=14)
    lost = {"text_sha256": read, "overlap_until": last_day.isoformat()}
    assert browser.post(f"{address}approve/", lost).status_code == 422

    browser.post(f"{address}approve/", lost | {"replaces": str(mandate.pk)})

    mandate.refresh_from_db()
    heir.refresh_from_db()
    assert heir.replaces == mandate
    assert mandate.end_reason == Mandate.End.REPLACED
    assert mandate.last_day == last_day


def test_request_is_declined_and_another_withdrawn(
    acme: Company, byra: Company, alice: User, request_: Mandate, service: Service, sign_in: SignIn
) -> None:
    sign_in(alice).post(path(acme, f"mandates/{request_.pk}/decline/"))
    request_.refresh_from_db()
    assert request_.end_reason == Mandate.End.DECLINED
    now = timezone.now()
    terms = terms_of(acme, byra, now=now)
    second = ask_for(terms, {service: [Package.READ]}, acting=owner_of(byra), now=now)
    sign_in(owner_of(byra).user).post(path(byra, f"mandates/{second.pk}/withdraw/"))
    second.refresh_from_db()
    assert second.end_reason == Mandate.End.WITHDRAWN


def test_mandate_is_ended_after_a_day_or_at_once(
    acme: Company, alice: User, mandate: Mandate, sign_in: SignIn
) -> None:
    browser, address = sign_in(alice), path(acme, f"mandates/{mandate.pk}/end/")
    far = browser.post(address, {"last_day": "2199-01-01"})
    assert far.status_code == 422
    past = browser.post(address, {"last_day": "2020-01-01"})
    assert past.status_code == 422
    assert "Sista dagen kan inte ha passerat." in past.content.decode()
    last_day = local_date(timezone.now()) + timedelta(days=9)
    browser.post(address, {"last_day": last_day.isoformat()})
    mandate.refresh_from_db()
    assert mandate.last_day == last_day
    assert Mandate.objects.in_force(timezone.now()).exists()
    browser.post(address)
    assert not Mandate.objects.in_force(timezone.now()).exists()


def test_mandate_of_others_is_none(
    other: Company, mallory: User, mandate: Mandate, sign_in: SignIn
) -> None:
    browser = sign_in(mallory)

    assert browser.get(path(other, f"mandates/{mandate.pk}/")).status_code == 404
    assert browser.post(path(other, f"mandates/{mandate.pk}/end/")).status_code == 404


# --- The firm's staff -----------------------------------------------------------------------------


def test_firm_assigns_and_takes_off(
    byra: Company, mandate: Mandate, moa: Membership, sign_in: SignIn
) -> None:
    browser = sign_in(owner_of(byra).user)
    address = path(byra, f"mandates/{mandate.pk}/")
    page = browser.get(f"{address}assign/").content.decode()
    assert "Berit" not in page.split("<form")[-1]  # nobody assigns themselves
    assert "sign" not in re.findall(r'<option value="(\w+)"', page)
    last_day = local_date(mandate.valid_until - timedelta.resolution)
    sent = {"member": moa.user.email, "last_day": last_day.isoformat(), "level_bokforing": "read"}
    too_long = sent | {"last_day": (last_day + timedelta(days=1)).isoformat()}
    assert browser.post(f"{address}assign/", too_long).status_code == 422
    assert browser.post(f"{address}assign/", sent | {"level_bokforing": ""}).status_code == 422

    browser.post(f"{address}assign/", sent)

    made = Assignment.objects.get()
    assert (made.user, made.valid_until) == (moa.user, mandate.valid_until)
    assert "Moa Matt" in browser.get(address).content.decode()
    browser.post(f"{address}assignments/{made.pk}/end/")
    made.refresh_from_db()
    assert made.ended_at is not None


def test_lead_is_changed_and_may_then_assign(
    byra: Company, mandate: Mandate, sign_in: SignIn
) -> None:
    user = make_user(email="leif@exempel.se", full_name="Leif")
    join_company(byra, user, Role.ENGAGEMENT_LEAD)
    address = path(byra, f"mandates/{mandate.pk}/")
    assert sign_in(user).get(f"{address}assign/").status_code == 403
    sign_in(owner_of(byra).user).post(f"{address}lead/", {"lead": user.email})
    assert sign_in(user).get(f"{address}assign/").status_code == 200


# --- Who can see us -------------------------------------------------------------------------------


def test_client_sees_that_support_can_see_it(acme: Company, alice: User, sign_in: SignIn) -> None:
    browser, address = sign_in(alice), path(acme, "firms/people/")
    assert "Ingen utanför företaget" in browser.get(address).content.decode()
    now, owner = timezone.now(), owner_of(acme)
    grant = open_support(
        company=acme, reason="Ärende 4711", days=7, acting=owner, actor=SYSTEM, now=now
    )

    page = browser.get(address).content.decode()

    assert "Ingen utanför företaget" not in page
    assert "Den i vår personal som hjälper er" in page
    assert "Ärende 4711" in page
    assert "Aldrig" in page
    record_look(grant=grant, page="x", actor=SYSTEM, now=timezone.now())
    assert "Aldrig" not in browser.get(address).content.decode()
    end_support(grant=grant, acting=owner, actor=SYSTEM, now=now)
    assert "Ingen utanför företaget" in browser.get(address).content.decode()


def test_client_sees_who_can_see_it_and_blocks_one(
    acme: Company, alice: User, assignment: Assignment, sign_in: SignIn
) -> None:
    browser, address = sign_in(alice), path(acme, "firms/people/")
    page = browser.get(address).content.decode()
    for text in ("Moa Matt", "Byrån AB", "Bokföring: Arbeta", "Aldrig"):
        assert text in page

    browser.post(f"{address}{assignment.user_id}/block/")

    block = Block.objects.get()
    page = browser.get(address).content.decode()
    assert 'id="blocked"' in page
    assert f"{address}{assignment.user_id}/block/" not in page
    browser.post(path(acme, f"firms/blocks/{block.pk}/end/"))
    assert f"{address}{assignment.user_id}/block/" in browser.get(address).content.decode()


def test_nobody_blocks_a_stranger(
    acme: Company, alice: User, mallory: User, mandate: Mandate, sign_in: SignIn
) -> None:
    answer = sign_in(alice).post(path(acme, f"firms/people/{mallory.pk}/block/"))

    assert answer.status_code == 404


# --- At the client's ------------------------------------------------------------------------------


def test_assigned_person_opens_the_client_from_the_portal(
    acme: Company, assignment: Assignment, sign_in: SignIn
) -> None:
    browser = sign_in(assignment.user)
    page = browser.get("/companies/").content.decode()
    assert "Acme AB" in page
    assert "klient hos Byrån AB" in page
    chosen = browser.post(path(acme, "choose/"))
    assert chosen.headers["Location"] == path(acme, "")
    assignment.refresh_from_db()
    assert assignment.last_used_at is not None

    home = browser.get(path(acme, "")).content.decode()

    assert path(acme, "services/bokforing/open/") in home
    assert "Du arbetar här för Byrån AB" in home
    assert "Alice" not in home
    assert path(acme, "members/") not in home
    opened = browser.get(path(acme, "services/bokforing/open/"))
    assert opened.status_code == 302
    assert str(acme.pk) in opened.headers["Location"]
    assert Event.objects.filter(action="service.opened", outcome="success").count() == 1


def test_assigned_person_gets_nothing_else_of_the_client(
    acme: Company, assignment: Assignment, sign_in: SignIn
) -> None:
    browser = sign_in(assignment.user)
    lon = make_service(slug="lon", name="Lön")
    entitle(acme, lon)

    refused = browser.get(path(acme, "services/lon/open/"))
    assert refused.status_code == 403
    assert "Alice" not in refused.content.decode()
    for rest in ("members/", "firms/", "log/", "company/", "services/", "billing/"):
        assert browser.get(path(acme, rest)).status_code == 404


def test_search_finds_clients_among_ones_companies(
    acme: Company, assignment: Assignment, sign_in: SignIn
) -> None:
    browser = sign_in(assignment.user)

    assert "Acme AB" in browser.get("/companies/?q=acm").content.decode()
    assert "Acme AB" in browser.get("/companies/?q=556016-").content.decode()
    assert "klient hos" not in browser.get("/companies/?q=zzz").content.decode()


# --- Large companies ------------------------------------------------------------------------------


def test_lists_are_bounded_however_many_clients_and_people_there_are(
    acme: Company,
    byra: Company,
    alice: User,
    mandate: Mandate,
    service: Service,
    since: datetime,
    sign_in: SignIn,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(60):
        member = join_company(
            byra, make_user(email=f"m{number}@exempel.se", full_name=f"M {number:02}"), Role.MEMBER
        )
        assign(mandate, member, {service: [Package.READ]}, now=since)
    owner = make_user(email="o@exempel.se")
    for number in range(60):
        base = f"55910{number:04d}"
        digits = [int(c) * (2 - n % 2) for n, c in enumerate(base)]
        check = -sum(sum(divmod(d, 10)) for d in digits) % 10
        client = make_company(name=f"K {number:02}", owner=owner, org_number=f"{base}{check}")
        make_mandate(client, byra, {service: [Package.READ]}, now=since)
    browser = sign_in(owner_of(byra).user)
    with django_assert_max_num_queries(14):
        page = browser.get(path(byra, "clients/")).content.decode()
    assert page.count("<tr>") == 62
    assert browser.get(path(byra, "clients/?q=K+07")).content.decode().count("<tr>") == 2
    browser = sign_in(alice)
    with django_assert_max_num_queries(14):
        assert browser.get(path(acme, "firms/people/")).content.decode().count("<tr>") == 51
    with django_assert_max_num_queries(14):
        browser.get(path(acme, f"mandates/{mandate.pk}/"))
