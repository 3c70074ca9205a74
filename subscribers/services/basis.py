"""The columns of `Profile` that are derived from the ledger: on what basis we may write to or track people.

For each topic (marketing, a contract, legitimate interest, opens, clicks) the newest grant counts, unless a
"no" (withdrawn, objected, refused) came after it. After a "no" only the person's own act counts again:
granted by them through a link that only their mailbox has. A grant for somebody who is suppressed counts only
if it is their own and was recorded since. Records about one list (`form` = "list:...") move no basis.
"""

from collections.abc import Sequence
from typing import Any

OWN_METHODS = ("double_opt_in", "page", "one_click")

LOCK_PROFILES = """
    INSERT INTO subscribers_profile (subscriber_id, joined_at, marketing_basis, contract_basis, service_basis,
        opens_allowed, clicks_allowed, list_ids, tag_ids, opens, clicks)
    SELECT s.id, s.created_at, 'none', false, false, false, false, '{}', '{}', 0, 0
    FROM subscribers_subscriber s LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
    WHERE s.id = ANY(%(ids)s) AND p.subscriber_id IS NULL ORDER BY s.id ON CONFLICT DO NOTHING;
    SELECT FROM subscribers_profile WHERE subscriber_id = ANY(%(ids)s) ORDER BY subscriber_id FOR UPDATE
"""

DERIVE = """
WITH said AS (
    SELECT s.id AS subscriber_id, r.id, r.act, r.lawful_basis, r.recorded_at,
           r.actor = 'person' AND r.method IN ('double_opt_in', 'page', 'one_click') AS own,
           CASE WHEN r.purpose = 'marketing_email' AND r.lawful_basis IN ('contract', 'legitimate_interest')
                THEN r.lawful_basis ELSE r.purpose END AS topic
    FROM subscribers_subscriber s JOIN subscribers_consentrecord r ON r.subject = s.public_id
    WHERE s.id = ANY(%(ids)s) AND r.form NOT LIKE 'list:%%'
), no AS (
    SELECT subscriber_id, topic, max(id) AS id, bool_or(act <> 'refused') AS withdrawn
    FROM said WHERE act IN ('withdrawn', 'objected', 'refused') GROUP BY 1, 2
), yes AS (
    SELECT DISTINCT ON (y.subscriber_id, y.topic) y.subscriber_id, y.topic, y.lawful_basis,
           max(y.recorded_at) FILTER (WHERE y.own) OVER (PARTITION BY y.subscriber_id, y.topic) AS own_at
    FROM said y LEFT JOIN no n ON n.subscriber_id = y.subscriber_id AND n.topic = y.topic
    WHERE y.act = 'granted' AND (n.id IS NULL OR y.id > n.id AND (y.own OR y.topic = 'contract'))
    ORDER BY y.subscriber_id, y.topic, y.id DESC
), granted AS (
    SELECT subscriber_id,
           max(lawful_basis) FILTER (WHERE topic = 'marketing_email') AS marketing,
           max(own_at) FILTER (WHERE topic = 'marketing_email') AS own_at,
           bool_or(topic = 'contract') AS contract,
           bool_or(topic = 'legitimate_interest') AS service,
           bool_or(topic = 'open_tracking') AS opens,
           bool_or(topic = 'click_tracking') AS clicks
    FROM yes GROUP BY 1
), denied AS (
    SELECT subscriber_id, bool_or(withdrawn) AS marketing FROM no WHERE topic = 'marketing_email' GROUP BY 1
), suppressed AS (
    SELECT s.id AS subscriber_id, max(x.created_at) AS since
    FROM subscribers_subscriber s JOIN subscribers_suppression x ON x.email_key = s.email_key
    WHERE s.id = ANY(%(ids)s) AND x.lifted_at IS NULL GROUP BY 1
), derived AS (
    SELECT p.subscriber_id,
           CASE WHEN g.marketing IS NOT NULL AND (x.since IS NULL OR g.own_at >= x.since
                     OR p.marketing_basis IN ('consent', 'soft_opt_in')) THEN g.marketing
                WHEN d.marketing THEN 'withdrawn' ELSE 'none' END AS marketing_basis,
           coalesce(g.contract, false) AS contract_basis, coalesce(g.service, false) AS service_basis,
           coalesce(g.opens, false) AS opens_allowed, coalesce(g.clicks, false) AS clicks_allowed
    FROM subscribers_profile p
    LEFT JOIN granted g ON g.subscriber_id = p.subscriber_id
    LEFT JOIN denied d ON d.subscriber_id = p.subscriber_id
    LEFT JOIN suppressed x ON x.subscriber_id = p.subscriber_id
    WHERE p.subscriber_id = ANY(%(ids)s)
)
UPDATE subscribers_profile p SET marketing_basis = d.marketing_basis, contract_basis = d.contract_basis,
    service_basis = d.service_basis, opens_allowed = d.opens_allowed, clicks_allowed = d.clicks_allowed
FROM derived d WHERE d.subscriber_id = p.subscriber_id
AND (p.marketing_basis, p.contract_basis, p.service_basis, p.opens_allowed, p.clicks_allowed) IS DISTINCT FROM
    (d.marketing_basis, d.contract_basis, d.service_basis, d.opens_allowed, d.clicks_allowed)
"""


def lock_profiles(cursor: Any, subscriber_ids: Sequence[int]) -> None:
    """Lock these people's profiles in ascending order, making those that are missing."""
    make, lock = LOCK_PROFILES.split(";")
    ids = {"ids": sorted(set(subscriber_ids))}
    cursor.execute(make, ids)
    cursor.execute(lock, ids)


def derive(cursor: Any, subscriber_ids: Sequence[int]) -> int:
    """Bring these people's profiles up to what the ledger says; return how many changed."""
    cursor.execute(DERIVE, {"ids": sorted(set(subscriber_ids))})
    changed: int = cursor.rowcount
    return changed
