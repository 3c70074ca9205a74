"""How a brand dresses what we bring: the starters' colours, font, head and foot; and the hosted pages' style sheet."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final

from . import colours

# Fonts that mail programs have without loading anything from anywhere.
FONTS: Final[Mapping[str, tuple[str, str]]] = {
    "arial": ("Arial", "Arial, Helvetica, sans-serif"),
    "verdana": ("Verdana", "Verdana, Geneva, sans-serif"),
    "tahoma": ("Tahoma", "Tahoma, Verdana, sans-serif"),
    "trebuchet": ("Trebuchet MS", "'Trebuchet MS', Tahoma, sans-serif"),
    "georgia": ("Georgia", "Georgia, 'Times New Roman', serif"),
    "times": ("Times New Roman", "'Times New Roman', Times, serif"),
    "palatino": ("Palatino", "'Palatino Linotype', Palatino, Georgia, serif"),
    "courier": ("Courier New", "'Courier New', Courier, monospace"),
}
# What the starters are painted with.
_ACCENTS: Final = "2b5fd9|3737b0|a33b20|1f5f8b|14532d|0b5a5a|7a2f5f|5a4a00|23263b|1f2a5c"
_PAGES: Final = "f2f4f8|fbf3ef|faf6e6|f7f1f5|eef6f6|eef5f0"
_WORDS: Final = re.compile(rf'((?<![-\w])color\s*[:=]\s*"?\s*)#(?:{_ACCENTS})\b', re.IGNORECASE)
_ON_ACCENT: Final = re.compile(r'((?<![-\w])color\s*[:=]\s*"?\s*)#(?:ffffff|cdd8ff)\b', re.IGNORECASE)
_ACCENT: Final = re.compile(rf"#(?:{_ACCENTS})\b", re.IGNORECASE)
_PAGE: Final = re.compile(rf"#(?:{_PAGES})\b", re.IGNORECASE)
_HEADING: Final = re.compile(r"#171b26\b", re.IGNORECASE)
_TEXT: Final = re.compile(r"#2b3242\b", re.IGNORECASE)
_FONT: Final = re.compile(r"(font-family(?:=\"|:\s*))[^\";]+")
# A head that shows nothing but the company's name.
_NAME_HEAD: Final = re.compile(
    r"<mj-section[^>]*>\s*<mj-column>\s*<mj-text[^>]*>\{\{company\}\}</mj-text>\s*</mj-column>\s*</mj-section>"
)
_MJ_BODY: Final = re.compile(r"(<mj-body[^>]*>\n?)")
_BODY: Final = re.compile(r"(<body[^>]*>)")
_FIRST_ROW: Final = re.compile(r'(\s*)<tr><td class="pad')
_IMPRINT: Final = "{{company}}, {{postal_address}}"


@dataclass(frozen=True, slots=True)
class Look:
    """A brand, ready to be used. Empty is: as we bring it. `logo` is a full web address, `social` (name, address)."""

    main: str = ""
    page: str = ""
    heading: str = ""
    text: str = ""
    font: str = ""
    logo: str = ""
    logo_width: int = 160
    logo_alt: str = ""
    social: tuple[tuple[str, str], ...] = field(default_factory=tuple)

    @property
    def fonts(self) -> str:
        """The font with those that stand in for it."""
        return FONTS[self.font][1] if self.font in FONTS else ""

    @property
    def link(self) -> str:
        """The main colour as it can be read on white."""
        return colours.readable(self.main, colours.WHITE) if self.main else ""

    @property
    def on_main(self) -> str:
        """What can be read on the main colour."""
        return colours.on(self.main) if self.main else ""


def dress(source: str, look: Look) -> str:
    """One of our starters in a brand's colours and font, with its logo and social links; MJML or HTML."""
    if look.main:
        source = _ON_ACCENT.sub(rf"\g<1>{look.on_main}", source)
        source = _WORDS.sub(rf"\g<1>{look.link}", source)
        source = _ACCENT.sub(look.main, source)
    for pattern, colour in ((_PAGE, look.page), (_HEADING, look.heading), (_TEXT, look.text)):
        if colour:
            source = pattern.sub(colour, source)
    if look.fonts:
        source = _FONT.sub(lambda found: found[1] + look.fonts, source)
    if look.logo:
        source = _with_logo(source, look)
    if look.social:
        source = source.replace(_IMPRINT, f"{social_links(look)}<br>\n          {_IMPRINT}", 1)
    return source


def logo_block(look: Look) -> str:
    """The logo as a section of MJML, on white: logos are made for it."""
    width = f"{look.logo_width}px"
    image = f'<mj-image src="{escape(look.logo)}" alt="{escape(look.logo_alt)}" width="{width}" padding="0"></mj-image>'
    return (
        '<mj-section background-color="#ffffff" padding="24px 16px">\n      <mj-column>\n'
        f"        {image}\n      </mj-column>\n    </mj-section>"
    )


def social_links(look: Look) -> str:
    """The social links, one beside the other."""
    style = f' style="color:{look.link}"' if look.link else ""
    return " &nbsp;·&nbsp; ".join(
        f'<a href="{escape(url)}"{style}>{escape(name)}</a>' for name, url in look.social
    )


def _with_logo(source: str, look: Look) -> str:
    block = logo_block(look)
    if _NAME_HEAD.search(source):
        return _NAME_HEAD.sub(lambda _: block, source, count=1)
    if _MJ_BODY.search(source):
        return _MJ_BODY.sub(lambda found: f"{found[1]}    {block}\n", source, count=1)
    image = (
        f'<img src="{escape(look.logo)}" alt="{escape(look.logo_alt)}" width="{look.logo_width}"'
        ' style="display:block;max-width:100%;height:auto;border:0">'
    )
    row = f'<tr><td class="pad" style="padding:24px 48px;background:#ffffff">{image}</td></tr>'
    if _FIRST_ROW.search(source):
        return _FIRST_ROW.sub(lambda found: f"{found[1]}{row}{found[0]}", source, count=1)
    return _BODY.sub(lambda found: f"{found[1]}\n{image}", source, count=1)


def page_css(look: Look) -> str:
    """What the hosted pages add to their style sheet; empty without a main colour and a font.

    The colours of links are moved until they can be read on the pages' card, light and dark.
    """
    rules = []
    if look.main:
        light = colours.readable(look.main, "#ffffff")
        dark = colours.readable(look.main, "#171a2e")
        rules.append(
            f":root{{--brand:light-dark({light},{dark});"
            f"--on-brand:light-dark({colours.on(light)},{colours.on(dark)})}}"
        )
    if look.fonts:
        rules.append(f"body{{font-family:{look.fonts}}}")
    return "\n".join(rules)
