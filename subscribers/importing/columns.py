"""What each column of a file means: the automatic match, and the checked mapping a person confirmed.

A target is ``email``, ``name``, ``first_name``, ``last_name``, ``language``, ``time_zone``, ``tags``, ``status``
(another product's word for whether somebody may be mailed), one of the consent targets,
``field:<key>`` for a custom field, or empty for a column that is not imported.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .addresses import looks_like_address
from .cells import Cell, as_text
from .exports import LEFT_COLUMNS, departure
from .values import NO, READERS, YES, ValueRefusedError

CONSENT_TARGETS = (
    "consent_basis",
    "consent_at",
    "consent_source",
    "consent_wording",
    "consent_reference",
    "consent_ip",
    "requested_at",
    "requested_ip",
    "opens",
    "clicks",
)
FIXED_TARGETS = (
    "email",
    "name",
    "first_name",
    "last_name",
    "language",
    "time_zone",
    "tags",
    "status",
    *CONSENT_TARGETS,
)
FIELD_PREFIX = "field:"
MAX_KEY = 50
MAX_CHOICE_VALUES = 50

# Normalised header names, several products and languages; Mailchimp's export supplies the consent evidence.
_SYNONYMS = {
    "email": "email e_mail mail email_address emailaddress e_mail_address subscriber_email address mailadresse "
    "e_mail_adresse email_adresse adresse_e_mail adresse_mail courriel correo correo_electronico indirizzo_email",
    "name": "name full_name fullname subscriber_name contact_name nombre nome nom_complet vollstandiger_name",
    "first_name": "first_name firstname fname given_name forename vorname prenom nombre_de_pila",
    "last_name": "last_name lastname lname surname family_name nachname nom apellido cognome",
    "language": "language lang locale sprache langue idioma lingua",
    "time_zone": "time_zone timezone tz zeitzone fuseau_horaire",
    "tags": "tags tag labels",
    "consent_basis": "consent_basis lawful_basis legal_basis basis rechtsgrundlage",
    "consent_at": "consent_at consent_date consent_time consented_at opted_in_at optin_at opt_in_date optin_time "
    "confirm_time confirmed_at",
    "consent_source": "consent_source optin_source opt_in_source signup_source",
    "consent_wording": "consent_wording consent_text",
    "consent_reference": "consent_reference order order_id order_number contract contract_number",
    "consent_ip": "consent_ip confirm_ip optin_ip opt_in_ip",
    "opens": "opens open_tracking track_opens tracking_opens tracking_opens_consent consent_opens opens_consent",
    "clicks": "clicks click_tracking track_clicks tracking_clicks tracking_clicks_consent consent_clicks "
    "clicks_consent",
}
# Where both are there, one is the sign-up and the other its confirmation.
_SIGN_UP = {"optin_time": ("requested_at", "confirm_time"), "optin_ip": ("requested_ip", "confirm_ip")}
# What our own file of refused rows adds to the columns.
REFUSED_COLUMNS = ("Refused: line", "Refused: reason")
_STATUS_KEYS = {"status", "subscription_status", "member_status", "email_status", *LEFT_COLUMNS}
_TARGET_OF = {name: target for target, names in _SYNONYMS.items() for name in names.split()}
_REFUSED_KEYS = {"refused_line", "refused_reason"}
_RESERVED_KEYS = {*FIXED_TARGETS, "unsubscribe_url", "subscriber_id", "id"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file, its target, and the type of the custom field it fills (empty for fixed targets)."""

    name: str
    target: str = ""
    type: str = ""

    @property
    def field_key(self) -> str:
        """Return the key of the custom field, or an empty string."""
        return self.target.removeprefix(FIELD_PREFIX) if self.target.startswith(FIELD_PREFIX) else ""


class MappingError(ValueError):
    """The columns cannot be imported as mapped; the message tells the person what to change."""


