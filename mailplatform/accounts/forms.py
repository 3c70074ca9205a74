"""Forms of settings, users and the first visit."""

import zoneinfo
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from .models import Carrier, Installation, Role, User

REGIONS = (
    ("eu-central-1", "Frankfurt (eu-central-1)"),
    ("eu-west-1", "Ireland (eu-west-1)"),
    ("eu-west-3", "Paris (eu-west-3)"),
    ("eu-north-1", "Stockholm (eu-north-1)"),
    ("eu-south-1", "Milan (eu-south-1)"),
    ("eu-south-2", "Spain (eu-south-2)"),
    ("eusc-de-east-1", "European Sovereign Cloud (eusc-de-east-1)"),
)
LANGUAGES = (("en", "English"), ("de", "German"))


def zones() -> list[tuple[str, str]]:
    """Return the time zones by name, without the aliases that nobody looks for."""
    names = sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/")
    )
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class NewPasswordMixin(forms.Form):
    """A password typed twice and checked against Django's rules."""

    def clean(self) -> dict[str, Any]:
        """Check that both agree and that the password is good enough."""
        data = super().clean() or {}
        first, second = data.get("password"), data.get("password_again")
        if first and second and first != second:
            self.add_error("password_again", "The two passwords are not the same.")
        elif first:
            try:
                validate_password(first, User(email=data.get("email", ""), name=data.get("name", "")))
            except ValidationError as error:
                self.add_error("password", error)
        return data


def _new_password() -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label="Password", widget=widget, strip=False, max_length=200)


class SetupForm(NewPasswordMixin):
    """The first visit: token and administrator."""

    token = forms.CharField(
        label="One-time token",
        max_length=200,
        help_text="It is printed in the log of the server, on the line “first_run”.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    name = forms.CharField(
        label="Your name", max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(
        label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = _new_password()
    password_again = _new_password()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = "At least 8 characters. A sentence is a good password."
        self.fields["password_again"].label = "Password again"


class InviteForm(forms.Form):
    """A new colleague."""

    name = forms.CharField(label="Name", max_length=200)
    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.MARKETER)


class RoleForm(forms.Form):
    """Another role for a colleague."""

    role = forms.ChoiceField(label="Role", choices=Role.choices)


class ProfileForm(forms.Form):
    """One's own name and zone."""

    name = forms.CharField(label="Name", max_length=200)
    time_zone = forms.ChoiceField(
        label="Time zone", required=False, help_text="Times on the pages are shown in this zone."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "As the installation"), *zones()]


