"""Handing bases to the accounts: connections and their keys, deliveries, receipts."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.models import Event
from auditlog.operations import audit
from billing.events import ErpEvent
from billing.models import (
    BasisDelivery,
    DeliveryAttempt,
    ErpConnection,
    ErpKey,
    ErpReceipt,
    InvoiceBasis,
)
from billing.queries import (
    LONGEST_APPROVAL,
    get_basis_page,
    get_receipt,
    list_credited,
    list_untold,
)
from billing.rendering import build_message, make_signing_secret, sign_message
from vop.lib import jobs
from vop.lib.crypto import digest, seal, unseal
from vop.lib.db import use_case
from vop.lib.errors import DomainError
from vop.lib.giro import WrongNumberError, parse_ocr
from vop.lib.outbound import Answer, ForbiddenAddressError, UnreachableError, post

KEY_PREFIX: Final = "vop_erp_"
KEY_OVERLAP: Final = timedelta(days=14)
TIMEOUT_SECONDS: Final = 10
BATCH: Final = 500
CALLS_KEPT: Final = timedelta(days=90)
_KEY_BYTES: Final = 32
_HINT: Final = 12
_SYSTEM = Actor.system("billing")


class ConnectionNameTakenError(DomainError):
    message = _("Another connection has this name.")


class WebhookAddressError(DomainError):
    message = _("The webhook's address must begin with https:// and name a host.")


class ConnectionDisabledError(DomainError):
    message = _("This connection is disabled. Add another one.")


class NothingToTellError(DomainError):
    message = _("This connection has no webhook address.")


class BasisNotDeliveredError(Exception):
    """The receiver didn't confirm; the outbox tries again, twice as late each time."""


class MayNotAcknowledgeError(DomainError):
    message = _("This connection may read, not acknowledge.")


class WrongAmountError(DomainError):
    message = _("The amount or the currency isn't what the basis comes to.")


class WrongOcrError(DomainError):
    message = _("The OCR reference has a wrong check digit.")


class AlreadyAcknowledgedError(DomainError):
    message = _("This basis has another receipt already. A receipt never changes.")


class InvoiceNumberTakenError(DomainError):
    message = _("Another basis has this invoice number.")


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """A connection as staff enter it."""

    name: str
    webhook_url: str
    may_acknowledge: bool


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What the accounts say of the invoice that they made."""

    invoice_number: str
    payable_cents: int
    currency: str
    ocr: str = ""


@use_case
def save_connection(
    *,
    facts: ConnectionFacts,
    actor: Actor,
    now: datetime,
    connection: ErpConnection | None = None,
    since: datetime | None = None,
) -> ErpConnection:
    """Add a connection, or change one; a new one is told of what is approved from `since` on.

    Raises: ConnectionNameTakenError, WebhookAddressError, ConnectionDisabledError.
    """
    others = ErpConnection.objects.filter(name=facts.name)
    if connection is None:
        saved = ErpConnection(created_at=now, told_through=since or now)
        saved.signing_secret_sealed = seal(make_signing_secret())
    else:
        saved = _lock(connection)
        others = others.exclude(pk=saved.pk)
    if others.exists():
        raise ConnectionNameTakenError
    if facts.webhook_url and not _is_callable(facts.webhook_url):
        raise WebhookAddressError
    saved.name, saved.webhook_url = facts.name, facts.webhook_url
    saved.may_acknowledge = facts.may_acknowledge
    saved.save()
    audit(
        ErpEvent.SAVED,
        actor=actor,
        now=now,
        target=saved.ref,
        data={
            "host": urlsplit(saved.webhook_url).hostname or "",
            "may_acknowledge": saved.may_acknowledge,
        },
    )
    return saved


@use_case
def issue_erp_key(*, connection: ErpConnection, actor: Actor, now: datetime) -> str:
    """Return a new API key, which is shown this once; earlier ones hold two weeks more.

    Raises: ConnectionDisabledError.
    """
    locked = _lock(connection)
    ErpKey.objects.in_force(now).filter(connection=locked, valid_until=None).update(
        valid_until=now + KEY_OVERLAP
    )
    key = KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    hint = key[:_HINT]
    ErpKey.objects.create(connection=locked, digest=digest(key), hint=hint, valid_from=now)
    audit(ErpEvent.KEY_ISSUED, actor=actor, now=now, target=locked.ref, data={"hint": hint})
    return key


@use_case
def renew_signing_secret(*, connection: ErpConnection, actor: Actor, now: datetime) -> str:
    """Return a new secret to sign with, which is shown this once; it holds from now on.

    Raises: ConnectionDisabledError.
    """
    locked = _lock(connection)
    secret = make_signing_secret()
    locked.signing_secret_sealed = seal(secret)
    locked.save(update_fields=["signing_secret_sealed"])
    audit(ErpEvent.SECRET_RENEWED, actor=actor, now=now, target=locked.ref)
    return secret


@use_case
def disable_connection(*, connection: ErpConnection, actor: Actor, now: datetime) -> ErpConnection:
    """End a connection: its keys, and what is still to be delivered.

    Raises: ConnectionDisabledError.
    """
    locked = _lock(connection)
    locked.disabled_at = now
    locked.save(update_fields=["disabled_at"])
    ErpKey.objects.in_force(now).filter(connection=locked).update(valid_until=now)
    BasisDelivery.objects.filter(connection=locked, delivered_at=None, given_up_at=None).update(
        given_up_at=now
    )
    audit(ErpEvent.DISABLED, actor=actor, now=now, target=locked.ref)
    return locked


def plan_deliveries(*, now: datetime) -> int:
    """Plan to tell every connection of what was approved since; return how many deliveries.

    An approved basis is its own entry in the outbox: whatever approved it, and whenever it was
    killed, a basis without a delivery is found here.
    """
    planned = 0
    with_webhook = ErpConnection.objects.active().exclude(webhook_url="").order_by("pk")
    for connection in with_webhook:
        while (count := _plan_batch(connection=connection, now=now)) > 0:
            planned += count
    return planned


@use_case
def _plan_batch(*, connection: ErpConnection, now: datetime) -> int:
    """Plan the next deliveries of a connection; its row's lock keeps two planners apart."""
    locked = ErpConnection.objects.select_for_update(of=("self",), no_key=True).get(
        pk=connection.pk
    )
    if locked.disabled_at is not None:
        return 0
    bases = list_untold(locked, limit=BATCH)
    deliveries = BasisDelivery.objects.bulk_create(
        [BasisDelivery(connection=locked, basis=basis, created_at=now) for basis in bases]
    )
    for delivery in deliveries:
        _enqueue(delivery)
    if len(bases) < BATCH:
        locked.told_through = max(locked.told_through, now - LONGEST_APPROVAL)
        locked.save(update_fields=["told_through"])
    return len(bases)


