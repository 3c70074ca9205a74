import datetime as dt
import re

import pytest
from django import forms
from django.template import Context, Template, engines
from django.utils import timezone

from mailplatform.accounts.templatetags import ui

DASH = "\N{EN DASH}"


class Example(forms.Form):
    email = forms.EmailField(
        help_text="Only letters", widget=forms.EmailInput(attrs={"placeholder": "Email"})
    )
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect, required=False)
    agree = forms.BooleanField()
    secret = forms.CharField(widget=forms.HiddenInput)


def draw(source: str, **context: object) -> str:
    return engines["pages"].from_string("{% load ui %}" + source).render(context)


def test_an_icon_is_decoration_unless_it_is_named() -> None:
    assert 'aria-hidden="true"' in ui.icon("users")
    assert 'role="img" aria-label="Delete"' in ui.icon("trash", label="Delete")
    assert re.search(r"icons\.\w+\.svg#users", ui.icon("users"))
    assert "icon-filled" in ui.icon("star-filled")


def test_a_state_is_a_word_and_a_colour() -> None:
    assert ui.status("sent", "Sent") == '<span class="mp-status green">Sent</span>'
    assert ui.status("in_flight") == '<span class="mp-status blue">In flight</span>'
    assert ui.status("<b>") == '<span class="mp-status ">&lt;b&gt;</span>'


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (12, 48, "25.0 %"),
        (1, 3, "33.3 %"),
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 5000, "< 0.1 %"),
        (3, 0, DASH),
        (None, 3, DASH),
        (3, None, DASH),
    ],
)
def test_percentages(part: int | None, whole: int | None, expected: str) -> None:
    assert ui.percent(part, whole) == expected


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 1000, "0.10 %"), (996, 1_000_000, "0.10 %"), (0, 10, "0 %"), (0.05, 1, "5.00 %"), (3, 0, DASH)],
)
def test_rates(part: float, whole: int, expected: str) -> None:
    assert ui.rate(part, whole) == expected


@pytest.mark.parametrize(("value", "expected"), [(48210, "48,210"), (0, "0"), (None, DASH)])
def test_numbers(value: int | None, expected: str) -> None:
    assert ui.number(value) == expected


def test_times_carry_their_zone() -> None:
    at = dt.datetime(2026, 7, 1, 12, 0, tzinfo=dt.UTC)
    with timezone.override("Europe/Berlin"):
        assert ui.moment(at) == '<time datetime="2026-07-01T12:00:00+00:00">1 Jul 2026, 14:00 CEST</time>'
        assert "1 Jul 2026</time>" in ui.day(at)
        assert 'title="1 Jul 2026, 14:00 CEST"' in ui.day(at)
    assert ui.moment(None) == ui.day(None) == DASH
    assert ui.day(dt.date(2026, 7, 1)) == '<time datetime="2026-07-01">1 Jul 2026</time>'


def test_a_field_ties_label_hint_and_error_together() -> None:
    html = draw("{% field form.email %}", form=Example({"email": "x"}))
    assert '<label class="form-label" for="id_email">Email</label>' in html
    assert 'aria-describedby="id_email_helptext id_email_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_email_error"' in html
    assert "placeholder" not in html


def test_choices_stand_in_a_fieldset_with_a_legend() -> None:
    html = draw("{% field form.kind %}", form=Example())
    assert "<legend>Kind" in html
    assert "(optional)" in html
    assert html.count('type="radio"') == 2


def test_a_choice_that_is_made_already_is_not_called_optional() -> None:
    html = draw("{% field form.kind %}", form=Example(initial={"kind": "a"}))
    assert "(optional)" not in html


def test_a_tick_box_stands_before_its_label() -> None:
    html = draw("{% field form.agree label='I agree' %}", form=Example())
    assert html.index('type="checkbox"') < html.index("I agree")


def test_a_hidden_field_has_no_label() -> None:
    assert "label" not in draw("{% field form.secret %}", form=Example())


def test_a_bar_shows_its_parts_and_says_so() -> None:
    html = ui.segments([("Delivered", 90, "green"), ("None", 0, "red"), ("Bounced", 10, "red")], "90 of 100")
    assert 'aria-label="90 of 100"' in html
    assert 'x="0.000%" width="90.000%"' in html
    assert 'x="90.000%" width="10.000%"' in html
    assert "None" not in html
    assert "style=" not in html


def test_a_bar_of_nothing_is_empty() -> None:
    assert "<title>" not in ui.segments([("Delivered", 0, "green")], "nothing yet")


def test_a_form_says_that_nothing_was_saved() -> None:
    form = Example({})
    html = draw('{% include "components/form.html" with form=form only %}', form=form)
    assert "Nothing was saved yet" in html


def test_tags_work_in_a_plain_template() -> None:
    assert Template("{% load ui %}{{ 5|number }}").render(Context()) == "5"
