"""What a rule can speak about, and which operators make sense for it.

A subject names where its value lives: a column of the narrow profile table, or a key of the subscriber's JSON
fields. Names of columns come only from this module, never from a rule, so no rule can inject SQL.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ..money import DECIMALS


class Kind(StrEnum):
    """The type of a subject's value; it decides the operators."""

    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    SEVERAL = "several"
    LIST = "mailing_list"
    TAG = "tag"
    CONSENT = "consent"
    MOMENT = "moment"
    ENGAGEMENT = "engagement"
    COUNTED = "counted"
    REACTION = "reaction"
    LINK = "link"
    REPORT = "report"
    PURCHASE = "purchase"
    ORDERS = "orders"
    SPENT = "spent"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class Subject:
    """Something known of a person. Exactly one of ``column``, ``json_key`` and ``reactions`` is set.

    ``column`` is SQL with the alias ``p`` (profile) or ``s`` (subscriber); ``json_key`` a key of ``s.fields``.
    ``reactions`` maps operators to conditions over ``p`` with one parameter for each ``%s``, all of them the value;
    ``known`` maps those of them that can be unknown to the condition under which they are known.
    ``currency`` is that of an amount of money, whose values are in its smallest unit.
    ``consent_column`` is set for engagement: without that consent nothing is known, so nothing matches, neither
    the rule nor its contrary.
    """

    key: str
    label: str
    kind: Kind
    column: str = ""
    json_key: str = ""
    consent_column: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    reactions: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    currency: str = ""


# Operator → how it reads in a sentence. What takes no value, a list of values or a number of days stands below.
_TEXT = {
    "equals": "is",
    "not_equals": "is not",
    "contains": "contains",
    "not_contains": "does not contain",
    "starts_with": "begins with",
    "in": "is one of",
    "is_set": "is known",
    "is_not_set": "is not known",
}
_ORDERED = {"is_set": "is known", "is_not_set": "is not known"}
_DATES = {
    "on": "is on",
    "before": "is before",
    "after": "is after",
    "in_last_days": "is in the last days",
    "more_days_ago": "is more days ago than",
}
OPERATORS: dict[Kind, dict[str, str]] = {
    Kind.TEXT: _TEXT,
    Kind.CHOICE: {key: _TEXT[key] for key in ("equals", "not_equals", "in", "is_set", "is_not_set")},
    Kind.NUMBER: {
        "equals": "is",
        "not_equals": "is not",
        "less": "is less than",
        "at_most": "is at most",
        "more": "is more than",
        "at_least": "is at least",
        **_ORDERED,
    },
    Kind.DATE: {**_DATES, "in_next_days": "is in the next days", **_ORDERED},
    Kind.BOOLEAN: {"is_true": "is yes", "is_false": "is no", **_ORDERED},
    Kind.SEVERAL: {
        "has_any": "has any of",
        "has_all": "has all of",
        "has_none": "has none of",
        **_ORDERED,
    },
    Kind.LIST: {"has_any": "is any of", "has_all": "is all of", "has_none": "is none of"},
    Kind.TAG: {"has_any": "is any of", "has_all": "is all of", "has_none": "is none of"},
    Kind.CONSENT: {"is_true": "is given", "is_false": "is not given"},
    Kind.MOMENT: _DATES,
    Kind.REACTION: {
        "got": "got",
        "opened": "opened",
        "not_opened": "got but did not open",
        "clicked": "clicked in",
        "not_clicked": "got but did not click in",
    },
    Kind.LINK: {"followed": "followed"},
    Kind.REPORT: {"counted_in": "are counted in"},
    Kind.ENGAGEMENT: {
        "in_last_days": "in the last days",
        "not_in_last_days": "not in the last days",
        "ever": "at least once",
        "never": "never",
    },
    Kind.COUNTED: {"at_least": "is at least", "at_most": "is at most", "equals": "is"},
    Kind.PURCHASE: {**_DATES, "is_set": "was made at any time", "is_not_set": "was never made"},
    Kind.ORDERS: {"at_least": "is at least", "at_most": "is at most", "equals": "is"},
    Kind.SPENT: {"at_least": "is at least", "at_most": "is at most"},
    Kind.PRODUCT: {
        "equals": "include",
        "contains": "include one whose name contains",
        "not_equals": "do not include",
        "not_contains": "include none whose name contains",
    },
}
NO_VALUE = frozenset({"is_set", "is_not_set", "is_true", "is_false", "ever", "never"})
SEVERAL = frozenset({"in", "has_any", "has_all", "has_none"})
NEGATED = frozenset({"not_equals", "not_contains", "is_not_set", "is_false", "has_none"})
# What may be asked of a time that ends now: a rule of these kinds can carry a number of days.
WITHIN = frozenset({Kind.ORDERS, Kind.SPENT})
DAYS = frozenset({"in_last_days", "not_in_last_days", "more_days_ago", "in_next_days"})