def deliver_basis(*, delivery_id: str, now: datetime) -> None:
    """Tell one connection of one basis; the call is made outside any transaction.

    Raises: BasisNotDeliveredError.
    """
    delivery = BasisDelivery.objects.select_related("connection", "basis__company").get(
        pk=delivery_id
    )
    if not delivery.is_open:
        return
    basis, connection = delivery.basis, delivery.connection
    body = build_message(get_basis_page(basis), list_credited(basis))
    secret = unseal(connection.signing_secret_sealed)
    headers = sign_message(secret, key=str(delivery.pk), body=body, at=now)
    answer, error = _call(connection.webhook_url, body, headers)
    status = None if answer is None else answer.status
    record_delivery_attempt(delivery=delivery, status=status, error=error, now=now)
    if not _is_success(status):
        raise BasisNotDeliveredError(status or error)


@use_case
def record_delivery_attempt(
    *, delivery: BasisDelivery, status: int | None, error: str, now: datetime
) -> BasisDelivery:
    """Note how a call was answered; the log hears of the arrival, the first failure, the last."""
    row = BasisDelivery.objects.select_for_update(of=("self",), no_key=True).get(pk=delivery.pk)
    if not row.is_open:
        return row
    DeliveryAttempt.objects.create(
        delivery=row, at=now, round=row.round, status=status, error=error
    )
    row.attempts += 1
    is_first = row.attempts == 1
    if _is_success(status):
        row.delivered_at = now
        row.exported_at = row.exported_at or now
    elif row.attempts >= jobs.MAX_ATTEMPTS:
        row.given_up_at = now
    row.save(update_fields=["attempts", "delivered_at", "exported_at", "given_up_at"])
    if row.delivered_at is not None:
        _audit_attempt(ErpEvent.EXPORTED, delivery, row, status, now)
    elif is_first or row.given_up_at is not None:
        _audit_attempt(ErpEvent.EXPORT_FAILED, delivery, row, status, now)
    return row


@use_case
def purge_calls(*, now: datetime) -> int:
    """Delete how old deliveries were called, once they arrived; return how many calls.

    When each basis arrived stays on its delivery and in the log.
    """
    old = DeliveryAttempt.objects.filter(
        at__lt=now - CALLS_KEPT, delivery__delivered_at__isnull=False
    )
    return old.delete()[0]


