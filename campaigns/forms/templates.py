"""Forms of templates."""

from typing import Any, Final

from django import forms

from subscribers.models import Subscriber

from .. import languages
from ..models import Template
from ..rendering import SourceKind
from ..rendering.line_ends import as_stored
from ..services import template_importing, test_sends

DEFAULT_PREFIX: Final = "default:"


KINDS: Final = [
    (SourceKind.MJML.value, "MJML: columns and buttons that fit every mail program"),
    (SourceKind.HTML.value, "My own HTML"),
]


class NewTemplateForm(forms.Form):
    """A name and how to begin. A source of one's own decides by itself what it is written in."""

    name = forms.CharField(max_length=120, label="Name")
    source_format = forms.ChoiceField(
        choices=KINDS,
        label="Written in",
        required=False,
        initial=SourceKind.MJML.value,
        widget=forms.RadioSelect,
    )


class ImportTemplateForm(forms.Form):
    """A template from elsewhere, as a file or pasted."""

    name = forms.CharField(max_length=120, label="Name")
    file = forms.FileField(
        label="File",
        required=False,
        help_text="HTML or MJML, up to 2 MB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".html,.htm,.mjml,.txt,text/html"}),
    )
    source = forms.CharField(
        label="Or paste it here",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "font-monospace"}),
    )

    def clean(self) -> dict[str, Any]:
        """One of the two sources, as text, under `source`. What is pasted comes with the browser's line ends."""
        cleaned = super().clean() or self.cleaned_data
        cleaned["source"] = as_stored(cleaned.get("source", ""), "")
        upload = cleaned.get("file")
        try:
            if upload is not None:
                cleaned["source"] = template_importing.read_upload(
                    upload.read(template_importing.MAX_UPLOAD_BYTES + 1)
                )
        except template_importing.UnreadableSource as error:
            self.add_error("file", str(error))
            return cleaned
        if not cleaned.get("source", "").strip():
            self.add_error("source", "Choose a file or paste the source.")
        return cleaned


class TemplateForm(forms.Form):
    """The editor. Defaults come as fields named `default:<variable>`."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    name = forms.CharField(max_length=120, label="Name")
    subject = forms.CharField(max_length=250, label="Subject", required=False)
    preheader = forms.CharField(
        max_length=250,
        label="Preheader",
        required=False,
        help_text="The line that inboxes show after the subject.",
    )
    source_format = forms.ChoiceField(
        choices=[(SourceKind.MJML.value, "MJML"), (SourceKind.HTML.value, "My own HTML")],
        label="Written in",
        required=False,
        widget=forms.Select(attrs={"class": "form-select form-select-sm"}),
    )
    html = forms.CharField(
        label="Source",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"data-editor": "html", "rows": 24, "spellcheck": "false"}),
    )
    text = forms.CharField(
        label="Text part",
        required=False,
        strip=False,
        help_text="Leave it empty to have it written from the HTML.",
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "font-monospace"}),
    )

    def speak(self, kind: str) -> None:
        """Tell the code editor what the source is written in."""
        self.fields["html"].widget.attrs["data-editor"] = kind

    def content(self, stored: Template) -> dict[str, Any]:
        """What the service saves, with the line ends that the stored template has."""
        values = {k: self.cleaned_data[k] for k in ("name", "subject", "preheader", "html", "text")}
        values["subject"] = " ".join(values["subject"].split())
        if self.cleaned_data["source_format"]:
            values["source_format"] = self.cleaned_data["source_format"]
        return {k: as_stored(v, getattr(stored, k)) for k, v in values.items()}

    def defaults(self, stored: dict[str, Any]) -> dict[str, Any]:
        """The declared variables: those of the page, and the lists that the page does not show."""
        typed = {k[len(DEFAULT_PREFIX) :]: v for k, v in self.data.items() if k.startswith(DEFAULT_PREFIX)}
        kept = {k: v for k, v in stored.items() if not isinstance(v, str)}
        declared = {k: v.strip() for k, v in typed.items() if k in stored or v.strip()}
        return {**declared, **kept}


class TemplateLanguageForm(forms.Form):
    """A language of a template."""

    language = forms.ChoiceField(choices=[("", "Choose a language"), *languages.CHOICES], label="Language")


class TestSendForm(forms.Form):
    """Where a test goes, and as whom."""

    addresses = forms.CharField(
        label="To",
        help_text="Up to 10 addresses, separated by commas.",
        widget=forms.TextInput(attrs={"autocomplete": "email"}),
    )
    person = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_addresses(self) -> list[str]:
        """The addresses, each once."""
        return test_sends.parse_addresses(self.cleaned_data["addresses"])


def chosen_person(address: str) -> Subscriber | None:
    """The subscriber that a preview is for; None stands for an invented one."""
    address = address.strip().lower()
    return Subscriber.objects.filter(email=address).first() if address else None
