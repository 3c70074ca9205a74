"""The words of hosted pages in their templates: `{% say "key" address=reader.address %}`."""

from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from subscribers import words

register = template.Library()


@register.simple_tag(takes_context=True)
def say(context: template.Context, key: str, **values: Any) -> SafeString:
    """Return the words in the page's language; what is put in is escaped and set in bold."""
    bold = {name: format_html("<strong>{}</strong>", value) for name, value in values.items()}
    text = conditional_escape(words.say(context["lang"], key, **_braces(values)))
    return SafeString(text.format(**bold))


@register.simple_tag(takes_context=True)
def plain(context: template.Context, key: str, **values: Any) -> SafeString:
    """Return the words with the values as they are, for titles and attributes; still escaped."""
    return conditional_escape(words.say(context["lang"], key, **values))


def _braces(values: dict[str, Any]) -> dict[str, str]:
    """Stand-ins that put each place back, so that words and values are escaped one after the other."""
    return {name: f"{{{name}}}" for name in values}
