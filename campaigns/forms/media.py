"""Forms of the media library."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from ..media import kinds
from ..services.media import LONGEST_ALT

MOST_FILES = 20
ACCEPT = ",".join(f".{ending}" for ending in kinds.ENDINGS)
ALT_HELP = "What somebody should know who does not see it. Mail programs show it until pictures are loaded."


class _SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """Several files from one control."""

    widget = _SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Return the list of files; an empty one where none was chosen."""
        given = data if isinstance(data, list | tuple) else [data]
        return [super(_FilesField, self).clean(each, initial) for each in given or [None]]


class UploadForm(forms.Form):
    """Files to add; each is looked at by itself later, so that one bad file does not refuse the others."""

    uploads = _FilesField(
        label="Files",
        allow_empty_file=True,
        max_length=1_000,
        widget=_SeveralFiles(attrs={"accept": ACCEPT}),
        error_messages={"required": "Choose at least one file."},
    )

    def clean_uploads(self) -> "list[UploadedFile[Any]]":
        """At most so many at once."""
        files: list[UploadedFile[Any]] = self.cleaned_data["uploads"]
        if len(files) > MOST_FILES:
            raise forms.ValidationError(f"{MOST_FILES} files at once are the most; these were {len(files)}.")
        return files


class OnePictureForm(UploadForm):
    """A picture to be shown at once: its words are asked for with it."""

    alt = forms.CharField(label="Alternative text", max_length=LONGEST_ALT, help_text=ALT_HELP)


class DescribeForm(forms.Form):
    """The words about a file."""

    name = forms.CharField(label="File name", max_length=kinds.LONGEST_NAME)
    alt = forms.CharField(
        label="Alternative text", max_length=LONGEST_ALT, required=False, help_text=ALT_HELP
    )
