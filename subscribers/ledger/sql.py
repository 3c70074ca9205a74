r"""The canonical bytes of `encoding`, made by Postgres: an import's records are hashed where they are written.

Each function returns an SQL expression over the given expressions. A property test holds them to `encoding`,
which stays the rule. The database's encoding is UTF-8, so that the bytes of a text are its own.
"""

from collections.abc import Sequence
from typing import Final

from . import encoding, rows
from .merkle import LEAF_PREFIX

# 244 random bits in 32 bytes: two version 4 UUIDs, each from the server's cryptographic source.
SALT: Final = "uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())"
_DANGEROUS: Final = ",".join(str(ord(sign)) for sign in rows.DANGEROUS)
_HEAD: Final = (LEAF_PREFIX + encoding.MAGIC).hex()


def time_text(moment: str) -> str:
    """As `encoding.format_time`, for the years 1000 to 9999."""
    return f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def guarded(text: str) -> str:
    """A cell as `rows.csv_line` guards it: an apostrophe before what a spreadsheet would run."""
    return f"CASE WHEN ascii({text}) = ANY ('{{{_DANGEROUS}}}') THEN '''' || {text} ELSE {text} END"


def json_text(text: str) -> str:
    """As `encoding.canonical_text`."""
    return f"to_json({text})::text"


def commitment(salt: str, personal: str) -> str:
    """As `encoding.commitment`: 32 bytes over a salt and the canonical JSON of the personal data."""
    return (
        f"sha256('\\x{encoding.COMMITMENT_PREFIX.hex()}'::bytea || {salt} || convert_to({personal}, 'UTF8'))"
    )


def leaf(fields: Sequence[str]) -> str:
    """As `encoding.leaf`: the 32-byte hash over text expressions in the order of `encoding.Record`."""
    if len(fields) != len(encoding.Record._fields):
        raise encoding.EncodingError(f"a record has {len(encoding.Record._fields)} fields, not {len(fields)}")
    packed = " || ".join(f"int4send(octet_length({text})) || convert_to({text}, 'UTF8')" for text in fields)
    return f"sha256('\\x{_HEAD}'::bytea || {packed})"
