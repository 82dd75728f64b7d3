"""The demo world: what interfaces promise of it, and that making it twice changes nothing."""

import json
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from auditlog.models import Event
from billing.models import ErpConnection, InvoiceBasis, Subscription
from billing.queries import find_erp_key
from billing.queries.bench import describe_clients
from companies.models import Company, Membership, parse_org_number
from companies.queries import count_review, get_review, list_mandates_held
from oidc.models import ClientProfile
from services.access import Access, effective_access
from services.models import Service
from statuspage.models import Incident, IncidentState, PlannedUpdate, UpdateState
from vop.lib.clock import local_date
from vop.lib.crypto import digest

pytestmark = pytest.mark.django_db(transaction=True)


def make_world() -> dict[str, Any]:
    out = StringIO()
    call_command("demo_data", "--json", stdout=out)
    world: dict[str, Any] = json.loads(out.getvalue())
    return world


def test_demo_data_makes_the_promised_world_once(settings: Settings) -> None:
    world = make_world()

    roles = {role for p in world["people"] for c in p["companies"] for role in c["roles"]}
    assert roles >= {"owner", "admin", "billing", "security", "member", "auditor"}
    assert roles >= {"client_admin", "engagement_lead"}
    assert any(len(person["companies"]) == 2 for person in world["people"])
    assert any(person["totp_secret"] for person in world["people"])
    assert [c["firm_kind"] for c in world["companies"]].count("accounting") == 1
    assert len(world["companies"]) >= 15
    for company in world["companies"]:
        assert parse_org_number("SE", company["org_number"]) == company["org_number"]
    methods = {client["auth_method"] for client in world["clients"]}
    assert methods == {"client_secret_basic", "client_secret_post", "private_key_jwt", "none"}
    kinds = {client["kind"] for client in world["test_clients"]}
    assert kinds == {"basic", "post", "jwt", "public", "fapi2", "machine"}
    check_mandates(world)
    check_the_past()

    events = Event.objects.count()
    settings.DEMO_SERVICE_URL = "http://localhost:9002"
    again = make_world()

    assert Event.objects.count() == events
    assert again["people"] == world["people"]
    assert again["clients"][0]["redirect_uris"] == ["http://localhost:9002/bokforing/callback"]
    assert again["test_clients"][0]["redirect_uris"] == ["http://localhost:9002/test/callback"]
    assert again["erp"] == {**world["erp"], "url": "http://localhost:9002/erp/"}
    connection = ErpConnection.objects.get()
    assert connection.webhook_url == "http://localhost:9002/erp/webhook"
    assert find_erp_key(digest(world["erp"]["api_key"]), at=timezone.now()) is not None
    follower = ClientProfile.objects.get(client__client_id="demo-test-basic")
    assert follower.backchannel_logout_uri == "http://localhost:9002/test/backchannel-logout"
    assert Service.objects.get(slug="lon").launch_url == "http://localhost:9002/lon/"


def check_mandates(world: dict[str, Any]) -> None:
    """The firm has twelve clients by mandates that hold, and people who work for them."""
    [firm] = [c["org_number"] for c in world["companies"] if c["firm_kind"]]
    mandates = world["mandates"]
    assert {row["firm"] for row in mandates} == {firm}
    assert len({row["client"] for row in mandates}) == 12
    assert {row["package"] for row in mandates} == {"read", "operate", "sign", "admin"}
    now = timezone.now()
    assert all(datetime.fromisoformat(row["valid_until"]) > now for row in mandates)
    moa = User.objects.get(email="moa@exempel.se")
    client = Company.objects.get(org_number=mandates[0]["client"])
    service = Service.objects.get(slug="bokforing")
    decision = effective_access(moa, client, service, now)
    assert isinstance(decision, Access)
    assert decision.packages == {"read", "operate"}
    check_work_bench()


def check_work_bench() -> None:
    """Somebody sees a client's seats and invoice basis, and a review waits for answers."""
    now = timezone.now()
    leif = Membership.objects.get(user__email="leif@exempel.se")
    rows = describe_clients(
        list(list_mandates_held(leif.company_id, "", at=now)), leif.user, at=now
    )
    assert [row.mandate.client.name for row in rows if row.seats] == ["Kallkällans Spa AB"]
    review = get_review(leif.company_id)
    assert review is not None
    progress = count_review(review, at=now)
    assert (progress.kept, progress.ended) == (5, 0)
    assert progress.waiting > 5


def check_the_past() -> None:
    first = Event.objects.order_by("pk").first()
    last = Event.objects.order_by("pk").last()
    assert first is not None
    assert last is not None
    assert (last.occurred_at - first.occurred_at).days > 360
    states = set(InvoiceBasis.objects.values_list("state", flat=True))
    assert states == {InvoiceBasis.State.DRAFT, InvoiceBasis.State.APPROVED}
    assert Subscription.objects.filter(billed_through__lte=local_date(timezone.now())).exists()
    assert Incident.objects.filter(state=IncidentState.RESOLVED).count() == 1
    assert PlannedUpdate.objects.filter(state=UpdateState.ANNOUNCED).count() == 1


def test_demo_data_refuses_where_it_is_not_asked_for(settings: Settings) -> None:
    settings.DEMO = False

    with pytest.raises(CommandError, match="DEMO=1"):
        call_command("demo_data")
