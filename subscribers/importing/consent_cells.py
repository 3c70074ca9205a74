"""The cells of a row that are evidence: on what basis somebody may be written to, since when, and how it is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .cells import Cell, as_text
from .columns import Column
from .values import NO, READERS, YES, ValueRefusedError, read_moment, read_short, read_text

BASES = ("consent", "soft_opt_in", "contract", "legitimate_interest")
_BASIS_WORDS = {
    **{basis: basis for basis in BASES},
    "soft opt-in": "soft_opt_in",
    "soft opt in": "soft_opt_in",
    "legitimate interest": "legitimate_interest",
    "opt-in": "consent",
    "opt_in": "consent",
    "double opt-in": "consent",
    "none": "",
    "": "",
}
_MAX_SOURCE = 200
_CLOCK_SLACK = timedelta(minutes=5)
_REMEMBERED = 1_000


@dataclass(slots=True, eq=False)
class ConsentCells:
    """The evidence of a row. ``basis`` None means that no such column is mapped, empty that its cell is empty.

    Rows whose cells say the same share one, which is known by its identity: nobody may change it.
    """

    basis: str | None = None
    at: datetime | None = None
    at_is_mapped: bool = False
    source: str = ""
    wording: str = ""
    reference: str = ""
    opens: bool | None = None
    clicks: bool | None = None
    ip: str = ""
    requested_at: datetime | None = None
    requested_ip: str = ""


class ConsentReader:
    """Reads these cells; ``read`` is called once per row. Most rows say what others said, so that is remembered."""

    def __init__(self, columns: Sequence[Column], *, now: datetime) -> None:
        """Choose the columns; ``now`` bounds the moments of consent."""
        self._latest = now + _CLOCK_SLACK
        targets = {column.target for column in columns}
        self._has_moment = "consent_at" in targets
        self._default_basis = "" if "consent_basis" in targets else None
        self._columns = [
            (
                index,
                column.name,
                self._set_moment if column.target == "consent_at" else _SETTERS[column.target],
            )
            for index, column in enumerate(columns)
            if column.target in CONSENT_TARGETS
        ]
        self._known: dict[tuple[Cell, ...], ConsentCells] = {}

    def read(self, cells: Sequence[Cell]) -> ConsentCells:
        """Return the evidence of a row. Raises ValueRefusedError, whose message names the column."""
        key = tuple([cells[index] for index, _, _ in self._columns])
        try:
            found = self._known.get(key)
        except TypeError:  # a cell of JSON may be a list
            return self._read(key)
        if found is None:
            found = self._read(key)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = found
        return found

    def _read(self, cells: Sequence[Cell]) -> ConsentCells:
        consent = ConsentCells(self._default_basis, at_is_mapped=self._has_moment)
        for cell, (_, name, setter) in zip(cells, self._columns, strict=True):
            if cell:
                try:
                    setter(consent, cell)
                except ValueRefusedError as error:
                    message = f"{name}: {error}"
                    raise ValueRefusedError(message) from None
        return consent

    def _set_moment(self, consent: ConsentCells, cell: Cell) -> None:
        consent.at = read_moment(cell)
        if consent.at > self._latest:
            raise ValueRefusedError("the moment of consent lies in the future")


def _set_basis(consent: ConsentCells, cell: Cell) -> None:
    word = as_text(cell).strip().lower()
    basis = _BASIS_WORDS.get(word)
    if basis is None and word in YES:
        basis = "consent"
    if basis is None and word in NO:
        basis = ""
    if basis is None:
        raise ValueRefusedError(f"“{word[:40]}” is not one of {', '.join(BASES)}")
    consent.basis = basis


def _set_source(consent: ConsentCells, cell: Cell) -> None:
    consent.source = read_short(cell, _MAX_SOURCE)


def _set_wording(consent: ConsentCells, cell: Cell) -> None:
    consent.wording = read_text(cell)


def _set_reference(consent: ConsentCells, cell: Cell) -> None:
    consent.reference = read_short(cell, _MAX_SOURCE)


def _set_ip(consent: ConsentCells, cell: Cell) -> None:
    consent.ip = as_text(cell).strip()


def _set_requested_at(consent: ConsentCells, cell: Cell) -> None:
    consent.requested_at = read_moment(cell)


def _set_requested_ip(consent: ConsentCells, cell: Cell) -> None:
    consent.requested_ip = as_text(cell).strip()


def _set_opens(consent: ConsentCells, cell: Cell) -> None:
    consent.opens = bool(READERS["boolean"](cell))


def _set_clicks(consent: ConsentCells, cell: Cell) -> None:
    consent.clicks = bool(READERS["boolean"](cell))


_SETTERS: dict[str, Callable[[ConsentCells, Cell], None]] = {
    "consent_basis": _set_basis,
    "consent_source": _set_source,
    "consent_wording": _set_wording,
    "consent_reference": _set_reference,
    "consent_ip": _set_ip,
    "requested_at": _set_requested_at,
    "requested_ip": _set_requested_ip,
    "opens": _set_opens,
    "clicks": _set_clicks,
}
CONSENT_TARGETS = frozenset({"consent_at", *_SETTERS})
