"""Notices of renewals told by several at once, and by somebody who dies: each once, none lost."""

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from auditlog.models import Event
from billing.models import Plan, RenewalNotice
from billing.operations import cancel_subscription, tell_renewals
from companies.models import Membership, Role
from tests.concurrency import at_once
from tests.factories.accounts import make_user
from tests.factories.billing import buy, make_plan, make_seller, make_vat_rate
from tests.factories.companies import SYSTEM, join_company, make_company
from tests.factories.services import make_service
from vop.lib import jobs
from vop.lib.outbox.models import Job

pytestmark = pytest.mark.django_db(transaction=True)

BOUGHT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TOLD = datetime(2026, 12, 16, 5, 0, tzinfo=UTC)  # seven days ahead
ORG_NUMBERS = ["5560160680", "5569876542", "5561112227"]


@pytest.fixture
def plan() -> Plan:
    make_vat_rate()
    make_seller()
    return make_plan(make_service())


@pytest.fixture
def readers(plan: Plan) -> set[str]:
    """Three companies with a renewal to be told of, each with an owner and a clerk who read it."""
    addresses = set()
    for number, org_number in enumerate(ORG_NUMBERS):
        owner = make_user(email=f"agare{number}@exempel.se")
        company = make_company(name=f"Kund {number} AB", owner=owner, org_number=org_number)
        clerk = join_company(company, make_user(email=f"ekonomi{number}@exempel.se"), Role.BILLING)
        member = Membership.objects.select_related("company", "user").get(user=owner)
        buy(member, plan, now=BOUGHT, told=False)
        addresses |= {owner.email, clerk.user.email}
    jobs.run_all(now=timezone.now())
    mail.outbox.clear()
    return addresses


def assert_each_was_told_once(readers: set[str]) -> None:
    """One notice, one event and one mail for each, in the database and in the post."""
    assert RenewalNotice.objects.count() == len(ORG_NUMBERS)
    assert RenewalNotice.objects.values("subscription").distinct().count() == len(ORG_NUMBERS)
    assert Event.objects.filter(action="subscription.renewal_told").count() == len(ORG_NUMBERS)
    assert Job.objects.filter(key__startswith="renewals:").count() == len(readers)
    jobs.run_all(now=timezone.now())
    sent = Counter(message.to[0] for message in mail.outbox)
    assert sent == dict.fromkeys(readers, 1)


def test_several_at_once_tell_of_each_renewal_once(readers: set[str]) -> None:
    counts: list[int] = []

    ends = at_once(*[lambda: counts.append(tell_renewals(actor=SYSTEM, now=TOLD))] * 4)

    assert ends == ["done"] * 4
    assert sum(counts) == len(ORG_NUMBERS), "each says what it told itself"
    assert_each_was_told_once(readers)


def test_cancelled_while_it_is_told_is_told_once_or_not_at_all(readers: set[str]) -> None:
    subscription = Plan.objects.get().subscriptions.order_by("pk")[0]

    ends = at_once(
        lambda: tell_renewals(actor=SYSTEM, now=TOLD),
        lambda: cancel_subscription(subscription=subscription, actor=SYSTEM, now=TOLD),
    )

    assert ends == ["done", "done"]
    subscription.refresh_from_db()
    assert subscription.cancel_on == subscription.billed_through
    others = RenewalNotice.objects.exclude(subscription=subscription)
    assert others.count() == len(ORG_NUMBERS) - 1
    assert RenewalNotice.objects.filter(subscription=subscription).count() <= 1
    assert tell_renewals(actor=SYSTEM, now=TOLD) == 0


KILLED_TELLER = """
import os, signal, sys
import django
sys.path.insert(0, os.getcwd())
django.setup()
from datetime import UTC, datetime
from auditlog.actors import Actor
from billing.operations import notices
from django.conf import settings
from django.db import connection

settings.DATABASES["default"]["NAME"] = sys.argv[1]
connection.settings_dict["NAME"] = sys.argv[1]
notices._PAYERS = 1
point, at, seen = sys.argv[2], int(sys.argv[3]), 0
original = getattr(notices, point)
def do_and_die(*args, **kwargs):
    global seen
    original(*args, **kwargs)
    seen += 1
    if seen == at:
        os.kill(os.getpid(), signal.SIGKILL)
setattr(notices, point, do_and_die)
now = datetime(2026, 12, 16, 5, 0, tzinfo=UTC)
notices.tell_renewals(actor=Actor.system("killed"), now=now)
"""


@pytest.mark.parametrize(
    ("point", "at", "kept"),
    [
        ("send_renewals", 1, 0),  # a mail is in the outbox, its notice isn't
        ("send_renewals", 3, 1),  # the first company is done, the second has half its mails
        ("insert_rows", 2, 1),  # the notice is written, its event isn't
        ("audit_each", 3, 2),  # everything is written, nothing of the last is committed
    ],
)
def test_teller_that_was_killed_is_finished_by_the_next(
    readers: set[str], point: str, at: int, kept: int
) -> None:
    killed = subprocess.run(
        [
            sys.executable, "-c", KILLED_TELLER,
            str(connection.settings_dict["NAME"]), point, str(at),
        ],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        check=False,
        timeout=120,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert RenewalNotice.objects.count() == kept
    assert Job.objects.filter(key__startswith="renewals:").count() == 2 * kept, "mail and row: one"

    assert tell_renewals(actor=SYSTEM, now=TOLD) == len(ORG_NUMBERS) - kept

    assert_each_was_told_once(readers)