BUILT_IN = (
    Subject("email", "E-mail address", Kind.TEXT, column="s.email"),
    Subject("name", "Name", Kind.TEXT, column="s.name"),
    Subject("language", "Language", Kind.TEXT, column="s.language"),
    Subject("source", "How they came", Kind.TEXT, column="s.source"),
    Subject("joined", "Joined", Kind.MOMENT, column="p.joined_at"),
    Subject(
        "consent.marketing",
        "Basis for marketing e-mail",
        Kind.CONSENT,
        column="(p.marketing_basis IN ('consent', 'soft_opt_in'))",
    ),
    Subject("consent.opens", "Consent to open tracking", Kind.CONSENT, column="p.opens_allowed"),
    Subject("consent.clicks", "Consent to click tracking", Kind.CONSENT, column="p.clicks_allowed"),
    Subject("received", "Got a mail", Kind.ENGAGEMENT, "p.last_sent_at", consent_column="TRUE"),
    Subject("opened", "Opened a mail", Kind.ENGAGEMENT, "p.last_opened_at", consent_column="p.opens_allowed"),
    Subject(
        "clicked", "Clicked a link", Kind.ENGAGEMENT, "p.last_clicked_at", consent_column="p.clicks_allowed"
    ),
    Subject("opens", "Number of opens", Kind.COUNTED, "p.opens", consent_column="p.opens_allowed"),
    Subject("clicks", "Number of clicks", Kind.COUNTED, "p.clicks", consent_column="p.clicks_allowed"),
    Subject("orders.last", "Last purchase", Kind.PURCHASE, column="p.last_ordered_at"),
    Subject("orders.count", "Number of orders", Kind.ORDERS, column="p.orders"),
    Subject("orders.product", "Products bought", Kind.PRODUCT, column="p.product_ids"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """Subjects that have to be read before they can be offered; their keys begin in one of these ways."""

    read: Callable[[], Iterable[Subject]]
    beginnings: tuple[str, ...] = ("",)

    def fits(self, key: str) -> int:
        """Return how well: the letters of the longest beginning that the key has, -1 for none."""
        return max((len(each) for each in self.beginnings if key.startswith(each)), default=-1)


class Catalogue:
    """The subjects of one installation, by key. A part is read when one of its subjects is asked for, and once."""

    def __init__(self, subjects: Iterable[Subject] = (), parts: Iterable[Part] = ()) -> None:
        """Keep the subjects in the order in which they are offered."""
        given = tuple(subjects)
        self._parts = (Part(lambda: given), *parts)
        self._read = dict[int, dict[str, Subject]]()

    @property
    def subjects(self) -> dict[str, Subject]:
        """All of them."""
        return {key: found for n in range(len(self._parts)) for key, found in self._part(n).items()}

    def get(self, key: object) -> Subject | None:
        """Return a subject; None when it does not exist (any more)."""
        text = str(key)
        likely_first = sorted(range(len(self._parts)), key=lambda n: -self._parts[n].fits(text))
        return next((part[text] for n in likely_first if text in (part := self._part(n))), None)

    def __getitem__(self, key: str) -> Subject:
        """Return a subject; KeyError when it does not exist (any more)."""
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def _part(self, number: int) -> dict[str, Subject]:
        if number not in self._read:
            self._read[number] = {subject.key: subject for subject in self._parts[number].read()}
        return self._read[number]


Choices = Sequence[tuple[str, str]]
# The kind of a custom field by its stored type, and the prefix of the profile columns that can carry a copy.
_KIND_OF_TYPE = {
    "text": Kind.TEXT,
    "choice": Kind.CHOICE,
    "number": Kind.NUMBER,
    "date": Kind.DATE,
    "boolean": Kind.BOOLEAN,
    "list": Kind.SEVERAL,
}
SLOTS = {
    "text_1": ("text", "choice"),
    "text_2": ("text", "choice"),
    "text_3": ("text", "choice"),
    "text_4": ("text", "choice"),
    "number_1": ("number",),
    "number_2": ("number",),
    "date_1": ("date",),
    "date_2": ("date",),
}


def field_subject(
    key: str, label: str, field_type: str, slot: str = "", choices: Sequence[str] = ()
) -> Subject:
    """Return the subject of a custom field; it reads the profile column where the field has a slot."""
    pairs = tuple((choice, choice) for choice in choices)
    kind = _KIND_OF_TYPE[field_type]
    if slot in SLOTS:
        return Subject(f"field.{key}", label, kind, column=f"p.{slot}", choices=pairs)
    return Subject(f"field.{key}", label, kind, json_key=key, choices=pairs)


def spent_subject(code: str) -> Subject:
    """Return the subject “spent” of a currency, by its code of ISO 4217."""
    if code not in DECIMALS:
        raise ValueError(code)
    return Subject(
        f"spent.{code}", f"Spent in {code}", Kind.SPENT, column=f"(p.spent->>'{code}')::bigint", currency=code
    )


def list_subject(choices: Choices) -> Subject:
    """Return the subject “mailing list”; choices are (id as text, name)."""
    return Subject("list", "Mailing list", Kind.LIST, column="p.list_ids", choices=tuple(choices))


def tag_subject(choices: Choices) -> Subject:
    """Return the subject “tag”; choices are (id as text, name)."""
    return Subject("tag", "Tag", Kind.TAG, column="p.tag_ids", choices=tuple(choices))
