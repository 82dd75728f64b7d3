from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from auditlog.models import Event
from statuspage import operations
from statuspage.models import (
    Component,
    ComponentStatus,
    Incident,
    IncidentState,
    PlannedUpdate,
    Text,
    UpdateKind,
    UpdateState,
)
from tests.factories.companies import SYSTEM
from tests.factories.statuspage import make_components, make_incident
from vop.lib.clock import STOCKHOLM

DOWN = ComponentStatus.MAJOR_OUTAGE
Data = dict[str, Any]


@pytest.fixture
def parts(db: None) -> dict[str, Component]:
    return make_components()


@pytest.fixture
def duty(staff: User, sign_in_staff: Callable[..., Client]) -> Client:
    """A member of staff who runs the status page."""
    staff.groups.add(Group.objects.get(name="incident_ops"))
    return sign_in_staff()


def wall(moment: datetime) -> str:
    return f"{moment.astimezone(STOCKHOLM):%Y-%m-%dT%H:%M}"


def soon() -> str:
    return wall(timezone.now() + timedelta(minutes=45))


def effects(parts: dict[str, Component], **changes: str) -> Data:
    statuses = dict.fromkeys(parts, "operational") | changes
    return {f"effect_{parts[name].code}": status for name, status in statuses.items()}


def step(kind: str, name: str, thing: Any = None) -> str:
    return reverse(f"admin:statuspage_{kind}_{name}", args=[thing.pk] if thing else [])


def errors_of(response: Any) -> Data:
    form = response.context["form"]
    return {field: list(map(str, errors)) for field, errors in form.errors.items()}


def open_data(parts: dict[str, Component], staff: User, **changes: Any) -> Data:
    return {
        "name_sv": "Inloggning nere",
        "name_en": "",
        "text_sv": "Vi undersöker.",
        "text_en": "",
        "assignee": str(staff.pk),
        "next_update_at": soon(),
        "started_at": wall(timezone.now() - timedelta(minutes=5)),
        **effects(parts, login="major_outage"),
        **changes,
    }


def test_incident_walks_from_suspicion_to_report(
    parts: dict[str, Component], duty: Client, staff: User
) -> None:
    page = duty.get(step("incident", "suspect"))
    assert page.status_code == 200
    answer = duty.post(
        step("incident", "suspect"),
        {
            "name_sv": "Inloggning svarar inte",
            "name_en": "",
            "source": "Kund ringde",
            "started_at": wall(timezone.now()),
        },
    )
    incident = Incident.objects.get()
    thing = reverse("admin:statuspage_incident_change", args=[incident.pk])
    assert (answer.status_code, answer.headers["Location"]) == (302, thing)

    def take(name: str, data: Data, state: IncidentState) -> None:
        assert step("incident", name, incident) in duty.get(thing).content.decode()
        assert duty.get(step("incident", name, incident)).status_code == 200
        answer = duty.post(step("incident", name, incident), data)
        assert answer.status_code == 302, errors_of(answer)
        assert Incident.objects.get().state == state

    take("review", {"reviewer": str(staff.pk)}, IncidentState.REVIEWING)
    take("confirm", open_data(parts, staff), IncidentState.CONFIRMED)
    text = {"text_sv": "Vi vet mer.", "text_en": "We know more."}
    update = {"state": "monitoring", "next_update_at": soon(), **text, **effects(parts)}
    take("update", update, IncidentState.MONITORING)
    take("assign", {"assignee": str(staff.pk)}, IncidentState.MONITORING)
    take("resolve", text, IncidentState.RESOLVED)
    take("postmortem", text, IncidentState.POSTMORTEM)
    confirmed = Event.objects.get(action="incident.confirmed")
    assert (confirmed.actor_kind, confirmed.actor_id) == ("staff", str(staff.pk))
    assert "Vi vet mer." in duty.get(thing).content.decode()


def test_incident_opens_confirmed(parts: dict[str, Component], duty: Client, staff: User) -> None:
    answer = duty.post(step("incident", "open"), open_data(parts, staff))

    assert answer.status_code == 302
    assert Incident.objects.get().state == IncidentState.CONFIRMED
    assert Component.objects.get(code="login0000001").status == DOWN


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"text_sv": ""}, "text_sv"),
        ({"next_update_at": "2020-01-01T10:00"}, "next_update_at"),
        ({"next_update_at": "snart"}, "next_update_at"),
        ({"next_update_at": "2027-03-28T02:30"}, "next_update_at"),
        ({"assignee": ""}, "assignee"),
        ({"started_at": "2099-01-01T00:00"}, "started_at"),
        ({"effect_login0000001": "operational"}, "__all__"),
        ({"effect_login0000001": "kaputt"}, "effect_login0000001"),
    ],
)
def test_bad_input_is_told_beside_the_field_and_kept(
    parts: dict[str, Component],
    duty: Client,
    staff: User,
    changes: Data,
    field: str,
) -> None:
    data = open_data(parts, staff, name_sv="Något jag inte vill skriva om", **changes)

    answer = duty.post(step("incident", "open"), data)

    assert answer.status_code == 422
    assert list(errors_of(answer)) == [field]
    assert "Något jag inte vill skriva om" in answer.content.decode()
    assert Incident.objects.count() == 0


