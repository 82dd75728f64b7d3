"""A firm's list of clients as lines of a file; its first column is what the bulk pages read."""

from datetime import date
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.queries import ClientRow

_COLUMNS: Final[tuple[str | Promise, ...]] = (
    _("Org number"),
    _("Client"),
    _("Status"),
    _("Last day"),
    _("May"),
    _("Engagement lead"),
    _("Assigned"),
    _("Without a second factor"),
    _("Seats in use"),
    _("Seats"),
    _("Latest invoice basis"),
    _("Date"),
)


def list_client_columns() -> list[str]:
    """Return the headings in the reader's language."""
    return [str(column) for column in _COLUMNS]


def list_client_cells(row: ClientRow) -> list[str]:
    """Return one client's line; what the person may not know is left empty."""
    mandate, seats, basis = row.mandate, row.seats, row.basis
    return [
        mandate.client.formatted_org_number,
        mandate.client.name,
        row.state_label,
        mandate.last_day.isoformat(),
        "; ".join(f"{each.service.name}: {', '.join(each.labels)}" for each in row.covered),
        mandate.lead.user.display_name if mandate.lead else "",
        ", ".join(user.display_name for user in row.people),
        str(row.without_second_factor),
        _number(seats.taken if seats else None),
        _number(seats.limit if seats else None),
        basis.label if basis else "",
        _day(basis.billing_date if basis else None),
    ]


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _day(value: date | None) -> str:
    return "" if value is None else value.isoformat()
