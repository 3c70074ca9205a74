"""What segments can be made of here and now: the built-in subjects, the custom fields, the lists and tags."""

from collections.abc import Callable, Iterable

from ..models import CustomField, MailingList, OrderCurrency, Tag
from ..segments.catalogue import (
    BUILT_IN,
    Catalogue,
    Subject,
    field_subject,
    list_subject,
    spent_subject,
    tag_subject,
)

Provider = Callable[[], Iterable[Subject]]
_providers: list[Provider] = []


def register(provider: Provider) -> None:
    """Let an app that knows more of people than we do add its subjects; called once, at start-up."""
    if provider not in _providers:
        _providers.append(provider)


def current() -> Catalogue:
    """Return the catalogue of this installation (four queries, and those of other apps' subjects)."""
    fields = CustomField.objects.all()
    lists = MailingList.objects.filter(archived_at=None).values_list("pk", "name")
    currencies = OrderCurrency.objects.order_by("code").values_list("code", flat=True)
    tags = Tag.objects.values_list("pk", "name")
    return Catalogue(
        [
            *(
                field_subject(field.key, field.label, field.type, field.slot, field.choices)
                for field in fields
            ),
            *BUILT_IN,
            *(spent_subject(code) for code in currencies),
            list_subject([(str(key), name) for key, name in lists]),
            tag_subject([(str(key), name) for key, name in tags]),
            *(subject for provider in _providers for subject in provider()),
        ]
    )
