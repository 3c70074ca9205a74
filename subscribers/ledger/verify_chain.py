"""Checking the live ledger: every record, every seal, the chain of blocks, and the signed checkpoints."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from . import checkpoints, encoding, export, keys, merkle
from .blocks import Block, Head, head_of, link_faults
from .report import Kind, Report
from .rows import Row


@dataclass(frozen=True, slots=True)
class Sealed:
    """A block as stored: the seal, the hash it was stored under, and the leaf hashes of its records."""

    block: Block
    stored_hash: bytes
    leaves: bytes


@dataclass(slots=True)
class _State:
    report: Report
    keys: Mapping[str, bytes]
    notices: set[str]
    anchors: dict[int, str]
    head: Head = field(default_factory=Head)
    blanked: dict[str, int] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)


def verify_ledger(
    *,
    blocks: Iterable[Sealed],
    rows: Iterable[Row],
    public_keys: Sequence[keys.PublicKey],
    notices: Iterable[export.Notice],
    audit: checkpoints.Audit,
) -> Report:
    """Check the whole ledger and name every record that was changed, removed, added or cut from the tail.

    `audit` is what the checkpoints say; it must be read before the ledger, which may grow meanwhile.
    `blocks` and `rows` come in ascending order and are read side by side, so memory stays flat. A row may be
    a record whose personal data is gone; that is a fault unless the ledger records the erasure of its person.
    """
    report = Report()
    for fault in keys.chain_faults(public_keys):
        report.add(Kind.KEY, fault)
    trusted = {key.key_id: key.public_key for key in public_keys}
    for fault in audit.faults:
        report.add(Kind.CHECKPOINT, fault)
    state = _State(report, trusted, _notices(notices, report), audit.hashes)
    stream = _Stream(rows)
    for sealed in blocks:
        _check_block(sealed, stream, state)
    _check_tail(stream, audit.newest, state)
    for subject, record_id in state.blanked.items():
        if subject not in state.erased:
            report.add(
                Kind.CHANGED,
                f"the personal data of record {record_id} was taken out without an erasure",
                record_id,
            )
    report.head = f"block {state.head.number}, record {state.head.last_id}"
    return report


class _Stream:
    """Rows in ascending order, taken up to a given record."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def up_to(self, last_id: int) -> Iterator[Row]:
        while self._next is not None and self._next.id <= last_id:
            row, self._next = self._next, next(self._rows, None)
            yield row

    def rest(self) -> Iterator[Row]:
        while self._next is not None:
            row, self._next = self._next, next(self._rows, None)
            yield row


def _notices(notices: Iterable[export.Notice], report: Report) -> set[str]:
    known = set()
    for notice in notices:
        known.add(notice.hash)
        expected = encoding.notice_hash(
            version=notice.version, language=notice.language, purpose=notice.purpose, text=notice.text
        )
        if expected != notice.hash:
            name = f"{notice.purpose} version {notice.version} ({notice.language})"
            report.add(Kind.CHANGED, f"the wording {name} was changed")
    return known


def _check_block(sealed: Sealed, stream: _Stream, state: _State) -> None:
    block, report = sealed.block, state.report
    name = f"block {block.number} (records {block.first_id} to {block.last_id})"
    report.blocks += 1
    _name_gap(block, state)
    for fault in link_faults(block, state.head):
        report.add(Kind.SEAL, fault)
    public_key = state.keys.get(block.key_id)
    if public_key is None or not keys.verify(public_key, block.signature, block.payload()):
        report.add(Kind.SEAL, f"{name}: its seal is not signed by a key of the ledger")
    if sealed.stored_hash != block.hash:
        report.add(Kind.SEAL, f"{name}: it is stored under another hash than its own")
    anchor = state.anchors.get(block.number)
    if anchor is not None and anchor != block.hash.hex():
        report.add(Kind.CHECKPOINT, f"{name} is not the block that the checkpoint of that number names")
    _check_rows(sealed, stream, state, name)
    state.head = head_of(block)


def _name_gap(block: Block, state: _State) -> None:
    """Name records whose whole block is gone from the middle."""
    for record_id in range(state.head.last_id + 1, min(block.first_id, state.head.last_id + 10_001)):
        state.report.add(Kind.REMOVED, f"record {record_id} was removed with its seal", record_id)


def _check_rows(sealed: Sealed, stream: _Stream, state: _State, name: str) -> None:
    block, stored = sealed.block, merkle.split(sealed.leaves)
    honest = len(stored) == block.count and merkle.root(stored) == block.root
    found: dict[int, Row] = {}
    for row in stream.up_to(block.last_id):
        state.report.records += 1
        if row.id < block.first_id:
            state.report.add(Kind.ADDED, f"record {row.id} was added: no block seals it", row.id)
        else:
            found[row.id] = row
    if not honest:
        _check_without_leaves(block, found, state, name)
    for place, record_id in enumerate(range(block.first_id, block.last_id + 1)):
        present = found.get(record_id)
        if present is None:
            state.report.add(Kind.REMOVED, f"record {record_id} was removed", record_id)
        elif honest and present.leaf() != stored[place]:
            state.report.add(Kind.CHANGED, f"record {record_id} was changed", record_id)
        else:
            _check_personal(present, state)


def _check_without_leaves(block: Block, found: Mapping[int, Row], state: _State, name: str) -> None:
    """The leaf list itself was tampered with: the sealed root still says whether the records are whole."""
    state.report.add(Kind.SEAL, f"{name}: its list of leaf hashes was changed")
    leaves = [found[record_id].leaf() for record_id in sorted(found)]
    if len(leaves) == block.count and merkle.root(leaves) != block.root:
        one = block.first_id if block.count == 1 else None
        which = (
            f"record {one} was changed"
            if one
            else f"one or more of records {block.first_id} to {block.last_id} were changed"
        )
        state.report.add(Kind.CHANGED, which, one)


def _check_personal(row: Row, state: _State) -> None:
    if row.record.act == "erased":
        state.erased.add(row.record.subject)
    if row.is_erased:
        state.report.erased += 1
        state.blanked.setdefault(row.record.subject, row.id)
    elif not row.keeps_its_commitment():
        state.report.add(Kind.CHANGED, f"the personal data of record {row.id} was changed", row.id)
    if row.record.notice_hash and row.record.notice_hash not in state.notices:
        state.report.add(Kind.REMOVED, f"the wording that record {row.id} names was removed", row.id)


def _check_tail(stream: _Stream, newest: checkpoints.Checkpoint | None, state: _State) -> None:
    for row in stream.rest():
        state.report.records += 1
        state.report.add(Kind.ADDED, f"record {row.id} was added: no block seals it", row.id)
    if newest is None:
        if state.head.number:
            state.report.add(
                Kind.CHECKPOINT, "there is no checkpoint: nothing outside the database vouches for the tail"
            )
        return
    when = newest.sealed_at[:16].replace("T", " ")
    state.report.notes.append(
        f"Newest checkpoint: block {newest.block}, record {newest.last_id}, {when} UTC."
    )
    if newest.block > state.head.number:
        for record_id in range(state.head.last_id + 1, newest.last_id + 1)[:10_000]:
            state.report.add(Kind.CUT, f"record {record_id} was cut from the tail", record_id)
        if newest.last_id <= state.head.last_id:
            state.report.add(
                Kind.CUT, f"blocks {state.head.number + 1} to {newest.block} were cut from the tail"
            )
