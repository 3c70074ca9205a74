"""The living page of components, in development only."""

import datetime as dt

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mailplatform.core import clock

from ..access import require_role


class _Example(forms.Form):
    name = forms.CharField(help_text="As it stands in the inbox.")
    email = forms.EmailField(label="E-mail address")
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False)
    role = forms.ChoiceField(choices=[("a", "Marketer"), ("b", "Viewer")])
    kind = forms.ChoiceField(choices=[("a", "Everybody"), ("b", "A segment")], widget=forms.RadioSelect)
    agree = forms.BooleanField(label="I agree")


def _chart() -> dict[str, object]:
    start = int(dt.datetime(2026, 1, 5, 8, tzinfo=dt.UTC).timestamp())
    hours = [start + 3600 * n for n in range(24)]
    values = {
        "Opens": [max(0, 400 - 17 * n) for n in range(24)],
        "Clicks": [max(0, 90 - 4 * n) for n in range(24)],
    }
    series = [
        {"label": label, "colour": colour, "values": values[label]}
        for label, colour in (("Opens", "blue"), ("Clicks", "green"))
    ]
    rows = [
        {
            "label": dt.datetime.fromtimestamp(at, dt.UTC).strftime("%H:%M"),
            "values": [values["Opens"][n], values["Clicks"][n]],
        }
        for n, at in enumerate(hours)
    ]
    return {
        "series": series,
        "rows": rows,
        "data": {"kind": "line", "x": hours, "zone": "UTC", "series": series},
    }


@require_role("viewer")
def style(request: HttpRequest) -> HttpResponse:
    """Show every component."""
    if not settings.DEBUG:
        raise Http404
    names = ("draft", "scheduled", "sending", "paused", "sent", "failed")
    context = {
        "form": _Example({"email": "not an address"}),
        "now": clock.now(),
        "chart": _chart(),
        "parts": [("Delivered", 900, "green"), ("Bounced", 60, "red"), ("Under way", 40, "grey")],
        "table": [
            {"name": f"Campaign {n}", "state": name, "audience": 48210 // (n + 1)}
            for n, name in enumerate(names)
        ],
        "tabs": [
            {"label": "Overview", "url": "#", "active": True},
            {"label": "People", "url": "#", "count": 12},
        ],
        "steps": [
            {"label": label, "url": "#", "done": n < 2, "current": n == 2}
            for n, label in enumerate(("To", "From", "Content", "Schedule", "Review"))
        ],
    }
    return render(request, "style.html", context)