class CompanyForm(forms.ModelForm[Installation]):
    """Who sends, as the law wants it shown in every mail."""

    time_zone = forms.ChoiceField(label="Time zone", help_text="Used for schedules and reports.")
    language = forms.ChoiceField(label="Language of the hosted pages", choices=LANGUAGES)

    class Meta:
        model = Installation
        fields = ("company", "postal_address", "time_zone", "language")
        labels = {"company": "Company or organisation", "postal_address": "Postal address"}
        help_texts = {"postal_address": "Stands at the foot of every mail. Required by law."}
        widgets = {"postal_address": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = zones()
        for name in ("company", "postal_address"):
            self.fields[name].required = True


class SenderForm(forms.ModelForm[Installation]):
    """What campaigns begin with; each campaign may choose another verified sender."""

    class Meta:
        model = Installation
        fields = ("sender_name", "sender_address", "reply_to")
        labels = {
            "sender_name": "Sender name",
            "sender_address": "Sender address",
            "reply_to": "Replies go to",
        }
        help_texts = {
            "sender_address": "Its domain, or the address itself, must be verified with Amazon SES.",
            "reply_to": "Leave empty to get replies at the sender address.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("sender_name", "sender_address"):
            self.fields[name].required = True

    def clean_sender_name(self) -> str:
        """Refuse what would break the From line."""
        name: str = self.cleaned_data["sender_name"]
        if any(not character.isprintable() for character in name):
            message = "The name must be one line of printable characters."
            raise ValidationError(message)
        return name


class AmazonForm(forms.ModelForm[Installation]):
    """Region and keys. A stored secret is never shown again."""

    region = forms.ChoiceField(
        label="Region", choices=REGIONS, help_text="Only Regions in the European Economic Area can be chosen."
    )
    secret_access_key = forms.CharField(
        label="Secret access key",
        required=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    use_role = forms.BooleanField(
        label="Use the role of this machine instead of keys",
        required=False,
        help_text="On EC2, ECS or EKS. Stored keys are removed.",
    )

    class Meta:
        model = Installation
        fields = ("region", "access_key_id")
        labels = {"access_key_id": "Access key id"}
        widgets = {"access_key_id": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = self.instance.secret_key_encrypted is not None
        self.fields["use_role"].initial = not self.instance.access_key_id
        hint = (
            "A key is stored. Leave empty to keep it."
            if self.stored
            else "Stored encrypted, never shown again."
        )
        self.fields["secret_access_key"].help_text = hint

    def clean(self) -> dict[str, Any]:
        """Ask for both keys, or for none with a role."""
        data = super().clean() or {}
        if data.get("use_role"):
            return {**data, "access_key_id": "", "secret_access_key": ""}
        changed_id = data.get("access_key_id") != self.initial.get("access_key_id")
        if not data.get("access_key_id"):
            self.add_error("access_key_id", "Enter the key id, or tick the role of this machine.")
        elif not data.get("secret_access_key") and (changed_id or not self.stored):
            self.add_error("secret_access_key", "Enter the secret that belongs to this key id.")
        return data

    def changes(self) -> dict[str, Any]:
        """Return what to save; an empty secret beside a kept key id means "keep"."""
        data = dict(self.cleaned_data)
        if not data.pop("use_role") and not data["secret_access_key"]:
            del data["secret_access_key"]
        return data


class AddressForm(forms.ModelForm[Installation]):
    """Where readers and Amazon reach us."""

    public_url = forms.URLField(
        label="Public address",
        required=False,
        assume_scheme="https",
        help_text=(
            "Links in mails and Amazon's event messages use it, for example https://mail.example.org. "
            "Empty means the address from the server's environment."
        ),
    )

    class Meta:
        model = Installation
        fields = ("public_url",)

    def __init__(self, *args: Any, sandbox: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sandbox = sandbox

    def clean_public_url(self) -> str:
        """Ask for https; a local address only makes sense beside the sandbox."""
        url: str = self.cleaned_data["public_url"].rstrip("/")
        parts = urlsplit(url)
        if parts.path or parts.query or parts.fragment:
            message = "Enter the address of the site alone, without a path."
            raise ValidationError(message)
        if url and parts.scheme != "https" and not self.sandbox:
            message = "The address must begin with https://, or readers' mail programs refuse its links."
            raise ValidationError(message)
        return url


class TrackingForm(forms.ModelForm[Installation]):
    """What new campaigns begin with, and who counts. Nobody is tracked without their own consent.

    The style sheet hides the acknowledgement while this site is chosen.
    """

    acknowledged = forms.BooleanField(
        label="I understand that a later withdrawal cannot silence mail that has already been sent",
        required=False,
        help_text=(
            "For Amazon SES alone, which writes its tracking links into the mail. People who withdraw get no more of "
            "them, and what older mails report about them is not stored."
        ),
    )

    class Meta:
        model = Installation
        fields = ("track_opens", "track_clicks", "tracking_carrier")
        labels = {
            "track_opens": "Measure opens",
            "track_clicks": "Measure clicks",
            "tracking_carrier": "Who counts",
        }
        help_texts = {
            "track_opens": "Only for people who consented to it.",
            "track_clicks": "Only for people who consented to it.",
            "tracking_carrier": (
                "This site asks for consent again at every hit and tells no third party. With Amazon SES, readers' "
                "links lead over Amazon, and mail that an SMTP server sends is not counted. The choice holds for "
                "campaigns launched from now on."
            ),
        }
        widgets = {"tracking_carrier": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["acknowledged"].initial = self.instance.ses_tracking_acknowledged_at is not None

    def clean(self) -> dict[str, Any]:
        """Ask for the acknowledgement where Amazon would count."""
        data = super().clean() or {}
        measures = data.get("track_opens") or data.get("track_clicks")
        if measures and data.get("tracking_carrier") == Carrier.SES and not data.get("acknowledged"):
            self.add_error("acknowledged", "Tick this to let Amazon SES measure, or let this site count.")
        return data


class SignInForm(forms.ModelForm[Installation]):
    """What everybody who works here must have to sign in."""

    class Meta:
        model = Installation
        fields = ("require_second_factor",)
        labels = {"require_second_factor": "Everybody must have a second factor"}
        help_texts = {
            "require_second_factor": (
                "An app that shows codes, or a passkey. Whoever has none yet sets one up before anything else."
            )
        }

    def __init__(self, *args: Any, has_one: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.has_one = has_one

    def clean_require_second_factor(self) -> bool:
        """Let only those demand it who have one: else the first person locked out is the administrator."""
        wanted: bool = self.cleaned_data["require_second_factor"]
        if wanted and not self.has_one:
            raise ValidationError("Set up your own second factor first, on your profile.")
        return wanted
