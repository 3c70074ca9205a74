"""The columns of `Profile` that are derived from the ledger: on what basis we may write to or track people.

For each topic (marketing, a contract, legitimate interest, opens, clicks) the newest grant counts, unless a
"no" (withdrawn, objected, refused) came after it. A grant that a record `annulled` names (an import that was
taken back) counts for nothing, and is no "no" either: the same people can be imported again. After a "no" only the
person's own act counts again: granted by them through a link that only their mailbox has. A grant for somebody who
is suppressed counts only if it is their own and was recorded since. Records about one list (`form` = "list:...")
move no basis.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

LOCK_PROFILES = """
    INSERT INTO subscribers_profile (subscriber_id, joined_at, marketing_basis, contract_basis, service_basis,
        opens_allowed, clicks_allowed, list_ids, tag_ids, opens, clicks)
    SELECT s.id, s.created_at, 'none', false, false, false, false, '{}', '{}', 0, 0
    FROM subscribers_subscriber s LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
    WHERE s.id = ANY(%(ids)s) AND p.subscriber_id IS NULL ORDER BY s.id ON CONFLICT DO NOTHING;
    SELECT FROM subscribers_profile WHERE subscriber_id = ANY(%(ids)s) ORDER BY subscriber_id FOR UPDATE
"""

# One pass without a join between the parts: on a young database, whose statistics say "one row", the planner
# would loop over them.
DERIVE = """
WITH said AS (
    SELECT s.id AS subscriber_id, s.email_key, r.id, r.act, r.confirms, r.lawful_basis, r.recorded_at,
           r.actor = 'person' AND r.method IN ('double_opt_in', 'page', 'one_click') AS own,
           CASE WHEN r.purpose = 'marketing_email' AND r.lawful_basis IN ('contract', 'legitimate_interest')
                THEN r.lawful_basis ELSE r.purpose END AS topic
    FROM subscribers_subscriber s JOIN subscribers_consentrecord r ON r.subject = s.public_id
    WHERE s.id = ANY(%(ids)s) AND r.form NOT LIKE 'list:%%'
), weighed AS (
    SELECT *, max(id) FILTER (WHERE act IN ('withdrawn', 'objected', 'refused'))
                  OVER (PARTITION BY subscriber_id, topic) AS no_id,
              array_agg(confirms) FILTER (WHERE act = 'annulled') OVER (PARTITION BY subscriber_id) AS annulled
    FROM said
), counted AS (
    SELECT *, act = 'granted' AND id <> ALL(coalesce(annulled, '{}'))
              AND (no_id IS NULL OR id > no_id AND (own OR topic = 'contract')) AS counts
    FROM weighed
), derived AS (
    SELECT subscriber_id,
           (array_agg(lawful_basis ORDER BY id DESC) FILTER (WHERE counts AND topic = 'marketing_email'))[1]
               AS granted,
           max(recorded_at) FILTER (WHERE counts AND own AND topic = 'marketing_email') AS own_at,
           bool_or(topic = 'marketing_email' AND act IN ('withdrawn', 'objected')) AS withdrawn,
           bool_or(counts AND topic = 'contract') AS contract,
           bool_or(counts AND topic = 'legitimate_interest') AS service,
           bool_or(counts AND topic = 'open_tracking') AS opens,
           bool_or(counts AND topic = 'click_tracking') AS clicks,
           (SELECT max(x.created_at) FROM subscribers_suppression x
            WHERE x.email_key = counted.email_key AND x.lifted_at IS NULL) AS suppressed_at
    FROM counted GROUP BY subscriber_id, email_key
), settled AS (
    SELECT p.subscriber_id, d.contract, d.service, d.opens, d.clicks,
           CASE WHEN d.granted IS NOT NULL AND (d.suppressed_at IS NULL OR d.own_at >= d.suppressed_at
                     OR p.marketing_basis IN ('consent', 'soft_opt_in')) THEN d.granted
                WHEN d.withdrawn THEN 'withdrawn' ELSE 'none' END AS marketing
    FROM derived d JOIN subscribers_profile p ON p.subscriber_id = d.subscriber_id
)
UPDATE subscribers_profile p SET marketing_basis = d.marketing, contract_basis = d.contract,
    service_basis = d.service, opens_allowed = d.opens, clicks_allowed = d.clicks
FROM settled d WHERE d.subscriber_id = p.subscriber_id
AND (p.marketing_basis, p.contract_basis, p.service_basis, p.opens_allowed, p.clicks_allowed) IS DISTINCT FROM
    (d.marketing, d.contract, d.service, d.opens, d.clicks)
"""


@contextmanager
def by_index(cursor: Any) -> Iterator[None]:
    """Have people looked up by index whatever the statistics say: a chunk is a small part of any grown table."""
    cursor.execute("SELECT current_setting('enable_seqscan'), set_config('enable_seqscan', 'off', true)")
    before = cursor.fetchone()[0]
    yield
    cursor.execute("SELECT set_config('enable_seqscan', %s, true)", [before])


def lock_profiles(cursor: Any, subscriber_ids: Sequence[int]) -> None:
    """Lock these people's profiles in ascending order, making those that are missing."""
    make, lock = LOCK_PROFILES.split(";")
    ids = {"ids": sorted(set(subscriber_ids))}
    with by_index(cursor):
        cursor.execute(make, ids)
        cursor.execute(lock, ids)


def derive(cursor: Any, subscriber_ids: Sequence[int]) -> int:
    """Bring these people's profiles up to what the ledger says; return how many changed."""
    with by_index(cursor):
        cursor.execute(DERIVE, {"ids": sorted(set(subscriber_ids))})
        changed: int = cursor.rowcount
    return changed
