"""The events in the log behind the lines of a basis."""

import uuid
from collections.abc import Mapping

from django.db.models import Q

from auditlog.models import Event
from billing.events import BasisEvent, SubscriptionEvent
from billing.models import BasisLine, SubscriptionChange
from billing.queries.bases import BasisPage


def map_events(page: BasisPage, company_id: uuid.UUID) -> Mapping[uuid.UUID, int]:
    """Return which event made each line, of those that a company may read.

    Looked up by what the events are about, which the log has an index for.
    """
    lines = page.lines
    changed = {str(line.subscription_id) for line in lines if line.change_id is not None}
    renewed = {str(line.subscription.company_id) for line in lines if line.change_id is None}
    credited = str(page.basis.credits_id or "")
    events = Event.objects.for_company(company_id).filter(
        Q(target_kind="subscription", target_id__in=changed)
        | Q(
            target_kind="company",
            target_id__in=renewed,
            action=SubscriptionEvent.RENEWED,
            data__basis=str(page.basis.pk),
        )
        | Q(target_kind="basis", target_id=credited, action=BasisEvent.CREDITED)
    )
    found = list(events.only("action", "target_id", "data").order_by("pk"))
    keys = {key: event.pk for event in found for key in _keys_of(event)}
    return {line.pk: keys[key] for line in lines if (key := _key_of(line)) in keys}


def _keys_of(event: Event) -> list[tuple[str, str]]:
    if event.action == SubscriptionEvent.CREATED:
        return [("bought", event.target_id)]
    if event.action == SubscriptionEvent.RENEWED:
        return [("renewed", subscription_id) for subscription_id in event.data["through"]]
    if event.action == BasisEvent.CREDITED:
        return [("credited", event.data["credit"])]
    return [("changed", event.data["change"])] if "change" in event.data else []


def _key_of(line: BasisLine) -> tuple[str, str]:
    change = line.change
    if change is None:
        return "renewed", str(line.subscription_id)
    if change.kind == SubscriptionChange.Kind.SUBSCRIBE:
        return "bought", str(line.subscription_id)
    if change.kind == SubscriptionChange.Kind.CREDIT:
        return "credited", str(line.basis_id)
    return "changed", str(change.pk)
