"""Calendar months, as deadlines and retention count them. Pure."""

import calendar
import datetime as dt


def later(day: dt.date, months: int) -> dt.date:
    """Return the same day so many months later, or that month's last (Regulation 1182/71, Art. 3(2)(c)).

    `months` may be negative.
    """
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
