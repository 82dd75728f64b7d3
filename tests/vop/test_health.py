"""/-/live, /-/ready and /-/metrics, and a database that is away."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from tests.vop.outside import NOBODY_LISTENS, run_outside
from vop.lib import jobs
from vop.lib.db import use_case
from vop.lib.outbox.models import Job

AWAY = f"postgres://vop:secret-word@{NOBODY_LISTENS}/vop"


def test_live_asks_nothing(client: Client) -> None:
    """Not marked for the database: a question to it would fail. A cookie changes nothing."""
    client.cookies["session"] = "somebody"

    response = client.get("/-/live")

    assert (response.status_code, response.content) == (200, b"ok\n")
    assert not response.cookies


@pytest.mark.django_db
def test_ready_answers_for_each_thing(client: Client) -> None:
    response = client.get("/-/ready")

    assert response.status_code == 200
    assert response.json() == {"database": "ok", "cache": "ok", "queue": "ok", "jobs": "ok"}
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_ready_says_when_work_is_stuck(client: Client) -> None:
    use_case(jobs.enqueue)("vop.purge_jobs")
    Job.objects.update(run_at=timezone.now() - timedelta(minutes=6))

    response = client.get("/-/ready")

    assert response.status_code == 200, "people can still sign in"
    assert response.json()["jobs"] == "late"


def read_figures(client: Client) -> dict[str, float]:
    response = client.get("/-/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(response.content.decode())
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.django_db
def test_metrics_tell_what_waits_and_what_happened(client: Client) -> None:
    use_case(jobs.enqueue)("vop.purge_jobs")
    use_case(jobs.enqueue)("vop.purge_jobs")
    Job.objects.update(run_at=timezone.now() - timedelta(minutes=6))
    Job.objects.filter(pk=Job.objects.first().pk).update(given_up_at=timezone.now())  # type: ignore[union-attr]
    client.post("/login/", {"login": "nobody@exempel.se", "password": "wrong"})

    figures = read_figures(client)

    assert figures["vop_jobs_due[]"] == 1
    assert 360 <= figures["vop_jobs_oldest_due_seconds[]"] < 420
    assert figures["vop_jobs_given_up[]"] == 1
    assert figures["vop_dependency_up['database']"] == 1
    assert figures["vop_dependency_up['jobs']"] == 0, "work is late"
    assert figures["vop_recent_events['login.failed']"] == 1
    assert figures["vop_recent_events['login.succeeded']"] == 0


@pytest.mark.django_db
def test_metrics_tell_what_the_status_page_does(client: Client) -> None:
    call_command("ensure_components")
    figures = read_figures(client)
    states = {name: value for name, value in figures.items() if "severity" in name}
    assert any("critical" in name for name in states)
    assert set(states.values()) == {0}


ASK = """
import json
from django.test import Client
client = Client(raise_request_exception=False)
client.cookies["session"] = "somebody"
for path in {paths}:
    response = client.get(path)
    print(json.dumps([path, response.status_code, response.content.decode()]))
"""


def test_database_away_gives_503_and_one_line() -> None:
    printed, logged = run_outside(ASK.format(paths=["/"]), DATABASE_URL=AWAY)

    [[_path, status, page]] = [json.loads(line) for line in printed]
    assert status == 503
    assert "<h1>" in page
    complaints = [
        record
        for record in (json.loads(line) for line in logged if line.startswith("{"))
        if record["level"] not in {"info", "debug"}
    ]
    assert [record["event"] for record in complaints] == ["The database is away: GET /"]
    for text in (page, *logged):
        assert "secret-word" not in text


def test_database_away_leaves_live_and_tells_ready_and_metrics() -> None:
    paths = ["/-/live", "/-/ready", "/-/metrics"]
    printed, _logged = run_outside(ASK.format(paths=paths), DATABASE_URL=AWAY)

    live, ready, metrics = [json.loads(line) for line in printed]
    assert (live[1], ready[1], metrics[1]) == (200, 503, 200)
    assert 'vop_dependency_up{dependency="database"} 0.0' in metrics[2]
    assert json.loads(ready[2]) == {
        "database": "away",
        "cache": "ok",
        "queue": "ok",
        "jobs": "away",
    }


LOSE_THE_BELL = """
import json
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from vop.lib import jobs
from vop.lib.db import use_case
from vop.lib.outbox.models import Job
call_command("migrate", "outbox", verbosity=0)
use_case(jobs.enqueue)("vop.purge_jobs")
waiting = Job.objects.filter(done_at=None).count()
ready = Client().get("/-/ready")
ran = jobs.run_all(now=timezone.now())
print(json.dumps([waiting, ready.status_code, ready.json(), ran]))
"""


def test_queue_away_loses_nothing() -> None:
    printed, logged = run_outside(
        LOSE_THE_BELL, CELERY_BROKER_URL=f"redis://:secret-word@{NOBODY_LISTENS}/0"
    )

    waiting, status, ready, ran = json.loads(printed[-1])
    assert (waiting, ran) == (1, 1)
    assert status == 200, "people can still sign in"
    assert ready == {"database": "ok", "cache": "ok", "queue": "away", "jobs": "ok"}
    assert any("waits for the sweep" in line for line in logged)
    assert "secret-word" not in "\n".join([*printed, *logged])


def test_cache_away_is_told() -> None:
    code = "from vop.lib import health\nprint(health.check_cache())"

    printed, _logged = run_outside(code, REDIS_URL=f"redis://{NOBODY_LISTENS}/0")

    assert printed == ["away"]
