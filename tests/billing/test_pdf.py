import io
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage
from pypdf import PdfReader

from billing.models import InvoiceBasis, Plan
from billing.operations import approve_basis
from billing.queries import get_basis_page
from billing.rendering import get_pdf, hash_content, render_pdf
from billing.rendering.pdf import LAYOUT_VERSION
from billing.templatetags import billing as billing_tags
from companies.models import Membership
from tests.billing.documents import CUSTOMER, Sold, make_page
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
        f"{basis.content_sha256}-sv-{LAYOUT_VERSION}.pdf"
    ]


def test_hash_is_of_the_content(basis: InvoiceBasis) -> None:
    assert hash_content(get_basis_page(basis)) == basis.content_sha256
    basis.payable_cents += 1

    assert hash_content(get_basis_page(basis)) != basis.content_sha256


@pytest.fixture(scope="module")
def long_pdf() -> bytes:
    """A basis of several pages, with letters that our own fonts don't have."""
    sold = [Sold(quantity=number, text=f"Tjänst {number}, Łódź, Привет") for number in range(1, 60)]
    return render_pdf(make_page(*sold), "sv")


def test_pdf_is_archivable_and_accessible_by_its_own_word(long_pdf: bytes) -> None:
    """What PDF/A-2a (ISO 19005-2) and PDF/UA-1 (ISO 14289-1) ask for and can be seen from outside.

    veraPDF finds both kept; it is a Java program, so that it isn't asked here.
    """
    reader = PdfReader(io.BytesIO(long_pdf))
    catalog = read_catalog(long_pdf)
    metadata = catalog["/Metadata"].get_data().decode()

    assert len(reader.pages) > 1
    assert catalog["/MarkInfo"]["/Marked"]
    assert catalog["/Lang"] == "sv"
    assert catalog["/ViewerPreferences"]["/DisplayDocTitle"]
    assert catalog["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert 'pdfaid:part="2"' in metadata
    assert 'pdfaid:conformance="A"' in metadata
    assert reader.metadata is not None
    assert reader.metadata.title == "Fakturaunderlag U2026-17"
    assert "/Encrypt" not in reader.trailer


def test_pdf_is_tagged_as_tables_with_headings(long_pdf: bytes) -> None:
    tags = Counter(list_tags(read_catalog(long_pdf)["/StructTreeRoot"]))

    assert tags["/H1"] == 1
    assert tags["/Table"] >= 3  # one that goes over pages counts on each
    assert tags["/TR"] >= 59
    assert tags["/TH"] >= 6


def test_every_font_is_in_the_pdf(long_pdf: bytes) -> None:
    fonts: dict[str, Any] = {}
    for sheet in PdfReader(io.BytesIO(long_pdf)).pages:
        resources: Any = sheet["/Resources"]
        fonts |= resources["/Font"]
    descriptors = [
        font["/DescendantFonts"][0]["/FontDescriptor"].get_object() for font in fonts.values()
    ]

    assert len(descriptors) >= 4
    assert all("/FontFile2" in one or "/FontFile3" in one for one in descriptors)


def test_same_content_gives_the_same_bytes(long_pdf: bytes) -> None:
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC)):
        page = make_page(Sold(), customer=CUSTOMER)
        later = render_pdf(page, "sv")

    assert later == render_pdf(page, "sv")


def read_catalog(pdf: bytes) -> Any:
    return PdfReader(io.BytesIO(pdf)).trailer["/Root"]


def list_tags(node: Any) -> Iterator[str]:
    node = node.get_object()
    if "/S" in node:
        yield node["/S"]
    children = node.get("/K", [])
    for child in children if isinstance(children, list) else [children]:
        if not isinstance(child, int) and isinstance(child.get_object(), dict):
            yield from list_tags(child)
