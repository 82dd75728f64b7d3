"""The companies that a person used last, for the header of every page."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import Any

from django.db.models import (
    BooleanField,
    DateTimeField,
    F,
    Func,
    QuerySet,
    Subquery,
    UUIDField,
)

from accounts.models import User
from companies.models import Assignment, Membership, format_org_number
from vop.lib.statements import Parameter, Query

_AT: Any = Parameter("at", DateTimeField())
_USER = Parameter("user", UUIDField())
_LAST_USED = (F("last_used_at").desc(nulls_last=True), "pk")


class _OneOf(Func):
    """IN, of rows that are found once; PostgreSQL may find those of an IN again for each row."""

    output_field = BooleanField()
    conditional = True
    template = "%(expressions)s"
    arg_joiner = " IN "

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Write an array, which PostgreSQL makes before it looks at any row."""
        return self.as_sql(
            compiler, connection, arg_joiner=" = ANY (ARRAY", template="%(expressions)s)", **context
        )


def _build_recent() -> QuerySet[Any, Any]:
    """Select the last used companies of a person, as a member and through firms.

    The inner selects sort what is the person's own by its key and let nothing else in, so that the
    conditions on mandates, roles and companies are asked for some rows, however many there are.
    An assignment's membership is the person's own, too: without that PostgreSQL may begin with
    everybody's, as long as it believes that there are none (tables that it hasn't looked at again).
    """
    own = Membership.objects.open(_AT).of_person(_USER).order_by(*_LAST_USED)
    through_firms = Assignment.objects.not_ended(_AT).of_person(_USER).order_by(*_LAST_USED)
    some_own = Membership.objects.in_force(_AT).filter(
        _OneOf("pk", Subquery(own.values("pk")[:20]))
    )
    some = Assignment.objects.in_force(_AT).filter(
        _OneOf("pk", Subquery(through_firms.values("pk")[:20])), membership__user=_USER
    )
    columns = ("pk", "name", "country", "org_number")
    return (
        some_own.filter(company__closed_at=None)
        .values_list(*(f"company__{name}" for name in columns), "last_used_at")
        .union(
            some.values_list(*(f"mandate__client__{name}" for name in columns), "last_used_at"),
            all=True,
        )
    )


_RECENT = Query(_build_recent)


@dataclass(frozen=True, slots=True)
class RecentCompany:
    """A company as the switcher shows it, and when the person last worked there."""

    pk: uuid.UUID
    name: str
    country: str
    org_number: str
    last_used_at: datetime | None

    @property
    def formatted_org_number(self) -> str:
        """The organisation number as people write it."""
        return format_org_number(self.country, self.org_number)

    def used(self) -> float:
        """When it was used last, to be sorted by; what never was comes first."""
        return self.last_used_at.timestamp() if self.last_used_at else 0.0


def list_recent_companies(user: User, *, at: datetime, limit: int = 5) -> Sequence[RecentCompany]:
    """List the companies that a person used last, for the switcher in the header. One query.

    Of a person's many companies only the last 20 of each kind are asked whether they still hold.
    """
    latest: dict[uuid.UUID, RecentCompany] = {}
    for row in starmap(RecentCompany, _RECENT.all(user=user.pk, at=at)):
        latest[row.pk] = max(row, latest.get(row.pk, row), key=RecentCompany.used)
    by_name = sorted(latest.values(), key=lambda each: (each.name, each.pk))
    return sorted(by_name, key=RecentCompany.used, reverse=True)[:limit]
