"""What the importer declares about the consent of the people in a file, and what follows for one row.

Unknown means no: a row without its own evidence, where the file promises some, is stored without a basis.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ..importing.consent_cells import BASES, ConsentCells
from ..services.consent import minimise_ip

# What a basis other than consent must name (GDPR Art. 5(2); ePrivacy Art. 13(2) for the existing customer).
REFERENCE_NEEDED = {
    "soft_opt_in": "the number of the order",
    "contract": "the number of the contract",
    "legitimate_interest": "the balancing test on file",
}


class StatementError(ValueError):
    """The declaration is not complete; the message says what is missing."""


@dataclass(frozen=True)
class Statement:
    """The declaration for a whole file. Columns of the file, where mapped, win for their row.

    ``basis`` is a lawful basis or ``none``; ``wording`` the exact words the people agreed to, ``tracking_wording``
    those for tracking (the same, when empty); ``occurred_at`` when, for rows without a date of their own.
    ``similar`` and ``opt_out`` are the two conditions of a soft opt-in, see `check_soft_opt_in`.
    """

    basis: str = "none"
    source: str = ""
    wording: str = ""
    tracking_wording: str = ""
    reference: str = ""
    occurred_at: datetime | None = None
    language: str = "en"
    similar: bool = False
    opt_out: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the statement as it is stored with the import."""
        stored = asdict(self)
        stored["occurred_at"] = self.occurred_at.isoformat() if self.occurred_at else ""
        return stored

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Statement":
        """Return the statement as it was stored by ``to_json``."""
        moment = stored.get("occurred_at") or ""
        return cls(**{**stored, "occurred_at": datetime.fromisoformat(moment) if moment else None})


def check_statement(statement: Statement, targets: set[str], *, now: datetime) -> None:
    """Refuse a declaration that claims a basis without saying which words, where and when.

    ``targets`` are the targets of the mapped columns. Raises StatementError.
    """
    if statement.basis not in {*BASES, "none"}:
        raise StatementError("Say on what basis you may write to these people.")
    if statement.occurred_at and statement.occurred_at > now:
        raise StatementError("The day of consent lies in the future.")
    claims = statement.basis != "none" or "consent_basis" in targets
    if claims:
        _check_claim(statement, targets)


def _check_claim(statement: Statement, targets: set[str]) -> None:
    if not statement.source and "consent_source" not in targets:
        raise StatementError("Say where the people agreed, for example “form on the website”.")
    if statement.occurred_at is None and "consent_at" not in targets:
        raise StatementError("Say when the people agreed, or map the column that holds the date.")
    needs_wording = statement.basis == "consent" or "consent_basis" in targets
    if needs_wording and not statement.wording and "consent_wording" not in targets:
        raise StatementError("Give the exact words that the people agreed to.")
    missing = REFERENCE_NEEDED.get(statement.basis)
    if missing and not statement.reference and "consent_reference" not in targets:
        raise StatementError(f"Give {missing}, or map the column that holds it.")
    if statement.basis == "soft_opt_in":
        check_soft_opt_in(
            similar=statement.similar,
            opt_out=statement.opt_out,
            has_wording=bool(statement.wording) or "consent_wording" in targets,
            has_place=bool(statement.source) or "consent_source" in targets,
        )


def check_soft_opt_in(*, similar: bool, opt_out: bool, has_wording: bool, has_place: bool) -> None:
    """Refuse a soft opt-in without its two conditions, the words and the place, whichever way it comes in.

    ePrivacy Art. 13(2): ``similar`` says that mail about our own similar products was announced, ``opt_out`` that
    refusing it was offered when the address was collected. Raises StatementError.
    """
    if not similar:
        raise StatementError("A soft opt-in covers your own similar products only. Say that this was stated.")
    if not opt_out:
        raise StatementError(
            "A soft opt-in needs an opt-out that was offered when the address was collected."
        )
    if not has_wording:
        raise StatementError("Give the exact words that stood beside the opt-out.")
    if not has_place:
        raise StatementError("Say where the address was collected, for example “checkout of shop.example”.")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is recorded for one person; ``basis`` is empty where there is none. Of an IP address the network is kept."""

    basis: str = ""
    occurred_at: datetime | None = None
    source: str = ""
    wording: str = ""
    reference: str = ""
    opens: bool | None = None
    clicks: bool | None = None
    ip: str = ""
    requested_at: datetime | None = None
    requested_ip: str = ""


NOTHING = Evidence()


def evidence_of(cells: ConsentCells, statement: Statement) -> Evidence | str:
    """Return the evidence of one row, or the reason for which the row must be refused."""
    basis = cells.basis if cells.basis is not None else statement.basis.replace("none", "")
    if not basis or (cells.basis is None and cells.at_is_mapped and cells.at is None):
        return NOTHING
    found = Evidence(
        basis,
        cells.at or statement.occurred_at,
        cells.source or statement.source,
        cells.wording or statement.wording,
        cells.reference or statement.reference,
        cells.opens,
        cells.clicks,
        minimise_ip(cells.ip) if cells.ip else "",
        cells.requested_at,
        minimise_ip(cells.requested_ip) if cells.requested_ip else "",
    )
    return _gap(found, statement) or found


def _gap(found: Evidence, statement: Statement) -> str:
    if found.occurred_at is None:
        return "the row names a basis but no date of consent"
    if not found.source:
        return "the row names a basis but not where the person agreed"
    if found.basis == "consent" and not found.wording:
        return "the row claims consent but not to which words"
    if found.basis in REFERENCE_NEEDED and not found.reference:
        return f"the row needs {REFERENCE_NEEDED[found.basis]}"
    if found.basis == "soft_opt_in":
        return _gap_of_customer(found, statement)
    return ""


def _gap_of_customer(found: Evidence, statement: Statement) -> str:
    """A column can name an existing customer where the declaration says nothing of them."""
    if not (statement.similar and statement.opt_out):
        return "the row names an existing customer, but similar products and the opt-out were not declared"
    if not found.wording:
        return "the row names an existing customer but not the words beside the opt-out"
    return ""
