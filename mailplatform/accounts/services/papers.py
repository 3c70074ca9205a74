"""The papers of data protection: written from what is set up now, kept when they are approved or exported."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from mailplatform.core import clock

from ..models import Installation, PaperAnswer, PaperKind, PaperVersion, User
from ..papers import blocks, facts, markdown
from ..papers.blocks import Paper, Table
from ..papers.catalogue import KINDS, Kind
from ..papers.facts import Facts
from ..papers.questions import QUESTIONS, Answers
from . import audit, installation

LONGEST_ANSWER: Final = 5000
DRAFT: Final = (
    "This is a draft. It is written by a program from the settings below and must be checked by a lawyer."
)
TIME: Final = "%Y-%m-%d %H:%M UTC"


class UnknownPaper(LookupError):
    """There is no such paper."""


class AnswerError(ValueError):
    """An answer that cannot be stored; `key` names the question, the message says why."""

    def __init__(self, key: str, message: str) -> None:
        """Keep the question it belongs to."""
        super().__init__(message)
        self.key = key


class PaperChanged(Exception):
    """The settings moved between the paper that was read and its approval."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A paper as it is now. `moved` says what changed since `last`, the version that was approved or exported last."""

    kind: Kind
    paper: Paper
    fingerprint: str
    settings: Mapping[str, list[str]]
    last: PaperVersion | None
    moved: list[str]


def drafts(only: Collection[str] | None = None) -> list[Draft]:
    """Write every paper, or only those with these keys; the facts are read once."""
    kinds = [kind for kind in KINDS.values() if not only or kind.key in only]
    shared, told, last = Facts(), answers(), _last_versions(kind.key for kind in kinds)
    return [_draft(kind, shared, told, last.get(kind.key)) for kind in kinds]


def draft(key: str) -> Draft:
    """Write one paper. Raises UnknownPaper."""
    if key not in KINDS:
        raise UnknownPaper(key)
    return _draft(KINDS[key], Facts(), answers(), _last_versions([key]).get(key))


def answers() -> dict[str, str]:
    """Return what was told, by question."""
    return dict(PaperAnswer.objects.filter(key__in=QUESTIONS).values_list("key", "text"))


@transaction.atomic
def answer(*, given: Mapping[str, str], actor: User | None) -> list[str]:
    """Store answers; an empty one takes the former away. Returns the questions that changed. Raises AnswerError."""
    cleaned = {key: _clean(key, text) for key, text in given.items()}
    before = answers()
    changed = sorted(key for key, text in cleaned.items() if text != before.get(key, ""))
    for key in changed:
        if cleaned[key]:
            PaperAnswer.objects.update_or_create(
                key=key, defaults={"text": cleaned[key], "updated_by": actor}
            )
        else:
            PaperAnswer.objects.filter(key=key).delete()
    if changed:
        # Answers may name people, and the log outlives them: it names the questions alone.
        audit.record(actor=actor, action="papers.answered", detail={"questions": changed})
    return changed


def approve(*, key: str, fingerprint: str, actor: User) -> PaperVersion:
    """Keep the paper as approved, if it still rests on what was read. Raises UnknownPaper, PaperChanged."""
    made = draft(key)
    if made.fingerprint != fingerprint:
        raise PaperChanged(
            "The settings have changed since this page was opened. Read the paper again, then approve it."
        )
    return keep(made, kind=PaperKind.APPROVED, actor=actor)


def keep(made: Draft, *, kind: PaperKind, actor: User | None) -> PaperVersion:
    """Keep a paper as it was read; an export of what was kept last, unchanged, is not kept again."""
    same = made.last is not None and made.last.fingerprint == made.fingerprint
    if kind is PaperKind.EXPORTED and same and made.last is not None:
        return made.last
    return _keep(made, kind, actor)


@transaction.atomic
def _keep(made: Draft, kind: PaperKind, actor: User | None) -> PaperVersion:
    # Two at once would take the same number.
    Installation.objects.select_for_update().get(id=installation.get().id)
    newest = PaperVersion.objects.filter(key=made.kind.key).first()
    version = PaperVersion.objects.create(
        key=made.kind.key,
        number=newest.number + 1 if newest else 1,
        kind=kind,
        made_by=actor,
        fingerprint=made.fingerprint,
        settings=dict(made.settings),
        text=markdown.render(made.paper),
    )
    audit.record(
        actor=actor,
        action=f"paper.{kind.value}",
        obj=version,
        detail={"paper": version.key, "version": version.number},
    )
    return version


def _clean(key: str, text: str) -> str:
    if key not in QUESTIONS:
        raise AnswerError(key, f"There is no question {key!r}.")
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if len(text) > LONGEST_ANSWER:
        raise AnswerError(key, f"At most {LONGEST_ANSWER:,} characters.")
    if any(not character.isprintable() and character != "\n" for character in text):
        raise AnswerError(key, "Write plain text, without control characters.")
    if QUESTIONS[key].kind == "date" and text:
        try:
            dt.date.fromisoformat(text)
        except ValueError:
            raise AnswerError(key, "Write the date as year-month-day, as in 2026-05-31.") from None
    return text


def _last_versions(keys: Iterable[str]) -> dict[str, PaperVersion]:
    """Return the newest version of each paper that was ever kept."""
    newest = PaperVersion.objects.filter(key__in=list(keys)).order_by("key", "-number").distinct("key")
    return {version.key: version for version in newest}


def _draft(kind: Kind, shared: Facts, told: Mapping[str, str], last: PaperVersion | None) -> Draft:
    seen = shared.only(kind.groups)
    used = Answers(told)
    body = kind.write(seen, used)
    settings = facts.snapshot(seen, kind.groups) | used.snapshot()
    moved = facts.changes(last.settings, settings) if last else []
    paper = Paper(
        key=kind.key,
        title=kind.title,
        made=_head(settings, last),
        warnings=_warnings(seen, last, moved),
        blocks=body,
        settings=Table(
            ["Setting", "Value"], [[label, value or "empty"] for label, value in settings.values()]
        ),
        gaps=blocks.gaps(body),
    )
    return Draft(kind, paper, facts.fingerprint(settings), settings, last, moved)


def _head(settings: Mapping[str, list[str]], last: PaperVersion | None) -> list[tuple[str, str]]:
    company = settings["controller.company"][1] or str(blocks.Gap("company (Settings, Installation)"))
    head = [
        ("Controller", company),
        ("Made", f"{clock.now():{TIME}}"),
        ("From", f"{len(settings)} settings, fingerprint {facts.fingerprint(settings)[:16]}"),
    ]
    if last:
        kept = f"version {last.number}, {last.get_kind_display().lower()}, {last.created_at:{TIME}}"
        head.append(("Kept before", kept))
    return head


def _warnings(seen: Facts, last: PaperVersion | None, moved: list[str]) -> list[str]:
    found = [DRAFT]
    if moved and last is not None:
        kept = f"version {last.number} ({last.get_kind_display().lower()})"
        found.append(f"The configuration has moved since {kept}: {'; '.join(moved)}.")
    if seen.is_yes("amazon", "sandbox") and not seen.value("amazon", "smtp"):
        found.append(
            "A local sandbox stands in for Amazon: this paper describes a trial, not a real sending."
        )
    if seen.value("amazon", "exceptions") != "none":
        found.append(
            f"Outside the list of the European Economic Area, by the operator: {seen.value('amazon', 'exceptions')}."
        )
    return found
