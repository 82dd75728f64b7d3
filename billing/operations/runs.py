"""The renewal run: prepared, approved, worked off in batches, issued.

What is due is read from each subscription's cursor under its payer's lock: a run that was
stopped, repeated or doubled does the rest, and nothing twice. Whoever works takes the next batch
that nobody else has (`SKIP LOCKED`); a batch is one transaction.
"""

import bisect
import itertools
import logging
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.operations import audit
from billing.events import BasisEvent
from billing.models import BillingBatch, BillingRun, BillingRunItem
from billing.operations.batches import (
    Done,
    bill_batch,
    bill_one_customer,
    close_batch,
    park_customer,
    preview_batch,
)
from billing.operations.issuing import MakerApprovesError, issue_block
from billing.operations.orders import PreviewChangedError
from billing.queries import (
    BATCH_SIZE,
    PriceBook,
    add_nets,
    count_exports,
    get_open_run,
    get_run,
    hash_batches,
    is_anything_due,
    list_due_payers,
    list_run_bases,
    list_runs_on_their_way,
    list_runs_to_go_on_with,
    load_price_book,
)
from vop.lib import jobs
from vop.lib.db import step, use_case
from vop.lib.errors import DomainError
from vop.lib.garbage import collect_rarely

logger = logging.getLogger(__name__)
State = BillingRun.State
NOBODY = uuid.UUID(int=0)


class RunClosedError(DomainError):
    message = _("This run can't be approved as it is now. Look at it again.")


class RunBegunError(DomainError):
    message = _("This run has been approved or begun already: its preview stays as it is.")


@dataclass(slots=True)
class RunReport:
    """What this start of a run did; `run` is None when nothing was due."""

    as_of: date
    run: BillingRun | None = None
    billed: int = 0
    parked: int = 0
    lines: int = 0
    nets: dict[str, int] = field(default_factory=dict)

    def add(self, done: Done) -> None:
        """Count what a batch came to."""
        self.billed += done.billed
        self.parked += done.parked
        self.lines += done.lines
        add_nets(self.nets, done.nets)


def prepare_run(*, as_of: date, actor: Actor, now: datetime) -> BillingRun | None:
    """Work out the run of a day as a preview to approve; nothing when nothing is due.

    A preview that nobody has approved is worked out anew; older ones give way to it.

    Raises: RunBegunError.
    """
    if not is_anything_due(as_of):
        return None
    run = open_run(as_of=as_of, actor=actor, now=now)
    begin_preview(run=run, actor=actor, now=now)
    preview_run_batches(run=run, now=now)
    run.refresh_from_db()
    return run


def preview_run_batches(*, run: BillingRun, now: datetime) -> None:
    """Work out the batches of a preview that nobody has; several processes share them."""
    book = load_price_book()
    with collect_rarely():
        while preview_batch(run=run, book=book):
            pass
    finish_preview(run=run, now=now)


def run_billing(*, as_of: date, actor: Actor, now: datetime) -> RunReport:
    """Renew everything that is due by a day, in batches of customers.

    A customer that can't be billed is parked with the reason, and the run goes on. Without an
    approval it bills into drafts, and is issued when somebody approves what it has billed.
    """
    if not is_anything_due(as_of):
        return RunReport(as_of)
    run = open_run(as_of=as_of, actor=actor, now=now)
    run = start_run(run=run, actor=actor, now=now)
    return work_run(run=run, actor=actor, now=now)


def work_run(*, run: BillingRun, actor: Actor, now: datetime) -> RunReport:
    """Do what is left of a run: bill the batches that nobody has, then issue if approved."""
    run = get_run(run.pk)  # it may have gone on since it was read
    report = RunReport(run.as_of, run)
    if run.state == State.APPROVED:
        run = start_run(run=run, actor=actor, now=now)
    if run.state == State.RUNNING:
        book = load_price_book()
        with collect_rarely():
            while done := _bill_next(run, book, actor, now):
                report.add(done)
        run = finish_run(run=run, now=now)
    if run.state == State.BILLED and run.is_approved:
        run = issue_run(run=run, actor=actor, now=now)
    report.run = run
    return report


def issue_run(*, run: BillingRun, actor: Actor, now: datetime) -> BillingRun:
    """Give everything that an approved run has billed its number, a block at a time."""
    after = NOBODY
    while bases := issue_block(run=run, after=after, now=now):
        after = bases[-1].company_id
    return finish_issue(run=run, actor=actor, now=now)


