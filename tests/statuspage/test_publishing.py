import json
import re
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import User
from auditlog.actors import Actor
from statuspage import operations, tasks
from statuspage.models import Component, ComponentStatus, PlannedUpdate, Text
from statuspage.operations import publishing
from tests.factories.statuspage import acting, make_announced, make_components, make_incident
from vop.lib import jobs

DOWN = ComponentStatus.MAJOR_OUTAGE
LATER = timedelta(minutes=3)


@pytest.fixture
def parts(db: None) -> dict[str, Component]:
    return make_components()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "site"


def publish(out: Path, now: datetime) -> operations.Publication:
    return operations.publish_site(out=out, now=now)


def read(out: Path, name: str = "summary") -> dict[str, Any]:
    body: dict[str, Any] = json.loads((out / "api/v2" / f"{name}.json").read_text())
    return body


def read_files(out: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(out)): file.read_bytes()
        for file in out.rglob("*")
        if file.is_file() and file.name != ".lock"
    }


def test_site_stands_complete_without_the_platform(
    parts: dict[str, Component], out: Path, now: datetime
) -> None:
    publish(out, now)
    files = read_files(out)

    assert {"index.html", "history.html", "404.html", "en/index.html", "generated.json"} <= set(
        files
    )
    for path, content in files.items():
        if not path.endswith(".html"):
            continue
        page = content.decode()
        assert "<style" not in page
        assert " style=" not in page
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        for address in re.findall(r'(?:src|href)="([^"#]+)"', page):
            if address.startswith("http"):
                assert address == settings.BASE_URL, "the one way out is to the platform"
                continue
            root = out if address.startswith("/") else (out / path).parent
            assert (root / address.lstrip("/")).resolve().is_file(), f"{path} -> {address}"
    style = (
        out / re.findall(r"assets/status[^\"]+css", files["index.html"].decode())[0]
    ).read_text()
    for font in re.findall(r'url\("\.\./(fonts/[a-z-]+\.woff2)"\)', style):
        assert (out / font).is_file()


def test_pages_are_in_their_language(
    parts: dict[str, Component], staff: User, out: Path, now: datetime
) -> None:
    incident = make_incident(staff, {parts["login"]: DOWN}, now=now)
    publish(out, now)
    page = f"incidents/{incident.code}.html"
    swedish, english = (out / page).read_text(), (out / "en" / page).read_text()

    assert '<html lang="sv"' in swedish
    assert "Inloggningen går långsamt" in swedish
    assert "Vi undersöker varför." in swedish
    assert '<html lang="en"' in english
    assert "Sign-in is slow" in english
    assert "We are looking into why." in english
    assert 'data-tone="bad"' in (out / "index.html").read_text()


def test_text_of_staff_is_text_and_nothing_else(
    parts: dict[str, Component], staff: User, out: Path, now: datetime
) -> None:
    make_incident(staff, {parts["login"]: DOWN}, now=now, name="<script>alert(1)</script>")
    publish(out, now)

    assert "<script>alert" not in (out / "index.html").read_text()
    assert read(out)["incidents"][0]["name"] == "<script>alert(1)</script>"


def test_suspicions_and_staff_components_stay_inside(
    parts: dict[str, Component], staff: User, system: Actor, out: Path, now: datetime
) -> None:
    operations.suspect_incident(name=Text("Hemlig aning"), source="", actor=system, now=now)
    internal = make_incident(staff, {parts["invoicing"]: DOWN}, now=now, name="Fakturering nere")
    publish(out, now)
    everything = b"".join(read_files(out).values()).decode(errors="ignore")

    assert "Hemlig aning" not in everything
    assert "Fakturering" not in everything
    assert internal.code not in everything
    assert read(out)["status"]["indicator"] == "none"


def test_publishing_again_writes_only_the_stamp(
    parts: dict[str, Component], staff: User, out: Path, now: datetime
) -> None:
    make_incident(staff, {parts["login"]: DOWN}, now=now)
    publish(out, now)
    before = read_files(out)
    publish(out, now)
    same = read_files(out)
    publish(out, now + LATER)
    after = read_files(out)

    assert before == same
    assert set(before) == set(after)
    changed = {path for path in before if before[path] != after[path]}
    assert all(path.endswith(".html") or path == "generated.json" for path in changed)
    stamps = re.compile(rb"2026-11-23T10:3\d:00\+01:00|10:3\d")
    for path in changed - {"generated.json"}:
        assert stamps.sub(b"", before[path]) == stamps.sub(b"", after[path]), path


def test_publishing_replaces_whole_files(
    parts: dict[str, Component], staff: User, out: Path, now: datetime
) -> None:
    """A reader at any moment sees the old file or the new one, never a part."""
    publish(out, now)
    summary = out / "api/v2/summary.json"
    with summary.open() as reader:
        make_incident(staff, {parts["login"]: DOWN}, now=now)
        publish(out, now)
        assert json.loads(reader.read())["incidents"] == []
    assert len(read(out)["incidents"]) == 1
    assert [file for file in out.rglob("*.new") if file.is_file()] == []
    assert summary.stat().st_mode & 0o004, "the static host is somebody else"


