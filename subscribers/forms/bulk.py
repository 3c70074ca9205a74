"""One act over many people: which, and with what."""

from typing import Any

from django import forms
from django.http import QueryDict

from ..models import BulkAction, MailingList, Tag
from ..selectors import subscribers as people
from ..services.bulk import Selection

CHOICES = [
    (BulkAction.TAG.value, "Add a tag"),
    (BulkAction.UNTAG.value, "Remove a tag"),
    (BulkAction.LIST_ADD.value, "Put on a list"),
    (BulkAction.LIST_REMOVE.value, "Take off a list"),
    (BulkAction.BLOCK.value, "Block"),
]
NOTES = {
    "list_add": (
        "Only people whom we may write to are put on it. "
        "Who has no legal basis, left the list or is blocked is left out, and counted by reason."
    ),
    "list_remove": "Who left the list by themselves stays known as having left.",
    "block": "They get no mail of any kind until somebody lifts the block, one by one.",
}
WORDS = {
    "tag": "Add a tag to",
    "untag": "Remove a tag from",
    "list_add": "Put on a list:",
    "list_remove": "Take off a list:",
    "block": "Block",
}


def selection_of(data: QueryDict) -> Selection:
    """Return whom the form of the people page means: those ticked, or everybody found."""
    query = people.Filters.from_query(QueryDict(data.get("query", "")).dict()).address()
    if data.get("scope") == "all":
        return Selection(query=query)
    return Selection(ids=tuple(sorted(people.numbers_of(data.getlist("person")))) or (0,))


class TagForm(forms.Form):
    """A tag by name; a new one is made."""

    name = forms.CharField(label="Tag", max_length=60, help_text="A new name makes a new tag.")


class KnownTagForm(forms.Form):
    """One of the tags."""

    tag_id = forms.ModelChoiceField(Tag.objects.all(), label="Tag")


class KnownListForm(forms.Form):
    """One of the lists in use."""

    list_id = forms.ModelChoiceField(MailingList.objects.filter(archived_at=None), label="List")


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label="Why", max_length=200, help_text="Kept with each block, and in the audit log."
    )


FORMS: dict[str, type[forms.Form]] = {
    "tag": TagForm,
    "untag": KnownTagForm,
    "list_add": KnownListForm,
    "list_remove": KnownListForm,
    "block": ReasonForm,
}


def target(form: forms.Form) -> dict[str, Any]:
    """Return the cleaned values as the service takes them: numbers instead of rows."""
    return {key: getattr(value, "pk", value) for key, value in form.cleaned_data.items()}
