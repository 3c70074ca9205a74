"""The data inventory: what each column of the database holds about people. Each app describes its own models.

A column is described or declared impersonal; `undescribed` names the others, and a test allows none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from django.apps import apps
from django.db.models import Model

# Numbers and times of rows: by themselves they say nothing about anybody.
PLAIN: Final = frozenset({"id", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class Description:
    """What one table holds: about whom, for how long, which columns are personal (and what), which are not."""

    about: str
    kept: str
    impersonal: frozenset[str]
    personal: Mapping[str, str]


def about(people: str, kept: str, impersonal: str = "", /, **personal: str) -> Description:
    """Describe a table; `impersonal` are names between spaces, each other name stands with what it holds."""
    return Description(people, kept, frozenset(impersonal.split()), personal)


def nobody(impersonal: str, /) -> Description:
    """Describe a table that holds nothing about people."""
    return about("", "", impersonal)


_descriptions: dict[str, Description] = {}


def register(app_label: str, described: Mapping[str, Description]) -> None:
    """Let an app describe its models, by their names."""
    _descriptions.update({f"{app_label}.{name}": description for name, description in described.items()})


def models() -> Iterator[tuple[type[Model], Description | None]]:
    """Yield every model with its description, tables between two others too, by name."""
    for model in sorted(apps.get_models(include_auto_created=True), key=lambda each: each._meta.label):  # noqa: SLF001 - Django documents _meta
        yield model, _descriptions.get(model._meta.label)  # noqa: SLF001 - Django documents _meta


def columns(model: type[Model]) -> frozenset[str]:
    """Return the names of the columns of a model's table."""
    return frozenset(field.name for field in model._meta.concrete_fields)  # noqa: SLF001 - Django documents _meta


def undescribed() -> list[str]:
    """Return every column that nobody described, and every description of what is not there."""
    wrong = []
    labels = set()
    for model, description in models():
        label = model._meta.label  # noqa: SLF001 - Django documents _meta
        labels.add(label)
        if model._meta.auto_created and description is None:  # noqa: SLF001 - Django documents _meta
            continue
        described = (description.impersonal | description.personal.keys()) if description else frozenset()
        wrong += [f"{label}.{name}: not described" for name in sorted(columns(model) - described - PLAIN)]
        wrong += [f"{label}.{name}: no such column" for name in sorted(described - columns(model))]
    return wrong + [f"{label}: no such model" for label in sorted(_descriptions.keys() - labels)]
