"""The JSON has the shapes of the Statuspage API v2, every field filled, and readers take it."""

import asyncio
import dataclasses
import json
import re
import runpy
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from health_check.contrib.atlassian import AtlassianStatusPage
from health_check.exceptions import ServiceReturnedUnexpectedResult, StatusPageWarning

from accounts.models import User
from statuspage import operations
from statuspage.models import Component, ComponentStatus, Text
from statuspage.rendering.rollup import roll_up
from tests.architecture.tree import ROOT
from tests.factories.statuspage import acting, make_announced, make_components, make_incident

GOOD, WORK, SLOW, PART, DOWN = ComponentStatus.values
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0[12]:00")
CODE = re.compile(r"[a-z0-9]{12}")
PAGE = {"id", "name", "url", "time_zone", "updated_at"}
COMPONENT = {
    "id", "name", "status", "created_at", "updated_at", "position", "description", "showcase",
    "start_date", "group_id", "page_id", "group", "only_show_if_degraded",
}  # fmt: skip
UPDATE = {
    "id", "status", "body", "incident_id", "created_at", "updated_at", "display_at",
    "affected_components", "deliver_notifications", "custom_tweet", "tweet_id",
}  # fmt: skip
COMMON = {
    "id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at", "impact",
    "shortlink", "started_at", "page_id", "incident_updates", "components",
}  # fmt: skip
INCIDENT = COMMON | {"reminder_intervals"}
MAINTENANCE = COMMON | {"scheduled_for", "scheduled_until"}
FILES = {
    "summary": {"status", "components", "incidents", "scheduled_maintenances"},
    "status": {"status"},
    "components": {"components"},
    "incidents": {"incidents"},
    "incidents/unresolved": {"incidents"},
    "scheduled-maintenances": {"scheduled_maintenances"},
    "scheduled-maintenances/upcoming": {"scheduled_maintenances"},
    "scheduled-maintenances/active": {"scheduled_maintenances"},
}


@dataclasses.dataclass
class OurPage(AtlassianStatusPage):
    timeout: timedelta = timedelta(seconds=10)
    base_url: str = ""
    component: str = ""