def field_key(name: str) -> str:
    """Return a name as a key for templates and segments: ``Größe (cm)`` → ``grosse_cm``."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    key = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:MAX_KEY].rstrip("_")
    if not key:
        return ""
    return key if key[0].isalpha() else f"f_{key}"[:MAX_KEY]


def match_columns(
    names: Sequence[str], samples: Sequence[Sequence[Cell]], known: dict[str, str]
) -> list[Column]:
    """Return a proposal for every column.

    ``samples`` are some rows; ``known`` maps the keys of the custom fields that exist to their types. A column that
    means nothing known becomes the proposal of a new field, with a type guessed from the samples.
    """
    taken: set[str] = set()
    columns = []
    keys = set(map(field_key, names))
    for index, name in enumerate(names):
        cells = [row[index] for row in samples if index < len(row)]
        column = _match(name, cells, known, keys)
        if column.target in taken:
            column = Column(name)
        taken.add(column.target)
        columns.append(column)
    return columns if "email" in taken else _with_email_by_content(columns, samples)


def _match(name: str, cells: list[Cell], known: dict[str, str], keys: set[str]) -> Column:
    key = field_key(name)
    sign_up, confirmation = _SIGN_UP.get(key, ("", ""))
    target = sign_up if confirmation in keys else _TARGET_OF.get(key, "")
    if target:
        return Column(name, target)
    if key in _STATUS_KEYS and all(departure(key, as_text(cell)) is not None for cell in cells if cell):
        return Column(name, "status")
    if not key or key in _REFUSED_KEYS or _holds_objects(cells):
        return Column(name)
    if key in _RESERVED_KEYS:
        key = f"{key}_field"
    return Column(name, f"{FIELD_PREFIX}{key}", known.get(key) or guess_type(cells))


def _holds_objects(cells: list[Cell]) -> bool:
    """Return whether the column holds JSON objects, whose keys are columns of their own."""
    filled = [cell for cell in map(as_text, cells) if cell.strip()]
    return bool(filled) and all(cell.lstrip().startswith("{") for cell in filled)


def _with_email_by_content(columns: list[Column], samples: Sequence[Sequence[Cell]]) -> list[Column]:
    index = looks_like_addresses(len(columns), samples)
    if index < 0:
        return columns
    return [*columns[:index], Column(columns[index].name, "email"), *columns[index + 1 :]]


def looks_like_addresses(width: int, samples: Sequence[Sequence[Cell]]) -> int:
    """Return the first column of which more than half of the filled cells are addresses; -1 for none."""
    for index in range(width):
        cells = [as_text(row[index]) for row in samples if index < len(row)]
        filled = [cell for cell in cells if cell.strip()]
        if filled and sum(map(looks_like_address, filled)) > len(filled) / 2:
            return index
    return -1


def guess_type(cells: Sequence[Cell]) -> str:
    """Return the narrowest type that every filled sample fits; text when there is no evidence."""
    filled = [cell for cell in cells if as_text(cell).strip()]
    if any(isinstance(cell, list) for cell in filled):
        return "list"
    words = [as_text(cell).strip() for cell in filled]
    if not words or _is_code(words):
        return "text"
    return next((kind for kind, fits in _GUESSES if fits(words)), "text")


def _is_boolean(words: list[str]) -> bool:
    """Return whether the words say yes and no; digits, or one lone letter over and over, are no evidence."""
    distinct = {word.lower() for word in words}
    return (
        distinct <= YES | NO
        and not distinct <= {"0", "1"}
        and (len(distinct) > 1 or max(map(len, words)) > 1)
    )


def _fits(candidate: str, word: str) -> bool:
    try:
        READERS[candidate](word)
    except ValueRefusedError:
        return False
    return True


def _is_code(words: list[str]) -> bool:
    """Return whether the digits are a code (post code, phone) whose leading zero or plus must survive."""
    return any(len(word) > 1 and word[0] in "0+" and word.isdigit() | word[1:].isdigit() for word in words)


def _is_choice(words: list[str]) -> bool:
    distinct = len(set(words))
    return distinct <= min(MAX_CHOICE_VALUES, max(3, len(words) // 2)) and max(map(len, words)) <= MAX_KEY


def _is_several(words: list[str]) -> bool:
    return sum(";" in word or "|" in word for word in words) * 4 >= len(words)


_GUESSES: tuple[tuple[str, Callable[[list[str]], bool]], ...] = (
    ("boolean", _is_boolean),
    ("number", lambda words: all(_fits("number", word) for word in words)),
    ("date", lambda words: all(_fits("date", word) for word in words)),
    ("list", _is_several),
    ("choice", _is_choice),
)


def check_mapping(columns: Sequence[Column]) -> None:
    """Refuse a mapping without exactly one e-mail column, with a target used twice, or with an unknown target."""
    targets = [column.target for column in columns if column.target]
    if "email" not in targets:
        raise MappingError("No column holds the e-mail address. Choose it; every person needs one.")
    twice = next((target for target in targets if targets.count(target) > 1), "")
    if twice:
        raise MappingError(
            f"Two columns are mapped to “{twice.removeprefix(FIELD_PREFIX)}”. Choose one of them."
        )
    for column in columns:
        _check_column(column)


def _check_column(column: Column) -> None:
    key = column.field_key
    if key:
        if field_key(key) != key or key in _RESERVED_KEYS:
            raise MappingError(f"“{key}” cannot be the key of a field.")
        if column.type not in READERS:
            raise MappingError(f"Choose a type for the column “{column.name}”.")
    elif column.target and column.target not in FIXED_TARGETS:
        raise MappingError(f"“{column.target}” is not something a column can be mapped to.")


def to_json(columns: Sequence[Column]) -> list[dict[str, str]]:
    """Return the mapping as it is stored with the import."""
    return [asdict(column) for column in columns]


def from_json(stored: Sequence[dict[str, Any]]) -> list[Column]:
    """Return the mapping as it was stored by ``to_json``."""
    return [Column(item["name"], item.get("target", ""), item.get("type", "")) for item in stored]
