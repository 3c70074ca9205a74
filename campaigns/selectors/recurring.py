"""Reads of campaigns that repeat."""

import datetime as dt

from django.db.models import QuerySet

from ..models import Campaign, Frequency, Occurrence, Series
from ..recurrence import Rule, upcoming

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def series_of(campaign: Campaign) -> Series | None:
    """How a campaign repeats, also when it was stopped."""
    return Series.objects.filter(campaign=campaign).first()


def pattern_of(campaign: Campaign) -> Campaign | None:
    """The draft of which a campaign is a copy; None for all that do not repeat."""
    return Campaign.objects.filter(series__occurrences__campaign=campaign).first()


def rule_of(series: Series) -> Rule:
    """The days and the wall time of a series."""
    return Rule(series.frequency, series.at, series.zone, tuple(series.weekdays), series.month_day)


def words(series: Series) -> str:
    """When it repeats, in words."""
    at = f"at {series.at:%H:%M}, {series.zone.replace('_', ' ')}"
    if series.frequency == Frequency.WEEKLY:
        return f"every {', '.join(WEEKDAYS[day] for day in series.weekdays)} {at}"
    if series.frequency == Frequency.MONTHLY:
        return f"on day {series.month_day} of every month {at}"
    return f"every day {at}"


def next_times(series: Series, count: int = 5) -> list[dt.datetime]:
    """The next times at which it is due."""
    if series.next_at is None:
        return []
    return [series.next_at, *upcoming(rule_of(series), series.next_at, count - 1)]


def occurrences(series: Series) -> QuerySet[Occurrence]:
    """What came of it so far, newest first."""
    return series.occurrences.select_related("campaign").order_by("-due_at")
