"""The text of a mandate: what the parties say yes to, made from its terms alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.template.loader import render_to_string
from django.utils.translation import get_language

from companies.operations import Consent, MandateTerms
from services.models import PACKAGE_TEXTS, Package, Service
from services.queries import CoveredService
from vop.lib.clock import local_date

TERMS_VERSION = "2026-11"


@dataclass(frozen=True, slots=True)
class _Line:
    service: Service
    packages: list[tuple[str, str]]


def render_terms(terms: MandateTerms, covered: Iterable[CoveredService]) -> str:
    """Return the text of a mandate in the reader's language; the same terms give the same text."""
    lines = [
        _Line(
            each.service,
            [(str(p.label), str(PACKAGE_TEXTS[p])) for p in each.mightiest],
        )
        for each in covered
    ]
    context = {
        "client": terms.client,
        "firm": terms.firm,
        "lead": terms.lead,
        "lines": lines,
        "first_day": local_date(terms.valid_from),
        "last_day": local_date(terms.valid_until - timedelta.resolution),
        "may_administer": any(Package.ADMIN in each.packages for each in covered),
    }
    return render_to_string("services/mandate_terms.txt", context).strip() + "\n"


def make_consent(terms: MandateTerms, covered: Iterable[CoveredService], *, method: str) -> Consent:
    """Return what a person who reads this page now would say yes to."""
    covered = list(covered)
    return Consent(
        text=render_terms(terms, covered),
        version=TERMS_VERSION,
        language=get_language() or "sv",
        method=method,
    )
