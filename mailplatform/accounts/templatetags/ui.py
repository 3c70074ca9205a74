"""The components of the pages as template tags. What each looks like is in templates/pages/components."""

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms, template
from django.forms.boundfield import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()
NO_FIGURE = "–"  # noqa: RUF001 - an en dash

# The colour of a state. Each state is also written out, so colour is never the only sign.
STATUS_COLOURS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "active",
            "accepted",
            "confirmed",
            "delivered",
            "granted",
            "published",
            "sent",
            "verified",
            "done",
            "ok",
        ),
        "green",
    ),
    **dict.fromkeys(
        (
            "bounced",
            "cancelled",
            "complained",
            "failed",
            "erased",
            "objected",
            "refused",
            "suppressed",
            "withdrawn",
            "error",
        ),
        "red",
    ),
    **dict.fromkeys(
        ("paused", "safety_stopped", "pending", "requested", "unresolved", "warning", "undone"), "amber"
    ),
    **dict.fromkeys(("scheduled", "preparing", "sending", "running", "in_flight"), "blue"),
}


def sprite() -> str:
    """Return the address of the icon sprite."""
    return static("dist/icons.svg")


@register.simple_tag(name="sprite")
def sprite_tag() -> str:
    """Write the address of the icon sprite."""
    return sprite()


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """Draw a Tabler icon: decoration unless `label` names it."""
    kind = " icon-filled" if name.endswith("-filled") else ""
    hidden = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="icon{} {}" {}><use href="{}#{}"></use></svg>', kind, css, hidden, sprite(), name
    )


@register.simple_tag
def status(value: Any, label: Any = "") -> SafeString:
    """Write a state as a badge; `label` is the word to show (default: the value itself)."""
    text = str(label) or str(value).replace("_", " ").capitalize()
    return format_html('<span class="mp-status {}">{}</span>', STATUS_COLOURS.get(str(value), ""), text)


@register.filter
def percent(part: float | None, whole: float | None) -> str:
    """Return `part` of `whole` as a percentage, or a dash where there is nothing to divide by."""
    if not whole or part is None:
        return NO_FIGURE
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "< 0.1 %"
    return f"{number_format(share, decimal_pos=0 if share in {0, 100} else 1)} %"


@register.filter
def rate(part: float | None, whole: float | None) -> str:
    """Return `part` of `whole` as a percentage of two places, for what is bad from a tenth of a per cent on."""
    if not whole or part is None:
        return NO_FIGURE
    return f"{number_format(round(100 * part / whole, 2), decimal_pos=2 if part else 0)} %"


@register.filter
def number(value: float | None) -> str:
    """Return a number with the separators of the language, or a dash for None."""
    return NO_FIGURE if value is None else number_format(value, force_grouping=True)


@register.filter
def moment(value: dt.datetime | None) -> SafeString | str:
    """Write a point in time in the current zone, with the zone's name."""
    if value is None:
        return NO_FIGURE
    local = timezone.localtime(value)
    text = f"{date_format(local, 'j M Y, H:i')} {local.tzname()}"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), text)


@register.filter
def day(value: dt.datetime | dt.date | None) -> SafeString | str:
    """Write the day of a point in time in the current zone; the tooltip has the time."""
    if value is None:
        return NO_FIGURE
    if not isinstance(value, dt.datetime):
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), date_format(value, "j M Y"))
    local = timezone.localtime(value)
    title = f"{date_format(local, 'j M Y, H:i')} {local.tzname()}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', value.isoformat(), title, date_format(local, "j M Y")
    )


@register.filter
def deed(action: str) -> str:
    """Write a name of the audit log in words: `import.refused_rows_downloaded` as "Import refused rows downloaded"."""
    return action.replace(".", " ").replace("_", " ").capitalize()


@register.filter
def thing(label: str) -> str:
    """Write a model's label in words: `subscribers.ImportJob` as "Import job"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label.rpartition(".")[2]).capitalize()


@register.filter
def told(value: Any, action: str = "") -> str:
    """Write a detail of the audit log: of what was changed a pair is before and after, other lists are lists."""
    if action.endswith("changed") and isinstance(value, list | tuple) and len(value) == 2:
        return f"{_plainly(value[0])} → {_plainly(value[1])}"
    return _plainly(value)


def _plainly(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_plainly(each) for each in value) or "nothing"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plainly(each)}" for name, each in value.items())
    return "nothing" if value in ("", None) else str(value)


_CONTROL_CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, "form-check-input"),
    (forms.RadioSelect, "form-check-input"),
    (forms.CheckboxSelectMultiple, "form-check-input"),
    (forms.Select, "form-select"),
    (forms.Widget, "form-control"),
)


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, label: str = "", hint: str = "") -> dict[str, Any]:
    """Draw a form field: label, control, hint and errors, tied together for screen readers."""
    widget = bound.field.widget
    css = next(name for kind, name in _CONTROL_CLASSES if isinstance(widget, kind))
    classes = f"{widget.attrs.get('class', '')} {css}".strip()
    if hint:
        bound.help_text = hint
    # A placeholder that repeats the label is noise, and gone as soon as one types.
    if widget.attrs.get("placeholder", "").casefold() == str(bound.label).casefold():
        widget.attrs.pop("placeholder", None)
    grouped = isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple)
    if grouped:
        widget.attrs["class"] = classes
    return {
        "bound": bound,
        "label": label or bound.label,
        "control": None if grouped else bound.as_widget(attrs={"class": classes}),
        "grouped": grouped,
        "check": isinstance(widget, forms.CheckboxInput),
        "hidden": widget.is_hidden,
    }


@register.simple_tag
def segments(parts: Iterable[tuple[str, float, str]], label: str) -> SafeString:
    """Draw a bar of `(name, amount, colour)` parts; `label` says in words what it shows."""
    shown = [(name, amount, colour) for name, amount, colour in parts if amount > 0]
    total = math.fsum(amount for _, amount, _ in shown) or 1.0
    start = 0.0
    rows = []
    for name, amount, colour in shown:
        width = 100 * amount / total
        rows.append((f"{start:.3f}%", f"{width:.3f}%", colour, f"{name}: {number(amount)}"))
        start += width
    drawn = format_html_join(
        "", '<rect x="{}" width="{}" height="12" class="mp-fill-{}"><title>{}</title></rect>', rows
    )
    return format_html(
        '<svg class="mp-bar" role="img" aria-label="{}">'
        '<rect width="100%" height="12" class="mp-fill-track"/>{}</svg>',
        label,
        drawn,
    )