def test_assignee_must_be_staff(
    parts: dict[str, Component], duty: Client, staff: User, alice: User
) -> None:
    answer = duty.post(step("incident", "open"), open_data(parts, staff, assignee=str(alice.pk)))

    assert list(errors_of(answer)) == ["assignee"]


def test_second_of_two_is_told_and_keeps_the_text(
    parts: dict[str, Component], duty: Client, staff: User
) -> None:
    incident = make_incident(staff, {parts["login"]: DOWN}, now=timezone.now())
    url = step("incident", "update", incident)
    seen_at = duty.get(url).context["seen_at"]
    data = {
        "state": "identified",
        "text_sv": "Min text",
        "text_en": "",
        "next_update_at": soon(),
        "seen_at": seen_at,
        **effects(parts, login="major_outage"),
    }

    assert duty.post(url, data).status_code == 302
    answer = duty.post(url, data)

    assert answer.status_code == 422
    assert list(errors_of(answer)) == ["__all__"]
    assert "Min text" in answer.content.decode()
    assert incident.updates.count() == 2
    assert duty.post(url, data | {"seen_at": answer.context["seen_at"]}).status_code == 302


def test_step_that_is_not_possible_leads_back(
    parts: dict[str, Component], duty: Client, staff: User
) -> None:
    incident = make_incident(staff, {parts["login"]: DOWN}, now=timezone.now())

    assert duty.get(step("incident", "confirm", incident)).status_code == 302
    answer = duty.post(step("incident", "confirm", incident), open_data(parts, staff))
    assert answer.status_code == 422
    assert list(errors_of(answer)) == ["__all__"]


@pytest.mark.parametrize("kind", ["incident", "plannedupdate", "component", "componentgroup"])
def test_lists_are_read(parts: dict[str, Component], duty: Client, staff: User, kind: str) -> None:
    make_incident(staff, {parts["login"]: DOWN}, now=timezone.now() - timedelta(hours=2))
    operations.plan_ordinary_updates(months=2, actor=SYSTEM, now=timezone.now())

    assert duty.get(reverse(f"admin:statuspage_{kind}_changelist")).status_code == 200


@pytest.mark.parametrize("kind", ["incident", "plannedupdate", "component"])
def test_nobody_edits_rows_past_the_operations(
    parts: dict[str, Component], duty: Client, staff: User, kind: str
) -> None:
    incident = make_incident(staff, {parts["login"]: DOWN}, now=timezone.now())
    things = {
        "incident": incident,
        "component": parts["login"],
        "plannedupdate": operations.plan_ordinary_updates(
            months=1, actor=SYSTEM, now=timezone.now()
        )[0],
    }
    args = [things[kind].pk]

    assert duty.get(reverse(f"admin:statuspage_{kind}_add")).status_code == 403
    assert duty.post(reverse(f"admin:statuspage_{kind}_change", args=args)).status_code == 403
    assert duty.get(reverse(f"admin:statuspage_{kind}_delete", args=args)).status_code == 403


def test_unknown_thing_is_404(parts: dict[str, Component], duty: Client) -> None:
    url = f"/admin/statuspage/incident/{parts['login'].pk}/confirm/"

    assert duty.get(url).status_code == 404


def test_steps_are_for_those_who_run_the_page(
    parts: dict[str, Component],
    staff: User,
    alice: User,
    client: Client,
    sign_in: Callable[[User], Client],
    sign_in_staff: Callable[..., Client],
) -> None:
    incident = make_incident(staff, {parts["login"]: DOWN}, now=timezone.now())
    url = step("incident", "resolve", incident)
    thing = reverse("admin:statuspage_incident_change", args=[incident.pk])

    assert client.post(url, {"text_sv": "Nej"}).status_code == 302
    assert sign_in(alice).post(url, {"text_sv": "Nej"}).status_code in {302, 403}
    staff.user_permissions.set(Permission.objects.filter(codename="view_incident"))
    reader = sign_in_staff()
    assert reader.post(url, {"text_sv": "Nej"}).status_code == 403
    assert url not in reader.get(thing).content.decode()
    assert Incident.objects.get().state == IncidentState.CONFIRMED


