import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from billing.models import InvoiceBasis, Plan
from billing.operations import approve_basis
from billing.queries import get_basis_page
from billing.rendering import get_pdf, hash_content
from billing.templatetags import billing as billing_tags
from companies.models import Membership
from tests.factories.billing import buy
from tests.factories.companies import SYSTEM


@pytest.fixture
def basis(alice_in_acme: Membership, plan: Plan, now: datetime) -> InvoiceBasis:
    buy(alice_in_acme, plan, quantity=3, now=now)
    return approve_basis(basis=InvoiceBasis.objects.get(), actor=SYSTEM, now=now)


def read_text(pdf: bytes, folder: Path) -> str:
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    file = folder / "basis.pdf"
    file.write_bytes(pdf)
    done = subprocess.run([program, "-layout", str(file), "-"], capture_output=True, check=True)
    return done.stdout.decode().replace("\N{NO-BREAK SPACE}", " ")


def test_pdf_says_what_it_is_and_adds_up(basis: InvoiceBasis, tmp_path: Path) -> None:
    text = read_text(get_pdf(get_basis_page(basis), "en"), tmp_path)

    assert "This is not an invoice" in text
    assert basis.label in text
    assert "Bokföring, Bas" in text
    for amount in ("447.00", "111.75", "0.25", "559.00"):
        assert amount in text
    assert basis.content_sha256 in text


@pytest.mark.parametrize("written", ["5599000014", "559900-0014"])
def test_number_of_the_seller_reads_as_its_country_writes_it(written: str) -> None:
    seller = {"country": "SE", "org_number": written}

    assert billing_tags.org_number(seller) == "559900-0014"


def test_pdf_is_rendered_once_per_content_and_language(basis: InvoiceBasis) -> None:
    page = get_basis_page(basis)

    first = get_pdf(page, "sv")
    again = get_pdf(page, "sv")

    assert first == again
    assert first.startswith(b"%PDF")
    _folders, files = default_storage.listdir("billing/bases")
    assert [name for name in files if basis.content_sha256 in name] == [
        f"{basis.content_sha256}-sv-1.pdf"
    ]


def test_hash_is_of_the_content(basis: InvoiceBasis) -> None:
    assert hash_content(get_basis_page(basis)) == basis.content_sha256
    basis.payable_cents += 1

    assert hash_content(get_basis_page(basis)) != basis.content_sha256
