"""The document "Fakturaunderlag"."""

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.template.loader import render_to_string
from django.utils import translation

from billing.queries import BasisPage
from billing.rendering.content import hash_content

LAYOUT_VERSION = 1  # part of a cached PDF's name: a new layout makes new files


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
    """Render the document "Fakturaunderlag" as accessible PDF, from our own files alone."""
    # Slow to load, and a web process renders few: https://doc.courtbouillon.org/weasyprint
    from weasyprint import CSS, HTML  # noqa: PLC0415
    from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415
    from weasyprint.urls import URLFetcher  # noqa: PLC0415

    with translation.override(language):
        html = render_to_string(
            "billing/pdf/basis.html", {"page": page, "basis": page.basis, "language": language}
        )
    files = {
        "base_url": f"{(settings.BASE_DIR / 'static').as_uri()}/",
        "url_fetcher": URLFetcher(allowed_protocols=("file",)),
    }
    fonts = FontConfiguration()
    sheet = CSS(string=render_to_string("billing/pdf/basis.css"), font_config=fonts, **files)
    pdf: bytes = HTML(string=html, **files).write_pdf(
        stylesheets=[sheet], font_config=fonts, pdf_variant="pdf/ua-1"
    )
    return pdf