def window_after(days: int) -> Data:
    start = timezone.now() + timedelta(days=days)
    return {"window_start": wall(start), "window_end": wall(start + timedelta(hours=2))}


def test_planned_update_is_announced_moved_and_called_off(
    parts: dict[str, Component], duty: Client
) -> None:
    update = operations.plan_ordinary_updates(months=2, actor=SYSTEM, now=timezone.now())[1]
    announce = step("plannedupdate", "announce", update)
    form = duty.get(announce).context["form"]
    assert form["text_sv"].initial.startswith("Vi uppdaterar")
    data = {
        "text_sv": "Vi uppdaterar.",
        "text_en": "",
        "expected_downtime_minutes": "30",
        "components": ["login0000001"],
    }
    too_long = duty.post(announce, data | {"expected_downtime_minutes": "600"})
    assert list(errors_of(too_long)) == ["expected_downtime_minutes"]
    assert duty.post(announce, data).status_code == 302

    move = step("plannedupdate", "move", update)
    told = {"reason": "Leverantören", "text_sv": "Flyttad.", "text_en": ""}
    backwards = dict(zip(("window_end", "window_start"), window_after(20).values(), strict=True))
    assert list(errors_of(duty.post(move, backwards | told))) == ["window_end"]
    assert duty.get(move).status_code == 200
    assert duty.post(move, window_after(20) | told).status_code == 302

    cancel = step("plannedupdate", "cancel", update)
    assert "text_sv" in errors_of(duty.post(cancel, {"reason": "Nej"}))
    assert duty.post(cancel, told).status_code == 302
    assert PlannedUpdate.objects.get(pk=update.pk).state == UpdateState.CANCELLED


def test_tentative_update_is_moved_without_a_public_text(
    parts: dict[str, Component], duty: Client
) -> None:
    update = operations.plan_ordinary_updates(months=1, actor=SYSTEM, now=timezone.now())[0]

    answer = duty.post(step("plannedupdate", "move", update), window_after(20) | {"reason": "Helg"})

    assert answer.status_code == 302
    assert update.updates.count() == 0


def test_unscheduled_update_runs_its_course(parts: dict[str, Component], duty: Client) -> None:
    assert duty.get(step("plannedupdate", "unscheduled")).status_code == 200
    answer = duty.post(
        step("plannedupdate", "unscheduled"),
        {
            "title_sv": "Säkerhetsrättning",
            "title_en": "",
            "text_sv": "Vi rättar.",
            "text_en": "",
            "reason": "Sårbarhet",
            "expected_downtime_minutes": "5",
            "components": ["login0000001", "portal000001"],
            "window_start": wall(timezone.now() - timedelta(minutes=1)),
            "window_end": wall(timezone.now() + timedelta(hours=1)),
        },
    )
    assert answer.status_code == 302, errors_of(answer)
    update = PlannedUpdate.objects.get()
    assert update.kind == UpdateKind.UNSCHEDULED
    for name in ("start", "verify", "complete"):
        url = step("plannedupdate", name, update)
        assert duty.get(url).status_code == 200
        answer = duty.post(url, {"text_sv": "Klart.", "text_en": ""})
        assert answer.status_code == 302
    assert PlannedUpdate.objects.get().state == UpdateState.COMPLETED


def test_component_is_added_and_changed(parts: dict[str, Component], duty: Client) -> None:
    group = parts["login"].group
    data = {
        "group": str(group.pk),
        "name_sv": "Sök",
        "name_en": "Search",
        "description_sv": "",
        "description_en": "",
        "tier": "customer",
        "position": "9",
        "is_public": "on",
    }
    assert duty.post(step("component", "new"), data).status_code == 302
    made = Component.objects.get(name_sv="Sök")
    url = step("component", "edit", made)
    assert duty.get(url).context["form"]["name_en"].initial == "Search"
    assert duty.post(url, data | {"name_sv": ""}).status_code == 422
    changed = duty.post(url, {k: v for k, v in data.items() if k != "is_public"})

    assert changed.status_code == 302
    assert not Component.objects.get(pk=made.pk).is_public
    assert Event.objects.get(action="component.updated").data == {"fields": ["is_public"]}


def test_review_and_dismissal_from_the_admin(parts: dict[str, Component], duty: Client) -> None:
    incident = operations.suspect_incident(
        name=Text("Fel?"), source="Larm", actor=SYSTEM, now=timezone.now()
    )

    url = step("incident", "dismiss", incident)
    assert duty.get(url).status_code == 200
    assert list(errors_of(duty.post(url, {}))) == ["reason"]
    assert duty.post(url, {"reason": "false_positive"}).status_code == 302
    assert Incident.objects.get().state == IncidentState.DISMISSED
