r"""The canonical bytes of `encoding`, made by Postgres: an import's records are hashed where they are written.

Each function returns an SQL expression over the given expressions. A property test holds them to `encoding`,
which stays the rule. The database's encoding is UTF-8, so that the bytes of a text are its own.
"""

from collections.abc import Mapping
from typing import Final

from . import encoding, rows
from .merkle import LEAF_PREFIX

# 244 random bits in 32 bytes: two version 4 UUIDs, each from the server's cryptographic source.
SEED: Final = "uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())"
_DANGEROUS: Final = ",".join(str(ord(sign)) for sign in rows.DANGEROUS)
# Bytes of the fields that are always of one length.
_SIZES: Final = {"subject": 36, "occurred_at": 27, "recorded_at": 27, "commitment": 64}


def time_text(moment: str) -> str:
    """As `encoding.format_time`, for the years 1000 to 9999."""
    return f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def guarded(text: str) -> str:
    """A cell as `rows.csv_line` guards it: an apostrophe before what a spreadsheet would run."""
    return f"CASE WHEN ascii({text}) = ANY ('{{{_DANGEROUS}}}') THEN '''' || {text} ELSE {text} END"


def json_text(text: str) -> str:
    """As `encoding.canonical_text`."""
    return f"to_json({text})::text"


def salt(seed: str, position: str) -> str:
    """The 32-byte salt of one of many records, from a `SEED` that is made once for all of them and kept nowhere.

    As unguessable as the seed, also for whoever knows the other salts, and asks the source of randomness but once.
    """
    return f"sha256({seed} || int8send({position}))"


def commitment(salt: str, personal: str) -> str:
    """As `encoding.commitment`: 32 bytes over a salt and the canonical JSON of the personal data."""
    return (
        f"sha256('\\x{encoding.COMMITMENT_PREFIX.hex()}'::bytea || {salt} || convert_to({personal}, 'UTF8'))"
    )


def leaf(fields: Mapping[str, str], known: Mapping[str, str]) -> str:
    """As `encoding.leaf`: the 32-byte hash of a record, of which all that is `known` is the same in every row.

    `fields` are SQL expressions by the names of `encoding.Record`, `known` are values. What is known is packed here,
    once, and not row by row.
    """
    if {*fields, *known} != set(encoding.Record._fields) or fields.keys() & known.keys():
        raise encoding.EncodingError("each field of a record is either an expression or known")
    pieces, fixed = list[str](), LEAF_PREFIX + encoding.MAGIC
    for name in encoding.Record._fields:
        if name in known:
            fixed += encoding.pack_one(known[name])
            continue
        size = _SIZES.get(name)
        if size:
            fixed += size.to_bytes(4, "big")
        text = fields[name]
        counted = "" if size else f"int4send(octet_length({text})) || "
        pieces += [_bytes(fixed), f"{counted}convert_to({text}, 'UTF8')"]
        fixed = b""
    return f"sha256({' || '.join(filter(None, [*pieces, _bytes(fixed)]))})"


def _bytes(fixed: bytes) -> str:
    return f"'\\x{fixed.hex()}'::bytea" if fixed else ""
