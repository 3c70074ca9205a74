r"""Many records at once, as leaves and as lines of Postgres's COPY.

An import writes up to three records per person, so what all of them share is packed and escaped once, and a
record costs two hashes and two lines of text. The bytes are those of `encoding.leaf` and
`encoding.commitment`. COPY's text form: https://www.postgresql.org/docs/15/sql-copy.html, "Text Format".
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from . import encoding
from .merkle import LEAF_PREFIX
from .rows import personal_text

SCHEMA_VERSION: Final = "1"
SALT_SIZE: Final = encoding.SALT_SIZE
SHARED_FIELDS: Final = encoding.Record._fields[3:-3]  # purpose to confirms
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Shared(NamedTuple):
    """The `SHARED_FIELDS` of many records: as they are hashed, and as they stand in a line of COPY."""

    packed: bytes
    line: str


class Draft(NamedTuple):
    """One record to be, and the personal data beside it.

    `subject` is the person's UUID as text, `email_key` is in hex, `evidence` canonical JSON or empty,
    `occurred_at` as `encoding.format_time` writes it.
    """

    subscriber_id: int
    subject: str
    email: str
    email_key: str
    ip: str
    evidence: str
    shared: Shared
    occurred_at: str


class Written(NamedTuple):
    """The leaves' hashes, and the lines for the two tables, in the columns' order of `RECORDS`, `PERSONAL`."""

    leaves: list[bytes]
    records: list[str]
    personal: list[str]


RECORDS: Final = encoding.Record._fields
PERSONAL: Final = ("record_id", "subscriber_id", "email", "email_key", "ip", "evidence", "salt")


def share(texts: Sequence[str]) -> Shared:
    """Prepare the `SHARED_FIELDS`, given in their order."""
    return Shared(encoding.pack(texts), "\t".join([text.translate(_ESCAPES) for text in texts]))


def write(drafts: Sequence[Draft], *, first_id: int, recorded_at: str, salts: bytes) -> Written:
    """Number the drafts from `first_id`, bind each to its own 32 bytes of `salts`, and write them out."""
    if len(salts) != len(drafts) * SALT_SIZE:
        raise encoding.EncodingError(f"{len(drafts)} records need as many salts of {SALT_SIZE} bytes")
    made = Written([], [], [])
    head = LEAF_PREFIX + encoding.MAGIC
    version, recorded = encoding.pack([SCHEMA_VERSION]), encoding.pack([recorded_at])
    before: tuple[str, str, str] = ("", "", "")
    bound, escaped = b"{}", ("", "", "{}")
    for position, draft in enumerate(drafts):
        subscriber_id, subject, email, email_key, ip, evidence, shared, occurred_at = draft
        if before != (email, ip, evidence):
            before = (email, ip, evidence)
            bound = personal_text(email, ip, evidence).encode()
            escaped = (
                email.translate(_ESCAPES),
                ip.translate(_ESCAPES),
                (evidence or "{}").translate(_ESCAPES),
            )
        salt = salts[position * SALT_SIZE : (position + 1) * SALT_SIZE]
        commitment = sha256(encoding.COMMITMENT_PREFIX + salt + bound).hexdigest()
        number = str(first_id + position)
        made.leaves.append(
            sha256(
                b"%b%b%b%b%b%b%b%b"
                % (
                    head, encoding.pack_one(number), version, encoding.pack_one(subject), shared.packed,
                    encoding.pack_one(occurred_at), recorded, encoding.pack_one(commitment),
                )
            ).digest()
        )  # fmt: skip
        made.records.append(
            f"{number}\t{SCHEMA_VERSION}\t{subject}\t{shared.line}\t{occurred_at}\t{recorded_at}\t\\\\x{commitment}\n"
        )
        made.personal.append(
            f"{number}\t{subscriber_id}\t{escaped[0]}\t\\\\x{email_key}\t{escaped[1]}\t{escaped[2]}"
            f"\t\\\\x{salt.hex()}\n"
        )
    return made