def ring_runs(*, as_of: date, actor: Actor, now: datetime) -> None:
    """Do the hour's round: a preview of the day if it has none, and what was left half-done."""
    open_one = get_open_run(as_of)
    if open_one is None:
        prepare_run(as_of=as_of, actor=actor, now=now)
    elif open_one.state == State.PREVIEW and not open_one.preview_sha256:
        preview_run_batches(run=open_one, now=now)
    for run in list_runs_to_go_on_with():
        ring_run(run=run)
    for run in list_runs_on_their_way():
        note_exports(run=run, now=now)


@use_case
def ring_run(*, run: BillingRun) -> None:
    """Have a worker go on with a run; one that is done already has nothing to do."""
    jobs.enqueue("billing.work_run", run_id=str(run.pk))


@use_case
def note_exports(*, run: BillingRun, now: datetime) -> BillingRun:
    """Note that everything a run issued has arrived at the accounts, or is acknowledged."""
    locked = _lock(run)
    counts = count_exports(list_run_bases(locked))
    if locked.state == State.ISSUED and counts.approved and counts.is_exported:
        locked.state, locked.exported_at = State.EXPORTED, now
    if (
        locked.state in {State.ISSUED, State.EXPORTED}
        and counts.approved
        and counts.is_acknowledged
    ):
        locked.state, locked.acknowledged_at = State.ACKNOWLEDGED, now
    locked.save(update_fields=["state", "exported_at", "acknowledged_at"])
    return locked


@use_case
def open_run(*, as_of: date, actor: Actor, now: datetime) -> BillingRun:
    """Return the day's open run, made now if there is none."""
    run, created = BillingRun.objects.get_or_create(
        as_of=as_of,
        state__in=[State.PREVIEW, State.APPROVED, State.RUNNING, State.BILLED],
        defaults={"state": State.PREVIEW, "made_at": now, "made_by": _name_of(actor)},
    )
    if created:
        _drop_previews_before(as_of)
        _plan_batches(run)
    return run


@use_case
def begin_preview(*, run: BillingRun, actor: Actor, now: datetime) -> BillingRun:
    """Plan a preview anew, unless another process is working it out right now.

    Raises: RunBegunError.
    """
    locked = _lock(run)
    if locked.state != State.PREVIEW:
        raise RunBegunError
    if locked.preview_sha256:
        locked.batches.all().delete()
        locked.preview_sha256 = ""
        locked.made_at, locked.made_by = now, _name_of(actor)
        locked.save(update_fields=["preview_sha256", "made_at", "made_by"])
        _plan_batches(locked)
    return locked


@use_case
def finish_preview(*, run: BillingRun, now: datetime) -> BillingRun:
    """Hash a preview once all of its batches are worked out; it can be approved from then on."""
    locked = _lock(run)
    waiting = locked.batches.filter(state=BillingBatch.State.PLANNED)
    if locked.state == State.PREVIEW and not locked.preview_sha256 and not waiting.exists():
        locked.preview_sha256 = hash_batches(locked)
        locked.save(update_fields=["preview_sha256"])
        audit(
            BasisEvent.RUN_PREVIEWED,
            actor=Actor.system("billing"),
            now=now,
            target=locked.ref,
            data={"sha256": locked.preview_sha256},
        )
    return locked


@use_case
def approve_run(*, run: BillingRun, preview_sha256: str, actor: Actor, now: datetime) -> BillingRun:
    """Agree to what a run is to bill, or to what one has billed as drafts; the bell is rung.

    The approval names the hash of what was seen. Whoever made or started the run can't give it.

    Raises: RunClosedError, PreviewChangedError, MakerApprovesError.
    """
    locked = _lock(run)
    seen = locked.sha256_to_approve
    if not seen or locked.is_approved:
        raise RunClosedError
    if seen != preview_sha256:
        raise PreviewChangedError
    if not actor.id or actor.id in {locked.made_by, locked.started_by}:
        raise MakerApprovesError
    locked.approved_by, locked.approved_at = actor.id, now
    if locked.state == State.PREVIEW:
        locked.state = State.APPROVED
    locked.save(update_fields=["state", "approved_by", "approved_at"])
    audit(BasisEvent.RUN_APPROVED, actor=actor, now=now, target=locked.ref, data={"sha256": seen})
    jobs.enqueue("billing.work_run", run_id=str(locked.pk))
    return locked


@use_case
def start_run(*, run: BillingRun, actor: Actor, now: datetime) -> BillingRun:
    """Begin a run, or take up one that has left somebody due; one that works goes on working."""
    locked = _lock(run)
    if locked.state == State.BILLED:
        if locked.is_approved or not _reopen_batches(locked):
            return locked
    elif locked.state not in {State.PREVIEW, State.APPROVED}:
        return locked
    locked.state = State.RUNNING
    locked.started_at = locked.started_at or now
    if not locked.is_approved:
        locked.started_by = _name_of(actor) or locked.started_by
    locked.save(update_fields=["state", "started_at", "started_by"])
    audit(BasisEvent.RUN_STARTED, actor=actor, now=now, target=locked.ref)
    return locked


