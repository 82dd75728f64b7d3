"""Publishing terms of sale."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.operations import audit
from billing.events import CatalogueEvent
from billing.models import Terms
from billing.operations.catalogue import BadDateError
from vop.lib.clock import local_date
from vop.lib.db import use_case
from vop.lib.errors import DomainError


class VersionTakenError(DomainError):
    message = _("There is a version with this name, or from this day, already.")


@dataclass(frozen=True, slots=True)
class TermsFacts:
    """A version of the terms, in both languages."""

    version: str
    text_sv: str
    text_en: str
    valid_from: date


@use_case
def publish_terms(*, facts: TermsFacts, actor: Actor, now: datetime) -> Terms:
    """Publish terms that buyers accept from a day on: today or later, unless they are the first.

    Raises: VersionTakenError, BadDateError.
    """
    others = Terms.objects.select_for_update()
    if others.filter(version=facts.version).exists():
        raise VersionTakenError
    if others.filter(valid_from=facts.valid_from).exists():
        raise VersionTakenError
    if facts.valid_from < local_date(now) and others.exists():
        raise BadDateError
    told = json.dumps([facts.version, facts.text_sv, facts.text_en], ensure_ascii=False)
    sha256 = hashlib.sha256(told.encode()).hexdigest()
    terms = Terms.objects.create(**asdict(facts), sha256=sha256, published_at=now)
    audit(
        CatalogueEvent.TERMS_PUBLISHED,
        actor=actor,
        now=now,
        target=terms.ref,
        data={"version": terms.version, "valid_from": terms.valid_from, "sha256": sha256},
    )
    return terms
