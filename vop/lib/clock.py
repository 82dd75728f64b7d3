"""Time: stored in UTC, decided in Europe/Stockholm where people mean local dates."""

from calendar import monthrange
from datetime import date, datetime
from zoneinfo import ZoneInfo

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def local_date(now: datetime) -> date:
    """Return the Stockholm date of an aware instant."""
    return now.astimezone(STOCKHOLM).date()


def local_midnight(day: date) -> datetime:
    """Return the instant at which a Stockholm date begins."""
    return datetime(day.year, day.month, day.day, tzinfo=STOCKHOLM)


def add_months(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last day when it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
