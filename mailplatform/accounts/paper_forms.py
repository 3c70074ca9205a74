"""The questions of the papers as a form, one fieldset per section."""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from .papers.questions import QUESTIONS, SECTIONS, Question
from .services.papers import LONGEST_ANSWER


class QuestionsForm(forms.Form):
    """Every question, none required: what is empty is a gap in the papers. The service judges the answers."""

    def __init__(self, data: Any = None, *, told: Mapping[str, str]) -> None:
        super().__init__(data, initial=dict(told))
        for key, question in QUESTIONS.items():
            self.fields[key] = _field(question)

    def sections(self) -> Iterator[tuple[str, list[BoundField]]]:
        """Yield each section with its fields."""
        for title, questions in SECTIONS.items():
            yield title, [self[question.key] for question in questions]


def _field(question: Question) -> forms.CharField:
    widget: forms.Widget
    if question.kind == "date":
        widget = forms.TextInput(attrs={"type": "date"})
    elif question.kind == "text":
        widget = forms.Textarea(attrs={"rows": 3})
    else:
        widget = forms.TextInput()
    return forms.CharField(
        label=question.label,
        help_text=question.hint,
        required=False,
        widget=widget,
        # As the service allows; it says so itself.
        max_length=LONGEST_ANSWER,
    )
