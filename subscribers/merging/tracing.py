"""What a chunk did, remembered so that it can be taken back: written in the chunk's own transaction.

New people are named by the range of their ids (together with their source), people we knew by one row each.
"""

import json
from typing import Any, Final

from django.db.backends.utils import CursorWrapper

from . import policy

# People whom another import brought in within the last day are remembered even where nothing changes: an undo of
# that import must see that this one names them, too.
_REMEMBER: Final = f"""
INSERT INTO subscribers_importtrace (job_id, chunk, subscriber_id, former, given, tag_ids, joined, outcome)
SELECT %(job)s, %(chunk)s, s.id, {policy.FORMER}, {policy.GIVEN}, {policy.NEW_TAG_IDS}, CASE
        WHEN %(list)s = 0 OR l.state = 'confirmed' THEN '' WHEN l.state IS NULL THEN 'added' ELSE 'confirmed' END, ''
FROM import_chunk st
JOIN subscribers_subscriber s ON s.id = st.subscriber_id
LEFT JOIN subscribers_subscription l ON l.subscriber_id = s.id AND l.mailing_list_id = %(list)s
WHERE st.kind <> 'new' AND st.reason IS NULL AND (st.kind = 'changed'
    OR (s.created_at > %(now)s - interval '1 day' AND s.source LIKE 'import %%'))
ON CONFLICT DO NOTHING
"""  # noqa: S608 - made of our own fragments; every value is a parameter
_PEOPLE: Final = """
SELECT min(subscriber_id), max(subscriber_id) FROM import_chunk WHERE kind = 'new' AND reason IS NULL
"""
_TAGS: Final = """
SELECT COALESCE(array_agg(t.id ORDER BY t.id), '{}') FROM subscribers_tag t WHERE t.name IN (
    SELECT DISTINCT unnest(tags) FROM import_chunk
    WHERE kind = 'new' AND reason IS NULL AND cardinality(tags) > 0)
"""
_NOTE: Final = "UPDATE subscribers_importjob SET made = made || jsonb_build_array(%s::jsonb) WHERE id = %s"


def remember(cursor: CursorWrapper, params: dict[str, Any]) -> None:
    """Store the former values of people we knew, before they change."""
    cursor.execute(_REMEMBER, params)


def note_chunk(cursor: CursorWrapper, params: dict[str, Any], records: range) -> None:
    """Note, after everything is written, whom the chunk made and which consent records it left."""
    cursor.execute(_PEOPLE)
    first, last = cursor.fetchone()
    cursor.execute(_TAGS)
    made = {
        "people": [first or 0, last or 0],
        "records": [records.start, records.stop - 1] if records else [0, 0],
        "tags": list(cursor.fetchone()[0]),
    }
    cursor.execute(_NOTE, [json.dumps(made), params["job"]])
