"""The settings of sending, for everybody who only reads them."""

from ..models import SendingSettings


def get() -> SendingSettings:
    """Return the settings; before the first change they are the defaults, not stored yet."""
    return SendingSettings.objects.filter(pk=1).first() or SendingSettings()