@use_case
def replay_delivery(*, delivery: BasisDelivery, actor: Actor, now: datetime) -> BasisDelivery:
    """Tell a connection of a basis once more, with the same key; one under way goes on.

    Raises: ConnectionDisabledError, NothingToTellError.
    """
    connection = _lock(delivery.connection)
    if not connection.webhook_url:
        raise NothingToTellError
    row = BasisDelivery.objects.select_for_update(of=("self",), no_key=True).get(pk=delivery.pk)
    if row.is_open:
        return row
    row.round += 1
    row.attempts, row.delivered_at, row.given_up_at = 0, None, None
    row.save(update_fields=["round", "attempts", "delivered_at", "given_up_at"])
    _enqueue(row)
    audit(
        ErpEvent.REPLAYED,
        actor=actor,
        now=now,
        target=delivery.basis.ref,
        data={"connection": connection.name, "round": row.round},
    )
    return row


@use_case
def acknowledge_basis(
    *,
    basis: InvoiceBasis,
    connection: ErpConnection,
    facts: ReceiptFacts,
    actor: Actor,
    now: datetime,
) -> ErpReceipt:
    """Note which invoice the accounts made of a basis; the same receipt again changes nothing.

    Raises: MayNotAcknowledgeError, WrongAmountError, WrongOcrError, AlreadyAcknowledgedError,
    InvoiceNumberTakenError, ConnectionDisabledError.
    """
    locked = _lock(connection)  # and with it the invoice numbers that it has used
    basis = (
        InvoiceBasis.objects.select_for_update(of=("self",), no_key=True)
        .select_related("company")
        .get(pk=basis.pk)
    )
    if not locked.may_acknowledge:
        raise MayNotAcknowledgeError
    facts = _check_receipt(basis, facts)
    receipt = get_receipt(basis)
    if receipt is not None:
        if _facts_of(receipt) != facts:
            raise AlreadyAcknowledgedError
        return receipt
    if ErpReceipt.objects.filter(connection=locked, invoice_number=facts.invoice_number).exists():
        raise InvoiceNumberTakenError
    receipt = ErpReceipt.objects.create(
        basis=basis,
        connection=locked,
        invoice_number=facts.invoice_number,
        payable_cents=facts.payable_cents,
        currency=facts.currency,
        ocr=facts.ocr,
        received_at=now,
    )
    audit(
        ErpEvent.ACKNOWLEDGED,
        actor=actor,
        now=now,
        company=basis.company.ref,
        target=basis.ref,
        data={"invoice_number": receipt.invoice_number, "payable_cents": receipt.payable_cents},
    )
    return receipt


def _check_receipt(basis: InvoiceBasis, facts: ReceiptFacts) -> ReceiptFacts:
    if (facts.payable_cents, facts.currency) != (basis.payable_cents, basis.currency):
        raise WrongAmountError
    try:
        ocr = parse_ocr(facts.ocr) if facts.ocr else ""
    except WrongNumberError as error:
        raise WrongOcrError from error
    return ReceiptFacts(facts.invoice_number, facts.payable_cents, facts.currency, ocr)


def _facts_of(receipt: ErpReceipt) -> ReceiptFacts:
    return ReceiptFacts(
        receipt.invoice_number, receipt.payable_cents, receipt.currency, receipt.ocr
    )


def _lock(connection: ErpConnection) -> ErpConnection:
    locked = ErpConnection.objects.select_for_update(of=("self",), no_key=True).get(
        pk=connection.pk
    )
    if locked.disabled_at is not None:
        raise ConnectionDisabledError
    return locked


def _is_callable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_inside = host in settings.ERP_ALLOWED_HOSTS
    return bool(host) and (parts.scheme == "https" or (is_inside and parts.scheme == "http"))


def _enqueue(delivery: BasisDelivery) -> None:
    jobs.enqueue(
        "billing.deliver_basis",
        key=f"erp-delivery:{delivery.pk}:{delivery.round}",
        delivery_id=str(delivery.pk),
    )


def _call(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[Answer | None, str]:
    """Return the answer, or what kept it away."""
    inside = settings.ERP_ALLOWED_HOSTS
    try:
        answer = post(url, body, headers=headers, seconds=TIMEOUT_SECONDS, inside=inside)
    except (ForbiddenAddressError, UnreachableError) as error:
        return None, str(error) or type(error).__name__
    return answer, ""


def _is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300  # noqa: PLR2004 (RFC 9110 15.3)


def _audit_attempt(
    event: ErpEvent, delivery: BasisDelivery, row: BasisDelivery, status: int | None, now: datetime
) -> None:
    is_success = event is ErpEvent.EXPORTED
    audit(
        event,
        actor=_SYSTEM,
        now=now,
        target=delivery.basis.ref,
        data={
            "connection": delivery.connection.name,
            "round": row.round,
            "attempts": row.attempts,
            "status": status,
            "given_up": row.given_up_at is not None,
        },
        outcome=Event.Outcome.SUCCESS if is_success else Event.Outcome.FAILURE,
    )
