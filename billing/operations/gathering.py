"""Gathering lines on bases: for one purchase and for a batch of a run alike.

Lines of a payer, day, currency and purchase-order number go on one draft, or on one for each
subscription that is kept apart. Keys follow from what a basis is for, so that the same run gives
the same bytes however often it was stopped.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter
from typing import Final, NamedTuple

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.operations import audit
from billing import engine
from billing.events import BasisEvent
from billing.models import BasisLine, InvoiceBasis, Plan, Subscription, VatTotal
from billing.queries import (
    CONTENT_COLUMNS,
    OWN_COLUMNS,
    DueRow,
    LineContent,
    LineRow,
    VatRow,
    get_current_seller,
    get_exchange_rate,
    list_bases_of_day,
    list_line_rows,
    load_vat_checks,
)
from billing.rendering import describe_customer, describe_seller, hash_body
from companies.models import Company
from vop.lib.bulk import insert_rows, update_rows
from vop.lib.clock import local_date
from vop.lib.db import step
from vop.lib.errors import DomainError
from vop.lib.statements import copy_new

NAMESPACE: Final = uuid.UUID("5b3a0a53-6f0f-4b7c-9d0e-0c2d6a1f7e11")
_LINE_BITS: Final = 24  # of a basis's key, in which its lines count themselves
_FIRST_DAY: Final = date(2000, 1, 1).toordinal()  # the day 0 of bases' keys
_VERSION_BITS: Final = 0xF << 76 | 0x3 << 62  # of a key: its version and variant, RFC 9562
_VERSION_8: Final = 0x8 << 76 | 0x2 << 62
_read_amount = attrgetter("vat_rate", "vat_category", "net_cents")
_BASIS_COLUMNS: Final = [one.attname for one in InvoiceBasis._meta.concrete_fields]
_SUM_COLUMNS: Final = [
    "id", "kind", "net_cents", "vat_cents", "rounding_cents", "payable_cents",
    "vat_sek_cents", "fx_rate", "fx_date", "fx_source", "held_for", "body_sha256",
]  # fmt: skip


class NoSellerError(DomainError):
    message = _("No seller is registered. Enter one in the admin first.")


class BasisKey(NamedTuple):
    """What lines must share to stand on one basis of a day."""

    payer_id: uuid.UUID
    currency: str
    split_by: str
    po_number: str


class Charge(NamedTuple):
    """Lines of one subscription, and what brought them: a change or a run.

    `contents` is what each line says, where that is known already.
    """

    payer: Company
    subscription_id: uuid.UUID
    key: BasisKey
    lines: Sequence[engine.Line]
    change_id: uuid.UUID | None = None
    run_id: uuid.UUID | None = None
    contents: Sequence[LineContent] = ()

    @classmethod
    def of(
        cls,
        row: Subscription | DueRow,
        *,
        payer: Company,
        currency: str,
        lines: Sequence[engine.Line],
        change_id: uuid.UUID | None = None,
        run_id: uuid.UUID | None = None,
        contents: Sequence[LineContent] = (),
    ) -> "Charge":
        """Return what is charged for a subscription."""
        split_by = "" if row.consolidate else str(row.id)
        key = BasisKey(payer.pk, currency, split_by, row.po_number)
        return cls(payer, row.id, key, lines, change_id, run_id, contents)


@dataclass(slots=True)
class _Draft:
    """A basis while it gathers."""

    basis: InvoiceBasis
    is_new: bool
    lines: list[LineRow] = field(default_factory=list)
    added: list[LineRow] = field(default_factory=list)
    vat_totals: list[VatRow] = field(default_factory=list)


@step
def gather(
    charges: Sequence[Charge], *, plans: Mapping[str, Plan], billing_date: date, now: datetime
) -> dict[BasisKey, InvoiceBasis]:
    """Put lines on their payers' bases of a day and sum those up; the payers must be locked.

    Raises: NoSellerError.
    """
    groups: dict[BasisKey, list[Charge]] = {}
    for charge in charges:
        if charge.lines:
            groups.setdefault(charge.key, []).append(charge)
    if not groups:
        return {}
    drafts = _open_drafts(groups, billing_date, now)
    for key, group in groups.items():
        for charge in group:
            _add_lines(drafts[key], charge, plans)
    _sum_up(list(drafts.values()))
    _write(list(drafts.values()))
    return {key: draft.basis for key, draft in drafts.items()}


@step
def bill_change(
    charge: Charge, *, plans: Mapping[str, Plan], actor: Actor, now: datetime
) -> InvoiceBasis | None:
    """Put what a change makes on the basis of its day; the payer must be locked.

    Raises: NoSellerError.
    """
    basis = gather([charge], plans=plans, billing_date=local_date(now), now=now).get(charge.key)
    if basis is not None and basis.created_at == now:
        company = charge.payer.ref
        audit(BasisEvent.CREATED, actor=actor, now=now, company=company, target=basis.ref)
    return basis


@step
def start_basis(
    basis: InvoiceBasis, charges: Sequence[Charge], plans: Mapping[str, Plan]
) -> InvoiceBasis:
    """Write a basis of its own, with its lines and sums; the payer must be locked."""
    draft = _Draft(basis, is_new=True)
    for charge in charges:
        _add_lines(draft, charge, plans)
    _sum_up([draft])
    _write([draft])
    return basis


@step
def sum_up_again(basis: InvoiceBasis) -> None:
    """Work out a draft's sums, hold and hash anew, from its lines and parties as they stand."""
    draft = _Draft(basis, is_new=False, lines=list(list_line_rows([basis.pk])))
    _sum_up([draft])
    _write([draft])