@use_case
def finish_run(*, run: BillingRun, now: datetime) -> BillingRun:
    """Note that a run came to its end, once no batch is left with anybody."""
    locked = _lock(run)
    waiting = locked.batches.exclude(state=BillingBatch.State.DONE)
    if locked.state == State.RUNNING and not waiting.exists():
        locked.state, locked.finished_at = State.BILLED, now
        locked.billed_sha256 = hash_batches(locked)
        locked.save(update_fields=["state", "finished_at", "billed_sha256"])
    return locked


@use_case
def finish_issue(*, run: BillingRun, actor: Actor, now: datetime) -> BillingRun:
    """Note that a run is issued; what still waits for an answer stays a draft."""
    locked = _lock(run)
    if locked.state == State.BILLED and locked.is_approved:
        locked.state, locked.issued_at = State.ISSUED, now
        locked.save(update_fields=["state", "issued_at"])
        audit(
            BasisEvent.RUN_ISSUED,
            actor=actor,
            now=now,
            target=locked.ref,
            data={"sha256": locked.billed_sha256},
        )
    return locked


def _bill_next(run: BillingRun, book: PriceBook, actor: Actor, now: datetime) -> Done | None:
    """Bill the next batch; if the database refuses it, customer by customer."""
    claimed: list[uuid.UUID] = []
    try:
        return bill_batch(run=run, book=book, actor=actor, now=now, claimed=claimed)
    except (OperationalError, InterfaceError):
        raise  # the database is away: that is nobody's fault, and the next run goes on
    except Exception:
        if not claimed:
            raise
        logger.exception("A batch of run %s failed and is billed by the customer", run.pk)
    [batch_id] = claimed
    return _bill_one_by_one(run, batch_id, actor, now)


def _bill_one_by_one(run: BillingRun, batch_id: uuid.UUID, actor: Actor, now: datetime) -> Done:
    batch = BillingBatch.objects.get(pk=batch_id)
    book = load_price_book()
    total = Done()
    payers = list_due_payers(run.as_of, first=batch.first_payer, until=batch.until_payer)
    for payer_id in payers:
        try:
            total.add(
                bill_one_customer(batch=batch, payer_id=payer_id, book=book, actor=actor, now=now)
            )
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            logger.exception("Customer %s is parked in run %s", payer_id, run.pk)
            park_customer(batch=batch, payer_id=payer_id, error=error, now=now)
            total.parked += 1
    close_batch(batch=batch)
    return total


@step
def _plan_batches(run: BillingRun) -> None:
    """Cut what is due into batches that together cover every payer's key."""
    payers = list_due_payers(run.as_of)
    starts = [NOBODY, *payers[BATCH_SIZE::BATCH_SIZE]]
    BillingBatch.objects.bulk_create(
        [
            BillingBatch(
                run=run,
                number=number,
                first_payer=first,
                until_payer=until,
                due_count=len(payers[(number - 1) * BATCH_SIZE : number * BATCH_SIZE]),
            )
            for number, (first, until) in enumerate(
                itertools.zip_longest(starts, starts[1:]), start=1
            )
        ],
        batch_size=1000,
    )


@step
def _reopen_batches(run: BillingRun) -> bool:
    """Open the batches again in which somebody is due still, or newly; tell whether there are."""
    due = list_due_payers(run.as_of)
    batches = list(run.batches.order_by("number").defer("preview", "digests"))
    starts = [batch.first_payer for batch in batches]
    parked = set(
        BillingRunItem.objects.filter(run=run, company_id__in=due)
        .exclude(state=BillingRunItem.State.DONE)
        .values_list("company_id", flat=True)
    )
    for payer_id in due:
        batch = batches[bisect.bisect_right(starts, payer_id) - 1]
        batch.state = BillingBatch.State.PLANNED
        batch.due_count += payer_id not in parked
    BillingBatch.objects.bulk_update(batches, ["state", "due_count"], batch_size=500)
    return bool(due)


@step
def _drop_previews_before(as_of: date) -> None:
    """Drop older previews that nobody approved: nothing came of them, and a newer one has all."""
    old = BillingRun.objects.filter(state=State.PREVIEW, as_of__lt=as_of)
    ids = list(old.select_for_update().order_by("pk").values_list("pk", flat=True))
    BillingBatch.objects.filter(run__in=ids).delete()
    BillingRun.objects.filter(pk__in=ids).delete()


def _lock(run: BillingRun) -> BillingRun:
    return BillingRun.objects.select_for_update(of=("self",), no_key=True).get(pk=run.pk)


def _name_of(actor: Actor) -> str:
    return actor.id if actor.kind == "staff" else ""
