"""What bases for abroad wait for: answers about VAT numbers, and exchange rates."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.operations import audit
from billing.events import BasisEvent, CatalogueEvent
from billing.models import BillingRun, ExchangeRate, InvoiceBasis, VatNumberCheck
from billing.operations.gathering import load_seller, sum_up_again, take_snapshots
from billing.operations.issuing import issue_alone
from billing.operations.state import lock_companies
from billing.protocol import VatAnswer
from billing.queries import list_held, list_numbers_to_check
from vop.lib.db import use_case
from vop.lib.errors import DomainError

ASK_AGAIN_AFTER: Final = timedelta(minutes=50)
ISSUED: Final = frozenset(
    {BillingRun.State.ISSUED, BillingRun.State.EXPORTED, BillingRun.State.ACKNOWLEDGED}
)


class RateExistsError(DomainError):
    message = _("There is a rate of that day already. A rate never changes.")


class NotPositiveError(DomainError):
    message = _("The rate must be above zero.")


@use_case
def set_exchange_rate(
    *, currency: str, on: date, rate: Decimal, source: str, actor: Actor, now: datetime
) -> ExchangeRate:
    """Set what a unit of a currency is in SEK on a day.

    Raises: RateExistsError, NotPositiveError.
    """
    if rate <= 0:
        raise NotPositiveError
    saved, created = ExchangeRate.objects.get_or_create(
        currency=currency, on=on, defaults={"rate": rate, "source": source}
    )
    if not created:
        raise RateExistsError
    audit(
        CatalogueEvent.EXCHANGE_RATE_SET,
        actor=actor,
        now=now,
        target=saved.ref,
        data={"currency": currency, "on": on, "rate": rate, "source": source},
    )
    return saved


def check_vat_numbers(*, actor: Actor, now: datetime) -> int:
    """Ask the register about numbers that bases wait for; return how many it answered.

    The look-up (`VAT_LOOKUP`) is called outside of transactions. When it is down, the bases go on
    waiting and the next hour asks again.
    """
    look_up = import_string(settings.VAT_LOOKUP)
    answered = 0
    for vat_number in list_numbers_to_check(asked_before=now - ASK_AGAIN_AFTER):
        answer = look_up(vat_number)
        record_vat_answer(vat_number=vat_number, answer=answer, actor=actor, now=now)
        answered += answer.is_valid is not None
    return answered


@use_case
def record_vat_answer(
    *, vat_number: str, answer: VatAnswer, actor: Actor, now: datetime
) -> VatNumberCheck:
    """Keep what the register said of a number; that it couldn't say changes no earlier answer."""
    check, created = VatNumberCheck.objects.get_or_create(
        vat_number=vat_number, defaults={"asked_at": now}
    )
    before = None if created else check.is_valid
    check.asked_at = now
    if answer.is_valid is not None:
        check.is_valid, check.answered_at, check.receipt = answer.is_valid, now, answer.receipt
    check.save()
    if check.is_valid != before:
        audit(
            BasisEvent.VAT_NUMBER_CHECKED,
            actor=actor,
            now=now,
            target=check.ref,
            data={"is_valid": check.is_valid, "receipt": check.receipt},
        )
    return check


def release_held_bases(*, actor: Actor, now: datetime) -> int:
    """Look again at the bases that wait; return how many need no longer."""
    return sum(release_basis(basis=basis, actor=actor, now=now) for basis in list_held())


@use_case
def release_basis(*, basis: InvoiceBasis, actor: Actor, now: datetime) -> bool:
    """Work a waiting draft out anew; one of a run that is issued already follows it.

    Raises: NoSellerError.
    """
    company = lock_companies(basis.company_id)[basis.company_id]
    locked = InvoiceBasis.objects.select_for_update(of=("self",), no_key=True).get(pk=basis.pk)
    if not locked.is_draft or not locked.held_for:
        return False
    take_snapshots(locked, company, load_seller())
    locked.save(update_fields=["seller_snapshot", "customer_snapshot"])
    sum_up_again(locked)
    if locked.held_for:
        return False
    if locked.run is not None and locked.run.state in ISSUED:
        issue_alone(locked, now=now)
        audit(
            BasisEvent.APPROVED,
            actor=actor,
            now=now,
            company=company.ref,
            target=locked.ref,
            data={"payable_cents": locked.payable_cents, "sha256": locked.content_sha256},
        )
    return True