def take_snapshots(basis: InvoiceBasis, company: Company, seller: Mapping[str, str | int]) -> None:
    """Copy who sells and who pays onto a basis."""
    basis.seller_snapshot = seller
    basis.customer_snapshot = describe_customer(company)


def load_seller() -> dict[str, str | int]:
    """Return who sells, as bases copy it.

    Raises: NoSellerError.
    """
    seller = get_current_seller()
    if seller is None:
        raise NoSellerError
    return describe_seller(seller)


def basis_key(key: BasisKey, billing_date: date, serial: int) -> uuid.UUID:
    """Return the key of a basis: it follows from what the basis is for.

    It begins with the day and the first bits of the payer's key (RFC 9562, version 8), so that the
    bases of a run, and their lines, stand beside one another in every index.
    """
    told = hashlib.sha256(f"{' '.join(map(str, key))} {billing_date} {serial}".encode()).digest()
    days = billing_date.toordinal() - _FIRST_DAY
    bits = (days << 112) | (key.payer_id.int >> 80 << 64) | int.from_bytes(told[:8])
    return uuid.UUID(int=bits & ~_VERSION_BITS | _VERSION_8)


def line_key(basis_id: uuid.UUID, position: int) -> uuid.UUID:
    """Return the key of a basis's line: it lies beside its basis, and is the same in a rerun."""
    return uuid.UUID(int=basis_id.int >> _LINE_BITS << _LINE_BITS | position)


def _open_drafts(
    groups: Mapping[BasisKey, Sequence[Charge]], billing_date: date, now: datetime
) -> dict[BasisKey, _Draft]:
    """Return a draft for each key: the one that the day has already, or a new one."""
    existing: dict[BasisKey, _Draft] = {}
    issued: dict[BasisKey, int] = {}
    for basis in list_bases_of_day({key.payer_id for key in groups}, billing_date):
        key = BasisKey(basis.company_id, basis.currency, basis.split_by, basis.po_number)
        if basis.is_draft:
            existing[key] = _Draft(basis, is_new=False)
        else:
            issued[key] = issued.get(key, 0) + 1
    _load_lines([draft for key, draft in existing.items() if key in groups])
    blank = InvoiceBasis(billing_date=billing_date, created_at=now)
    seller = load_seller()
    drafts: dict[BasisKey, _Draft] = {}
    for key, group in groups.items():
        drafts[key] = existing.get(key) or _Draft(
            _new_basis(blank, key, group[-1], seller=seller, issued=issued.get(key, 0)),
            is_new=True,
        )
    return drafts


def _new_basis(
    blank: InvoiceBasis,
    key: BasisKey,
    charge: Charge,
    *,
    seller: Mapping[str, str | int],
    issued: int,
) -> InvoiceBasis:
    """Return a basis of the day for a charge; `blank` has what all of the day share."""
    basis = copy_new(
        blank,
        id=basis_key(key, blank.billing_date, issued),
        currency=key.currency,
        split_by=key.split_by,
        po_number=key.po_number,
        run_id=charge.run_id,
    )
    basis.company = charge.payer
    take_snapshots(basis, charge.payer, seller)
    return basis


def _load_lines(drafts: Sequence[_Draft]) -> None:
    by_basis = {draft.basis.pk: draft for draft in drafts}
    for line in list_line_rows(list(by_basis)) if by_basis else ():
        by_basis[line.basis_id].lines.append(line)


