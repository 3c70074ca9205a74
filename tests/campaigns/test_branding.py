import re

import pytest

from campaigns import colours
from campaigns.branding import FONTS, Look, dress, page_css
from campaigns.rendering import Source, check_template
from campaigns.services import template_gallery
from campaigns.services.template_gallery import STARTERS, Starter

YELLOW = Look(
    main="#ffd400",
    page="#fffbe6",
    heading="#332b00",
    text="#443b11",
    font="verdana",
    logo="https://mail.example.com/m/0123/logo.png",
    logo_width=180,
    logo_alt='Books & "more"',
    social=(("Instagram", "https://www.instagram.com/x?a=1&b=2"),),
)
OURS = re.compile(r"#(?:2b5fd9|3737b0|a33b20|1f5f8b|14532d|0b5a5a|7a2f5f|5a4a00|f2f4f8|2b3242|171b26)\b")


@pytest.mark.parametrize("starter", STARTERS.values(), ids=STARTERS)
def test_a_starter_takes_the_brands_clothes_and_stays_a_good_template(starter: Starter) -> None:
    dressed = dress(starter.html, YELLOW)
    assert not OURS.search(dressed)
    assert "Arial" not in dressed
    assert dressed.count("logo.png") == 1
    assert "Books &amp; &quot;more&quot;" in dressed
    assert dressed.count("https://www.instagram.com/x?a=1&amp;b=2") == 1
    known = {*starter.defaults, "name", "first_name", "company", "postal_address", "email", "language",
             "unsubscribe_url", "preferences_url", "view_url"}  # fmt: skip
    source = Source(starter.subject, dressed, starter.text, starter.preheader, starter.kind)
    found = check_template(source, known=known).findings
    assert [each for each in found if each.is_blocking] == []


@pytest.mark.parametrize("starter", STARTERS.values(), ids=STARTERS)
def test_words_in_the_main_colour_and_on_it_can_be_read(starter: Starter) -> None:
    """Yellow words on white could not be read, nor white ones on yellow."""
    dressed = dress(starter.html, YELLOW)
    assert not re.search(r'(?<![-\w])color\s*[:=]\s*"?#ffd400', dressed)
    assert colours.contrast(YELLOW.link, "#ffffff") >= colours.ENOUGH
    assert not re.search(r'#ffd400"?\s*;?\s*color\s*[:=]\s*"?#ffffff', dressed)


@pytest.mark.parametrize("starter", STARTERS.values(), ids=STARTERS)
def test_without_a_brand_a_starter_stays_as_it_is(starter: Starter) -> None:
    assert dress(starter.html, Look()) == starter.html


def test_the_blank_templates_take_them_too() -> None:
    for kind in ("mjml", "html"):
        source = (template_gallery.folder() / f"blank.{kind}").read_text(encoding="utf-8")
        assert "logo.png" in dress(source, YELLOW)


def test_hosted_pages_get_colours_that_can_be_read_in_both_themes() -> None:
    css = page_css(YELLOW)
    light, dark = re.findall(r"--brand:light-dark\((#\w{6}),(#\w{6})\)", css)[0]
    assert colours.contrast(light, "#ffffff") >= colours.ENOUGH
    assert colours.contrast(dark, "#171a2e") >= colours.ENOUGH
    assert FONTS["verdana"][1] in css
    assert page_css(Look()) == ""