def test_failing_halfway_leaves_the_old_site(
    parts: dict[str, Component],
    staff: User,
    out: Path,
    now: datetime,
) -> None:
    publish(out, now)
    stamp = (out / "generated.json").read_bytes()
    make_incident(staff, {parts["login"]: DOWN}, now=now)
    (out / "api/v2/summary.json").unlink()
    (out / "api/v2/summary.json").mkdir()  # a place that can't be written

    with pytest.raises(OSError, match=r"summary\.json"):
        publish(out, now + LATER)

    assert (out / "generated.json").read_bytes() == stamp, "it doesn't vouch for half a site"


def test_page_of_what_became_private_is_removed(
    parts: dict[str, Component], staff: User, out: Path, now: datetime
) -> None:
    incident = make_incident(staff, {parts["login"]: DOWN}, now=now)
    publish(out, now)
    Component.objects.filter(pk=parts["login"].pk).update(is_public=False)

    done = publish(out, now)

    assert done.removed == 2
    assert not (out / f"incidents/{incident.code}.html").exists()


@pytest.mark.django_db(transaction=True)
def test_publishers_at_once_wait_for_each_other(out: Path, now: datetime) -> None:
    make_components()
    failures: list[BaseException] = []

    def work() -> None:
        from django.db import connections  # noqa: PLC0415 (of this thread)

        try:
            publish(out, now)
        except BaseException as error:  # noqa: BLE001 (told below)
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert failures == []
    assert len(read(out)["components"]) == 6


def test_every_public_change_publishes(
    parts: dict[str, Component], staff: User, now: datetime
) -> None:
    make_incident(staff, {parts["login"]: DOWN}, now=now)
    jobs.run_all(now=now + timedelta(days=365))

    summary = json.loads((settings.STATUS_DIR / "api/v2/summary.json").read_text())
    assert summary["status"] == {"indicator": "major", "description": "Partial System Outage"}


def test_tick_publishes_when_the_stamp_gets_old(
    parts: dict[str, Component],
    out: Path,
    now: datetime,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.STATUS_DIR = out
    tasks.tick()
    first = (out / "generated.json").stat().st_mtime_ns
    tasks.tick()

    assert (out / "generated.json").stat().st_mtime_ns == first
    made_at = datetime.fromisoformat(
        json.loads((out / "generated.json").read_text())["generated_at"]
    )
    assert not operations.is_publication_due(out=out, now=made_at)
    assert operations.is_publication_due(out=out, now=made_at + publishing.REPUBLISH_AFTER)


@pytest.mark.parametrize("text", ["", "{}", "[", '{"generated_at": "nyss"}'])
def test_broken_stamp_is_a_reason_to_publish(out: Path, now: datetime, text: str) -> None:
    out.mkdir()
    (out / "generated.json").write_text(text)

    assert operations.is_publication_due(out=out, now=now)


def test_commands_set_up_plan_and_publish(
    db: None, staff: User, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("ensure_components")
    call_command("ensure_components")
    capsys.readouterr()
    call_command("plan_maintenance", "--months", "3", "--json")
    plan = json.loads(capsys.readouterr().out)["updates"]
    call_command("plan_maintenance", "--json")
    again = json.loads(capsys.readouterr().out)["updates"]
    call_command("publish_status", "--out", str(out))

    assert Component.objects.count() == 7
    assert [row["is_new"] for row in plan] == [True] * 3
    assert [row["is_new"] for row in again] == [False] * 3 + [True] * 9
    assert {row["window_start"][11:16] for row in again} == {"00:00"}
    assert PlannedUpdate.objects.count() == 12
    assert (out / "index.html").is_file()


def test_commands_refuse_in_one_line(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--months"):
        call_command("plan_maintenance", "--months", "0")
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="can't be written"):
        call_command("publish_status", "--out", str(tmp_path / "file"))


def test_planned_update_is_on_the_page(
    parts: dict[str, Component], staff: User, out: Path, now: datetime
) -> None:
    update = make_announced(staff, now=now)
    operations.plan_ordinary_updates(months=3, actor=acting(staff), now=now)
    publish(out, now)
    page = (out / "index.html").read_text()

    assert update.title_sv in page
    assert "16 december 2026" in page
    assert "20 januari 2027" in page


def test_what_a_killed_publisher_left_is_cleared(
    parts: dict[str, Component], out: Path, now: datetime
) -> None:
    out.mkdir()
    left_over = out / ".index.html.123.new"
    left_over.write_text("<h1>hal")
    publish(out, now)

    assert not left_over.exists()
