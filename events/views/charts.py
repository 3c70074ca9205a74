"""Figures in the shape that the chart component draws, with the same numbers for its table."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from events.selectors.growth import Week
from events.selectors.report import HOURLY_FOR, Point
from events.selectors.reputation import Counted

FEW = 2


def by_hour(points: Sequence[Point]) -> dict[str, Any]:
    """Opens and clicks of people and the hits of machines over time."""
    zone = timezone.get_current_timezone_name()
    start = points[0].at if points else None
    rows, days = [], dict[date, str]()
    for point in points:
        hourly = start is not None and point.at - start < HOURLY_FOR
        local = timezone.localtime(point.at)
        day = days.get(local.date()) or days.setdefault(local.date(), date_format(local, "D j M"))
        label = f"{day}, {local:%H:%M}" if hourly else day
        rows.append({"label": label, "values": [point.clicks, point.opens, point.machines]})
    series = [("Clicks", "green"), ("Opens", "blue"), ("Machines", "grey")]
    # A line through one or two hits is a lone dot.
    busy = sum(1 for row in rows if any(row["values"]))
    kind = "line" if busy > FEW else "bars"
    return _chart(series, rows, [int(point.at.timestamp()) for point in points], zone, kind)


def by_day(sent: Sequence[tuple[date, int]], joined: Sequence[tuple[date, int]]) -> dict[str, Any]:
    """Mails sent and people joined per day."""
    rows = [
        {"label": date_format(day, "D j M"), "values": [number, new]}
        for (day, number), (_, new) in zip(sent, joined, strict=True)
    ]
    x = [_midnight(day) for day, _ in sent]
    return _chart([("Mails sent", "blue"), ("People joined", "green")], rows, x, "UTC", "bars")


def by_day_bad(days: Sequence[tuple[date, Counted]]) -> dict[str, Any]:
    """Hard and soft bounces and complaints per day."""
    rows = [
        {"label": date_format(day, "D j M"), "values": [counted.hard, counted.soft, counted.complained]}
        for day, counted in days
    ]
    series = [("Hard bounces", "red"), ("Soft bounces", "amber"), ("Complaints", "blue")]
    return _chart(series, rows, [_midnight(day) for day, _ in days], "UTC", "bars")


def by_week(weeks: Sequence[Week]) -> dict[str, Any]:
    """People who joined, left and bounced in each week."""
    rows = [
        {
            "label": f"Week of {date_format(week.monday, 'j M')}",
            "values": [week.joined, week.left, week.bounced],
        }
        for week in weeks
    ]
    x = [_midnight(week.monday) for week in weeks]
    return _chart([("Joined", "green"), ("Left", "amber"), ("Bounced", "red")], rows, x, "UTC", "bars")


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def _chart(
    series: Sequence[tuple[str, str]], rows: list[dict[str, Any]], x: list[int], zone: str, kind: str
) -> dict[str, Any]:
    named = [{"label": label, "colour": colour} for label, colour in series]
    values = [[row["values"][n] for row in rows] for n in range(len(series))]
    data = [{**name, "values": column} for name, column in zip(named, values, strict=True)]
    picture = {"kind": kind, "x": x, "zone": zone, "series": data}
    return {"series": named, "rows": rows, "data": picture, "json": json.dumps(picture)}
