"""What a row of a file makes of a person we know: one set of SQL expressions for dry run, merge and undo.

They stand over `st` (the staged row) and `s` (the person), and ask for the parameter `policy`. Whatever the policy,
an empty cell changes nothing, and lists and consent are not its matter.
"""

from typing import Final

SKIP: Final = "skip"
FILL: Final = "fill"
OVERWRITE: Final = "overwrite"
POLICIES: Final = (OVERWRITE, FILL, SKIP)

TEXTS: Final = ("name", "language", "time_zone")


def text_after(name: str) -> str:
    """The value of a text column after the import."""
    return (
        f"CASE WHEN st.{name} = '' OR %(policy)s = 'skip' OR (%(policy)s = 'fill' AND s.{name} <> '')"
        f" THEN s.{name} ELSE st.{name} END"
    )


_FILLED: Final = """(SELECT COALESCE(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(s.fields) e
    WHERE e.value NOT IN ('""', '[]', 'null'))"""
FIELDS_AFTER: Final = f"""CASE WHEN %(policy)s = 'skip' OR st.fields = '{{}}' THEN s.fields
    WHEN %(policy)s = 'fill' THEN s.fields || st.fields || {_FILLED} ELSE s.fields || st.fields END"""

# Whether anything of the person's own row changes.
CHANGES: Final = (
    " OR ".join(f"s.{name} <> {text_after(name)}" for name in TEXTS)
    + f" OR s.fields IS DISTINCT FROM {FIELDS_AFTER}"
)

_NEW_TAGS: Final = """t.name = ANY(st.tags) AND NOT EXISTS (
    SELECT FROM subscribers_subscriber_tags h WHERE h.subscriber_id = s.id AND h.tag_id = t.id)"""
NEW_TAG_IDS: Final = f"""CASE WHEN %(policy)s = 'skip' OR cardinality(st.tags) = 0 THEN '{{}}' ELSE ARRAY(
    SELECT t.id FROM subscribers_tag t WHERE {_NEW_TAGS} ORDER BY t.id) END"""  # noqa: S608 - made of our own fragments; every value is a parameter


def _object(values: dict[str, str]) -> str:
    """The texts that change, as a JSON object of the given expressions."""
    return " || ".join(
        f"CASE WHEN s.{name} <> {text_after(name)} THEN jsonb_build_object('{name}', {value}) ELSE '{{}}' END"
        for name, value in values.items()
    )


def _fields(value: str) -> str:
    return f"""jsonb_build_object('fields', (SELECT COALESCE(jsonb_object_agg(e.key, {value}), '{{}}')
        FROM jsonb_each({FIELDS_AFTER}) e WHERE s.fields->e.key IS DISTINCT FROM e.value))"""  # noqa: S608 - made of our own fragments; every value is a parameter


# Of what changes alone: the values before (null where there is none yet) and after.
FORMER: Final = f"{_object({name: f's.{name}' for name in TEXTS})} || {_fields('s.fields->e.key')}"
GIVEN: Final = f"{_object({name: text_after(name) for name in TEXTS})} || {_fields('e.value')}"
