"""A last day as people write it, the moment when it is over, and when a day begins and ends."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailserver.model.errors import BadSyntax


def over(day: str, zone: ZoneInfo) -> int:
    """When the day `2027-06-30` is over in this zone (seconds since 1970); empty: 0. Raises BadSyntax."""
    if not day:
        return 0
    try:
        following = date.fromisoformat(day) + timedelta(days=1)
        return int(datetime.combine(following, time(), zone).timestamp())
    except (ValueError, OverflowError):
        raise BadSyntax(f"{day[:20]}: a day is written 2027-06-30") from None


def last(moment: int, zone: ZoneInfo) -> str:
    """The last day before a moment, as `over` reads it; of 0: empty."""
    return datetime.fromtimestamp(moment - 1, UTC).astimezone(zone).date().isoformat() if moment else ""


def bounds(moment: float, zone: ZoneInfo) -> tuple[int, int]:
    """When the day of a moment begins in this zone and when it ends: 23 to 25 hours later."""
    day = datetime.fromtimestamp(moment, zone).date()
    begins, ends = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    return int(begins.timestamp()), int(ends.timestamp())
