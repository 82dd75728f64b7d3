"""The document "Fakturaunderlag", to be read by people and kept for seven years.

PDF/A-2a and PDF/UA-1: everything that it needs is in it, and a screen reader finds its way.
"""

import os
import threading
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.template.loader import render_to_string
from django.utils import translation

from billing.queries import BasisPage
from billing.rendering.content import hash_content
from billing.rendering.fonts import cut_fonts

LAYOUT_VERSION: Final = 2  # part of a cached PDF's name: a new layout makes new files
# What PDF/UA-1 says of itself in the metadata, with the description that PDF/A asks for.
_ACCESSIBLE: Final = (
    b'<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">'
    b"<pdfuaid:part>1</pdfuaid:part></rdf:Description>"
    b'<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"'
    b' xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"'
    b' xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#"><pdfaExtension:schemas><rdf:Bag>'
    b'<rdf:li rdf:parseType="Resource">'
    b"<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>"
    b"<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>"
    b"<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>"
    b'<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">'
    b"<pdfaProperty:name>part</pdfaProperty:name>"
    b"<pdfaProperty:valueType>Integer</pdfaProperty:valueType>"
    b"<pdfaProperty:category>internal</pdfaProperty:category>"
    b"<pdfaProperty:description>Part of ISO 14289</pdfaProperty:description>"
    b"</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas>"
    b"</rdf:Description></rdf:RDF>"
)


class _Kit:
    """What every document shares, made once in each thread: the fonts and the style sheet."""

    def __init__(self) -> None:
        # Slow to load, and a web process renders few: https://doc.courtbouillon.org/weasyprint
        from weasyprint import CSS, HTML  # noqa: PLC0415
        from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415
        from weasyprint.urls import URLFetcher  # noqa: PLC0415

        # The font library writes the time into each font, unless it is told one: the same basis
        # gives the same bytes.
        os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
        self.files: Mapping[str, Any] = {
            "base_url": f"{(settings.BASE_DIR / 'static').as_uri()}/",
            "url_fetcher": URLFetcher(allowed_protocols=("file",)),
        }
        self.fonts: Any = FontConfiguration()
        style = render_to_string("billing/pdf/basis.css", {"fonts": cut_fonts()})
        self.sheet: Any = CSS(string=style, font_config=self.fonts, **self.files)
        self.html: Any = HTML


def get_pdf(page: BasisPage, language: str) -> bytes:
    """Return the document, rendered once for each content and language."""
    content = page.basis.content_sha256 or hash_content(page)
    name = f"billing/bases/{content}-{language}-{LAYOUT_VERSION}.pdf"
    if default_storage.exists(name):
        with default_storage.open(name) as file:
            return bytes(file.read())
    pdf = render_pdf(page, language)
    default_storage.save(name, ContentFile(pdf))
    return pdf


def render_pdf(page: BasisPage, language: str) -> bytes:
    """Render the document, from our own files alone; the same content gives the same bytes."""
    kit = _load_kit()
    content = page.basis.content_sha256 or hash_content(page)
    with translation.override(language):
        html = render_to_string(
            "billing/pdf/basis.html", {"page": page, "basis": page.basis, "language": language}
        )
    pdf: bytes = kit.html(string=html, **kit.files).write_pdf(
        stylesheets=[kit.sheet],
        font_config=kit.fonts,
        pdf_variant="pdf/a-2a",
        pdf_identifier=bytes.fromhex(content)[:16],
        finisher=_claim_accessibility,
    )
    return pdf


def _claim_accessibility(_document: Any, pdf: Any) -> None:
    """Say in the metadata that this is PDF/UA as well, and show its title."""
    metadata = pdf.objects[int(pdf.catalog["Metadata"].split()[0])]
    metadata.stream = [part.replace(b"</rdf:RDF>", _ACCESSIBLE) for part in metadata.stream]
    pdf.catalog["ViewerPreferences"] = "<< /DisplayDocTitle true >>"


_threads = threading.local()


def _load_kit() -> _Kit:
    if not hasattr(_threads, "kit"):
        _threads.kit = _Kit()
    kit: _Kit = _threads.kit
    return kit