@pytest.fixture
def parts(db: None) -> dict[str, Component]:
    return make_components()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def host(out: Path) -> Iterator[str]:
    """The small static host that the demo runs, on a free port."""
    out.mkdir()
    handler: type[BaseHTTPRequestHandler] = runpy.run_path(
        str(ROOT / "deploy/status_host/serve.py")
    )["Handler"]
    quiet = type("Quiet", (handler,), {"root": out.resolve(), "log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), quiet) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def read(out: Path, name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((out / "api/v2" / f"{name}.json").read_text())
    return body


def check_times(thing: dict[str, Any]) -> None:
    for key, value in thing.items():
        if (key.endswith("_at") or key.startswith("scheduled_")) and value is not None:
            assert MOMENT.fullmatch(value), f"{key}: {value}"


def check_component(shape: dict[str, Any]) -> None:
    assert set(shape) - {"components"} == COMPONENT
    assert ("components" in shape) is shape["group"]
    assert CODE.fullmatch(shape["id"])
    assert shape["status"] in ComponentStatus.values
    check_times(shape)


def check_update(shape: dict[str, Any], parent: str) -> None:
    assert set(shape) == UPDATE
    assert shape["incident_id"] == parent
    assert shape["body"]
    check_times(shape)
    for affected in shape["affected_components"]:
        assert set(affected) == {"code", "name", "old_status", "new_status"}
        assert affected["name"].count(" - ") == 1


def check_thing(shape: dict[str, Any], fields: set[str], states: set[str]) -> None:
    assert set(shape) == fields
    assert CODE.fullmatch(shape["id"])
    assert shape["status"] in states
    assert shape["shortlink"].endswith(f"/incidents/{shape['id']}")
    assert shape["components"]
    check_times(shape)
    moments = [update["display_at"] for update in shape["incident_updates"]]
    assert moments == sorted(moments, reverse=True), "newest first"
    for update in shape["incident_updates"]:
        check_update(update, shape["id"])
    for component in shape["components"]:
        check_component(component)


@pytest.fixture
def full_site(parts: dict[str, Component], staff: User, out: Path, now: datetime) -> Path:
    """One open incident, one over, one planned, one going on, one called off."""
    actor = acting(staff)
    old = make_incident(
        staff, {parts["portal"]: ComponentStatus.PARTIAL_OUTAGE}, now=now - timedelta(days=30)
    )
    operations.resolve_incident(
        incident=old, text=Text("Löst."), actor=actor, now=now - timedelta(days=29)
    )
    make_incident(staff, {parts["login"]: ComponentStatus.MAJOR_OUTAGE}, now=now)
    going_on = make_announced(staff, now=now - timedelta(days=28), components=[parts["company"]])
    operations.advance_planned_updates(actor=actor, now=going_on.window_start)
    cancelled, _planned = operations.plan_ordinary_updates(months=2, actor=actor, now=now)
    announce = partial(
        operations.announce_planned_update,
        text=Text("Vi uppdaterar."),
        expected_downtime_minutes=10,
        components=[parts["login"]],
        actor=actor,
        now=now,
    )
    announce(planned_update=cancelled)
    announce(planned_update=_planned)
    operations.cancel_planned_update(
        planned_update=cancelled, reason="Jul", text=Text("Inställd."), actor=actor, now=now
    )
    operations.publish_site(out=out, now=now)
    return out


def test_every_file_has_its_keys(full_site: Path) -> None:
    for name, keys in FILES.items():
        body = read(full_site, name)
        assert set(body) == keys | {"page"}, name
        assert set(body["page"]) == PAGE
        assert body["page"]["time_zone"] == "Europe/Stockholm"
        check_times(body["page"])


def test_every_thing_has_its_fields(full_site: Path) -> None:
    for shape in read(full_site, "components")["components"]:
        check_component(shape)
    for shape in read(full_site, "incidents")["incidents"]:
        check_thing(
            shape,
            INCIDENT,
            {"investigating", "identified", "monitoring", "resolved", "postmortem"},
        )
        assert shape["impact"] in {"none", "minor", "major", "critical"}
    for shape in read(full_site, "scheduled-maintenances")["scheduled_maintenances"]:
        check_thing(shape, MAINTENANCE, {"scheduled", "in_progress", "verifying", "completed"})
        assert shape["impact"] == "maintenance"


def test_files_agree(full_site: Path) -> None:
    summary = read(full_site, "summary")
    upcoming = read(full_site, "scheduled-maintenances/upcoming")["scheduled_maintenances"]
    active = read(full_site, "scheduled-maintenances/active")["scheduled_maintenances"]

    assert summary["status"] == read(full_site, "status")["status"]
    assert summary["components"] == read(full_site, "components")["components"]
    assert summary["incidents"] == read(full_site, "incidents/unresolved")["incidents"]
    assert summary["scheduled_maintenances"] == active + upcoming
    assert [shape["status"] for shape in active] == ["in_progress"]
    assert [shape["status"] for shape in upcoming] == ["scheduled"]
    assert [i["status"] for i in read(full_site, "incidents")["incidents"]] == [
        "investigating",
        "resolved",
    ]
    called_off = read(full_site, "scheduled-maintenances")["scheduled_maintenances"][1]
    assert called_off["status"] == "completed"
    assert called_off["incident_updates"][0]["body"] == "Inställd."


def test_groups_hold_their_leaves(full_site: Path) -> None:
    components = read(full_site, "components")["components"]
    groups = [shape for shape in components if shape["group"]]
    leaves = [shape for shape in components if not shape["group"]]

    assert [shape["id"] for shape in leaves] == groups[0]["components"]
    assert {shape["group_id"] for shape in leaves} == {groups[0]["id"]}
    assert groups[0]["status"] == "major_outage", "the worst within"


@pytest.mark.parametrize(
    ("statuses", "indicator", "description"),
    [
        ([], "none", "All Systems Operational"),
        ([GOOD, GOOD], "none", "All Systems Operational"),
        ([GOOD, WORK], "maintenance", "Service Under Maintenance"),
        ([WORK, SLOW], "minor", "Partially Degraded Service"),
        ([SLOW, SLOW], "minor", "Degraded System Service"),
        ([SLOW, PART], "minor", "Minor Service Outage"),
        ([PART, PART], "major", "Partial System Outage"),
        ([DOWN, GOOD], "major", "Partial System Outage"),
        ([DOWN, DOWN], "critical", "Major System Outage"),
    ],
)
def test_rollup_counts_as_statuspage_does(
    statuses: list[str], indicator: str, description: str
) -> None:
    found = roll_up(statuses)

    assert (found.indicator, found.description) == (indicator, description)


def test_reader_sees_that_all_is_well(
    parts: dict[str, Component], host: str, out: Path, now: datetime
) -> None:
    operations.publish_site(out=out, now=now)

    asyncio.run(OurPage(base_url=host).run())
    asyncio.run(OurPage(base_url=host, component="Inloggning").run())
    asyncio.run(OurPage(base_url=host, component="För kunder").run())


def test_reader_sees_the_incident(
    parts: dict[str, Component], staff: User, host: str, out: Path, now: datetime
) -> None:
    incident = make_incident(staff, {parts["login"]: ComponentStatus.MAJOR_OUTAGE}, now=now)
    operations.publish_site(out=out, now=now)

    for component in ("", "Inloggning", "För kunder"):
        with pytest.raises(StatusPageWarning, match=incident.code) as caught:
            asyncio.run(OurPage(base_url=host, component=component).run())
        assert caught.value.timestamp == now
    asyncio.run(OurPage(base_url=host, component="Portalen").run())
    with pytest.raises(ServiceReturnedUnexpectedResult):
        asyncio.run(OurPage(base_url=host, component="Fakturering").run())


def test_reader_sees_that_it_is_over(
    parts: dict[str, Component], staff: User, host: str, out: Path, now: datetime
) -> None:
    incident = make_incident(staff, {parts["login"]: ComponentStatus.MAJOR_OUTAGE}, now=now)
    operations.resolve_incident(
        incident=incident, text=Text("Löst."), actor=acting(staff), now=now + timedelta(hours=1)
    )
    operations.publish_site(out=out, now=now)

    asyncio.run(OurPage(base_url=host).run())


def test_host_serves_what_the_api_links_to(
    parts: dict[str, Component], staff: User, host: str, out: Path, now: datetime
) -> None:
    incident = make_incident(staff, {parts["login"]: ComponentStatus.MAJOR_OUTAGE}, now=now)
    operations.publish_site(out=out, now=now)

    for path in ("/", "/en/", f"/incidents/{incident.code}", "/history.html"):
        assert httpx.get(host + path).headers["Content-Type"].startswith("text/html"), path
    summary = httpx.get(f"{host}/api/v2/summary.json")
    assert summary.headers["Access-Control-Allow-Origin"] == "*"
    assert summary.json()["incidents"][0]["id"] == incident.code
    missing = httpx.get(f"{host}/incidents/finns0000000")
    assert missing.status_code == 404
    assert "Sidan finns inte" in missing.text
    assert httpx.get(f"{host}/.lock").status_code == 404