def _add_lines(draft: _Draft, charge: Charge, plans: Mapping[str, Plan]) -> None:
    """Give each line its place; a credit of a line on the same basis finds it by what it is."""
    if charge.run_id is not None and draft.basis.run_id is None:
        draft.basis.run_id = charge.run_id
    keys: dict[int, uuid.UUID] = {}
    contents = charge.contents or [LineContent.of(line, plans[line.plan]) for line in charge.lines]
    for line, content in zip(charge.lines, contents, strict=True):
        credited = line.credits
        position = len(draft.lines) + 1
        row = LineRow(
            id=line_key(draft.basis.pk, position),
            basis_id=draft.basis.pk,
            position=position,
            subscription_id=charge.subscription_id,
            change_id=charge.change_id,
            run_id=charge.run_id,
            credits_id=None if credited is None else credited.ref or keys[id(credited)],
            content=content,
        )
        keys[id(line)] = row.id
        draft.lines.append(row)
        draft.added.append(row)


def _sum_up(drafts: Sequence[_Draft]) -> None:
    for draft in drafts:
        basis = draft.basis
        totals = engine.total_of(
            [_read_amount(line.content) for line in draft.lines], basis.currency
        )
        draft.vat_totals = [
            VatRow(basis.pk, part.category.value, part.rate, part.base_cents, part.vat_cents)
            for part in totals.vat
        ]
        basis.kind = totals.kind
        basis.net_cents = totals.net_cents
        basis.vat_cents = totals.vat_cents
        basis.rounding_cents = totals.rounding_cents
        basis.payable_cents = totals.payable_cents
    _tell_vat_in_sek(drafts)
    _hold(drafts)
    for draft in drafts:
        draft.basis.body_sha256 = hash_body(draft.basis, draft.lines, draft.vat_totals)


def _tell_vat_in_sek(drafts: Iterable[_Draft]) -> None:
    """Tell VAT in SEK as well where the basis is in another currency (ML 17 kap. 29 §)."""
    for draft in drafts:
        basis = draft.basis
        if basis.currency == "SEK":
            continue
        rate = get_exchange_rate(basis.currency, basis.billing_date)
        basis.vat_sek_cents = basis.fx_rate = basis.fx_date = None
        basis.fx_source = ""
        if rate is not None:
            basis.vat_sek_cents = engine.convert(basis.vat_cents, rate.rate)
            basis.fx_rate, basis.fx_date, basis.fx_source = rate.rate, rate.on, rate.source


def _hold(drafts: Sequence[_Draft]) -> None:
    """Say what a draft waits for before it can be issued; nothing is guessed."""
    reversed_ = {
        draft.basis.customer_snapshot["vat_number"]
        for draft in drafts
        if _is_reverse_charged(draft)
    }
    checks = load_vat_checks(reversed_) if reversed_ else {}
    for draft in drafts:
        basis = draft.basis
        basis.held_for = ""
        if _is_reverse_charged(draft) and not checks.get(basis.customer_snapshot["vat_number"]):
            basis.held_for = InvoiceBasis.Hold.VAT_NUMBER
        elif basis.currency != "SEK" and basis.vat_cents and basis.vat_sek_cents is None:
            basis.held_for = InvoiceBasis.Hold.EXCHANGE_RATE


def _is_reverse_charged(draft: _Draft) -> bool:
    return any(
        part.category == engine.VatCategory.REVERSE_CHARGE.value for part in draft.vat_totals
    )


def _write(drafts: Sequence[_Draft]) -> None:
    """Write what is new and what has changed, parents first."""
    new = [draft for draft in drafts if draft.is_new]
    old = [draft for draft in drafts if not draft.is_new]
    read = attrgetter(*_BASIS_COLUMNS)
    insert_rows(InvoiceBasis, _BASIS_COLUMNS, [read(draft.basis) for draft in new])
    columns = [*_SUM_COLUMNS, "run_id"]
    read = attrgetter(*columns)
    update_rows(InvoiceBasis, columns, [read(draft.basis) for draft in old])
    VatTotal.objects.bulk_create(
        [VatTotal(**part._asdict()) for draft in old for part in draft.vat_totals],
        update_conflicts=True,
        update_fields=["base_cents", "vat_cents"],
        unique_fields=["basis", "category", "rate"],
    )
    added = [line for draft in drafts for line in draft.added]
    insert_rows(BasisLine, OWN_COLUMNS, added, shared=CONTENT_COLUMNS)
    insert_rows(VatTotal, VatRow._fields, [part for draft in new for part in draft.vat_totals])
