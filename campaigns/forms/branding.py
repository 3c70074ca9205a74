"""Forms of the page about the brand and its senders."""

from typing import Any, Final

from django import forms

from ..branding import FONTS
from ..media import kinds
from ..models import Brand, MediaFamily, MediaFile, Sender

# What our starters are painted with where nobody chose anything.
OURS: Final = {
    "main_colour": "#2b5fd9",
    "page_colour": "#f2f4f8",
    "heading_colour": "#171b26",
    "text_colour": "#2b3242",
}
_IMAGE_ENDINGS: Final = ",".join(f".{ending}" for kind in kinds.IMAGES for ending in kind.endings)


def _colour(label: str, help_text: str = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"type": "color", "class": "form-control-color"})
    return forms.CharField(label=label, max_length=7, help_text=help_text, widget=widget)


class BrandForm(forms.Form):
    """What mails and pages look like."""

    logo = forms.ModelChoiceField(
        MediaFile.objects.none(), label="Logo", required=False, empty_label="No logo"
    )
    new_logo = forms.FileField(
        label="Or add a picture",
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": _IMAGE_ENDINGS}),
        help_text="It goes to the media library. On a white or transparent background it fits everywhere.",
    )
    logo_width = forms.IntegerField(
        label="Width of the logo", min_value=40, max_value=600, help_text="In pixels, 160 for most."
    )
    main_colour = _colour(
        "Main colour", "Buttons, bars and links. Words on it become white or dark by themselves."
    )
    page_colour = _colour("Behind the mail")
    heading_colour = _colour("Headings")
    text_colour = _colour("Text")
    font = forms.ChoiceField(
        label="Font",
        required=False,
        choices=[("", "As each starter has it"), *((key, name) for key, (name, _) in FONTS.items())],
        help_text="All of them are on people's devices: a font from elsewhere would tell that host who opens the mail.",
    )
    social = forms.CharField(
        label="Social links",
        required=False,
        max_length=3_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="One per line, such as: Instagram https://www.instagram.com/you",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["logo"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = MediaFile.objects.filter(family=MediaFamily.IMAGE)

    @staticmethod
    def initial_of(row: Brand) -> dict[str, Any]:
        """What the form shows at first; a colour that nobody chose is ours."""
        colours = {name: getattr(row, name) or ours for name, ours in OURS.items()}
        social = "\n".join(f"{each['name']} {each['url']}" for each in row.social)
        return {
            **colours,
            "logo": row.logo_id,
            "logo_width": row.logo_width,
            "font": row.font,
            "social": social,
        }

    def values(self) -> dict[str, Any]:
        """What the service saves, but for a new logo."""
        data = self.cleaned_data
        colours = {
            name: "" if data[name].lower() == ours else data[name].lower() for name, ours in OURS.items()
        }
        return {**colours, "logo_width": data["logo_width"], "font": data["font"]}

    def links(self) -> list[tuple[str, str]]:
        """The social links as (name, address): the last word of a line is the address."""
        lines = [line.split() for line in self.cleaned_data["social"].splitlines() if line.strip()]
        return [(" ".join(words[:-1]), words[-1]) for words in lines]


class SenderChangeForm(forms.ModelForm[Sender]):
    """What may change of a sender; another address is another sender."""

    class Meta:
        model = Sender
        fields = ("name", "reply_to")
        labels = {"name": "Name", "reply_to": "Replies go to"}
