"""Bases as a SIE 4I file: a voucher for each, for accounts that take vouchers (sie.se, 4B).

A voucher has neither series nor number: the receiving program numbers it. Text is code page 437.
"""

import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import IO, Final, NamedTuple

from django.utils.translation import gettext_lazy as _

from billing.models import Account, AccountPurpose, InvoiceBasis, Seller, VatKey
from billing.queries import Accounts, BasisPage
from billing.rendering.vat import classify_vat, write_number
from vop.lib.errors import DomainError
from vop.lib.money import from_cents, to_cents

CURRENCY: Final = "SEK"
_CODING: Final = "cp437"
_LONGEST_TEXT: Final = 100


class ForeignCurrencyError(DomainError):
    """A basis that can't be told in the currency of the books."""

    def __init__(self, basis: InvoiceBasis) -> None:
        text = _("%(basis)s is in %(currency)s and has no rate to SEK, which a SIE file is in.")
        super().__init__(text % {"basis": basis.label, "currency": basis.currency})


class NoAccountError(DomainError):
    """Nowhere to book a part of a basis."""

    def __init__(self, basis: InvoiceBasis, purpose: AccountPurpose, vat: str) -> None:
        text = _("There is no account for %(what)s on %(basis)s. Add it under Ledger accounts.")
        what = f"{purpose.label} {vat}".strip()
        super().__init__(text % {"what": what, "basis": basis.label})


def write_sie(
    file: IO[bytes],
    pages: Iterable[BasisPage],
    *,
    seller: Seller,
    accounts: Accounts,
    made_on: date,
) -> None:
    """Write approved bases as vouchers, each of which sums to zero.

    Raises: ForeignCurrencyError, NoAccountError.
    """
    for line in (
        "#FLAGGA 0",
        '#PROGRAM "vop" 1',
        "#FORMAT PC8",
        f"#GEN {made_on:%Y%m%d}",
        "#SIETYP 4",
        f"#ORGNR {_quote(_write_org_number(seller.org_number))}",
        f"#FNAMN {_quote(seller.name)}",
        "#KPTYP EUBAS97",
        *(f"#KONTO {one.number} {_quote(one.name)}" for one in accounts.list_all()),
    ):
        _write(file, line)
    for page in pages:
        _write_voucher(file, page, accounts)


def book(page: BasisPage, accounts: Accounts) -> Mapping[Account, int]:
    """Return what a basis books on each account, in öre; debit is above zero.

    What is owed is the sum of the rest, so that a voucher in another currency, converted part by
    part at the rate of its VAT, balances as well.

    Raises: ForeignCurrencyError, NoAccountError.
    """
    basis = page.basis
    parts = [part._replace(cents=_to_sek(part.cents, basis)) for part in _list_parts(page)]
    owed = -sum(part.cents for part in parts)
    parts.append(_Part(AccountPurpose.RECEIVABLE, VatKey.NONE, None, owed))
    sums: dict[Account, int] = {}
    for part in parts:
        account = accounts.find(part.purpose, part.vat, part.service)
        if account is None:
            raise NoAccountError(basis, part.purpose, str(part.vat.label))
        sums[account] = sums.get(account, 0) + part.cents
    return {account: cents for account, cents in sums.items() if cents}


class _Part(NamedTuple):
    """What is to be booked, in the basis's own cents."""

    purpose: AccountPurpose
    vat: VatKey
    service: uuid.UUID | None
    cents: int


def _list_parts(page: BasisPage) -> Iterator[_Part]:
    """List all but what is owed."""
    basis = page.basis
    for line in page.lines:
        vat = _key_of(line.vat_category, line.vat_rate, basis, AccountPurpose.REVENUE)
        yield _Part(AccountPurpose.REVENUE, vat, line.plan.service_id, -line.net_cents)
    for total in page.vat_totals:
        if total.vat_cents:
            vat = _key_of(total.category, total.rate, basis, AccountPurpose.VAT)
            yield _Part(AccountPurpose.VAT, vat, None, -total.vat_cents)
    if basis.rounding_cents:
        yield _Part(AccountPurpose.ROUNDING, VatKey.NONE, None, -basis.rounding_cents)


def _to_sek(cents: int, basis: InvoiceBasis) -> int:
    if basis.currency == CURRENCY:
        return cents
    if basis.fx_rate is None:
        raise ForeignCurrencyError(basis)
    return to_cents(from_cents(cents) * basis.fx_rate)


def _key_of(category: str, rate: Decimal, basis: InvoiceBasis, purpose: AccountPurpose) -> VatKey:
    try:
        return classify_vat(category, rate, basis).key_at(rate)
    except ValueError as error:
        raise NoAccountError(basis, purpose, f"{write_number(rate)} %") from error


def _write_voucher(file: IO[bytes], page: BasisPage, accounts: Accounts) -> None:
    basis = page.basis
    text = f"{basis.label} {basis.customer_snapshot['name']}"
    _write(file, f'#VER "" "" {basis.billing_date:%Y%m%d} {_quote(text)}')
    _write(file, "{")
    for account, cents in sorted(book(page, accounts).items()):
        _write(file, f"   #TRANS {account.number} {{}} {from_cents(cents)}")
    _write(file, "}")


def _write(file: IO[bytes], line: str) -> None:
    file.write(_fit(line).encode(_CODING) + b"\r\n")


def _quote(text: str) -> str:
    """Write a text as a field: one line, its quotes escaped."""
    plain = "".join(char for char in text if char.isprintable())[:_LONGEST_TEXT]
    return '"' + plain.replace("\\", "/").replace('"', '\\"') + '"'


def _fit(text: str) -> str:
    """Replace what code page 437 doesn't have by its plain letter, or a question mark."""
    return "".join(char if _is_coded(char) else _simplify(char) for char in text)


def _is_coded(char: str) -> bool:
    try:
        char.encode(_CODING)
    except UnicodeEncodeError:
        return False
    return True


def _simplify(char: str) -> str:
    letters = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return letters or ("-" if unicodedata.category(char) == "Pd" else "?")


def _write_org_number(number: str) -> str:
    return f"{number[:-4]}-{number[-4:]}" if number.isdigit() else number
