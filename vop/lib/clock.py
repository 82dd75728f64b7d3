"""Time: stored in UTC, decided in Europe/Stockholm where people mean local dates."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def local_date(now: datetime) -> date:
    """Return the Stockholm date of an aware instant."""
    return now.astimezone(STOCKHOLM).date()


def local_midnight(day: date) -> datetime:
    """Return the instant at which a Stockholm date begins."""
    return datetime(day.year, day.month, day.day, tzinfo=STOCKHOLM)
