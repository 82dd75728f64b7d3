"""Many rows at once arrive as they were, whatever stands in them, on both databases."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from auditlog.models import Event
from companies.models import Company
from vop.lib.bulk import insert_rows, update_rows

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ODD = 'a "quoted" {text}, \\back\\,\ttab\nline; NULL, \\N and Å'


@dataclass(frozen=True)
class Told:
    """What events of this test have in common."""

    action: str
    outcome: str
    retention: str
    occurred_at: datetime
    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    data: dict[str, Any]
    request_id: str


def tell(target_id: str, data: dict[str, Any]) -> Told:
    return Told("company.changed", "success", "m", NOW, "system", "", "x", target_id, data, "")


@pytest.mark.django_db
def test_rows_that_share_what_they_say_arrive_with_it() -> None:
    one, other = tell(ODD, {"text": ODD}), tell("NULL", {})
    keys = [uuid4() for _ in range(4)]
    companies: list[UUID | None] = [uuid4(), None, uuid4(), None]
    said = [one, other, one, tell(ODD, {"text": ODD})]

    insert_rows(
        Event,
        ["uid", "schema_version", "company_id"],
        [
            (key, number, company, what)
            for number, (key, company, what) in enumerate(zip(keys, companies, said, strict=True))
        ],
        shared=list(Told.__dataclass_fields__),
    )

    events = list(Event.objects.order_by("schema_version"))
    assert [event.uid for event in events] == keys
    assert [event.company_id for event in events] == companies
    assert [event.target_id for event in events] == [ODD, "NULL", ODD, ODD]
    assert [event.data for event in events] == [{"text": ODD}, {}, {"text": ODD}, {"text": ODD}]
    assert {event.occurred_at for event in events} == {NOW}


@pytest.mark.django_db
def test_no_rows_are_no_statement() -> None:
    insert_rows(Event, ["uid"], [], shared=["action", "data"])
    insert_rows(Event, ["uid"], [])

    assert update_rows(Event, ["id", "action"], []) == 0
    assert not Event.objects.exists()


def test_updated_columns_hold_what_was_given(acme: Company, other: Company) -> None:
    rows = [
        (acme.pk, ODD, {"list": [ODD, 1]}, NOW, 30),
        (other.pk, "", {}, None, None),
        (uuid4(), "nobody's", {}, None, None),
    ]

    columns = ["id", "street", "email_domains", "closed_at", "session_minutes"]
    changed = update_rows(Company, columns, rows)

    acme.refresh_from_db()
    other.refresh_from_db()
    assert changed in {2, 3}  # SQLite counts what it was asked for
    assert (acme.street, acme.closed_at, acme.session_minutes) == (ODD, NOW, 30)
    assert acme.email_domains == {"list": [ODD, 1]}
    assert (other.street, other.closed_at, other.session_minutes) == ("", None, None)
