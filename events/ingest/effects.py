"""What new messages change, step by step, inside one transaction. The order of the steps is the order of locks."""

import functools
from collections.abc import Sequence
from datetime import datetime

from events import providers
from events.kinds import Kind, outcome_of, suppression_reason
from events.machines import by_user_agent
from mailplatform.core import keys
from subscribers.services import profiles, suppression

from . import links, outcomes, store
from .merging import Engagement, People, Standing, apply
from .reading import Hit, hour_of

_TOUCHES = frozenset({Kind.DELIVERY, Kind.OPEN, Kind.CLICK})


def apply_all(cursor: store.Cursor, hits: list[Hit], now: datetime) -> None:
    """Store the events of `hits` that are new and let them take effect."""
    counted, people = People(), People()
    store.match_untagged(cursor, hits, now)
    for hit in hits:
        if hit.is_foreign:
            counted[0, hit.hour, "foreign", 0, False] += 1
    ours = [hit for hit in hits if not hit.is_foreign]
    _suppress(cursor, ours)
    _ask_consent(cursor, ours, counted)
    allowed = _without_copies([hit for hit in ours if hit.is_allowed and not hit.is_inert])
    _name_links(cursor, allowed)
    before = store.clicked_before(cursor, [hit for hit in allowed if hit.link_id])
    new = store.insert_events(cursor, allowed, now)
    _count(new, before, counted, people)
    _stand(cursor, new, people)
    _engage(cursor, new)
    store.add_counters(cursor, counted, people)


def _without_copies(hits: list[Hit]) -> list[Hit]:
    found: dict[tuple[datetime, bytes], Hit] = {}
    for hit in hits:
        found.setdefault(hit.identity, hit)
    return list(found.values())


def _suppress(cursor: store.Cursor, hits: list[Hit]) -> None:
    """Hard bounces and complaints end all mail to the address, by its keyed hash, known person or not."""
    rows = []
    for hit in hits:
        event = hit.event
        reason = suppression_reason(event.kind, event.subtype)
        if reason and event.recipient:
            detail = event.detail or event.subtype
            rows.append((keys.email_key(event.recipient), reason, "ses_event", detail, event.occurred_at))
    if rows:
        suppression.suppress_keys(cursor, rows)


def _ask_consent(cursor: store.Cursor, hits: list[Hit], counted: People) -> None:
    """Before anything of an open or click is stored: is it allowed? If not, a number remains."""
    ids = {hit.subscriber_id for hit in hits if hit.subscriber_id is not None}
    # All profiles that this transaction will touch are locked here, in one go: a second go could deadlock.
    touched = {
        hit.subscriber_id for hit in hits if hit.event.kind in _TOUCHES and hit.subscriber_id is not None
    }
    consent = store.lock_people(cursor, ids, touched)
    for hit in hits:
        allows = consent.get(hit.subscriber_id) if hit.subscriber_id is not None else None
        hit.person_exists = allows is not None
        if not hit.event.is_engagement:
            continue
        allowed = allows is not None and allows[0 if hit.event.kind is Kind.OPEN else 1]
        hit.is_allowed = allowed and hit.run_id is not None
        if hit.is_allowed:
            hit.machine_reason = by_user_agent(hit.event.kind, hit.event.user_agent, hit.event.method)
        elif not hit.is_inert:
            counted[hit.run_id or 0, hit.hour, f"{hit.event.kind.value}_untracked", 0, False] += 1


def _name_links(cursor: store.Cursor, hits: list[Hit]) -> None:
    wanted: dict[tuple[int, bytes], str] = {}
    places: list[tuple[Hit, tuple[int, bytes]]] = []
    for hit in hits:
        if hit.event.kind is Kind.CLICK and hit.event.link and hit.run_id is not None:
            address = links.shared_address(hit.event.link, hit.event.recipient)
            place = hit.run_id, links.digest(address)
            wanted[place] = address
            places.append((hit, place))
    ids = store.link_ids(cursor, wanted)
    for hit, place in places:
        hit.link_id = ids[place]


def _count(new: Sequence[Hit], before: store.Clicks, counted: People, people: People) -> None:
    """Count new events; and people where they followed a link for the first time."""
    firsts = dict(before)
    for hit in new:
        is_machine, at = bool(hit.machine_reason), hit.event.occurred_at
        place = (hit.run_id or 0, hit.hour, hit.event.kind.value, hit.link_id, is_machine)
        counted[place] += 1
        if not hit.link_id or hit.key is None or not hit.person_exists:
            continue
        click = (*hit.key, hit.link_id, is_machine)
        first = firsts.get(click)
        if first is not None and first <= at:
            continue
        firsts[click] = at
        people[place] += 1
        if first is not None:
            people[place[0], hour_of(first), *place[2:]] -= 1


def _stand(cursor: store.Cursor, new: Sequence[Hit], people: People) -> None:
    """Raise the outcomes and note who moved."""
    by_person: dict[tuple[int, int], list[Hit]] = {}
    for hit in new:
        if hit.key is not None and outcome_of(hit.event.kind, hit.event.subtype, hit.event.detail):
            by_person.setdefault(hit.key, []).append(hit)
    merges: dict[outcomes.Key, outcomes.Merge] = {
        key: functools.partial(_merge, hits) for key, hits in by_person.items()
    }
    outcomes.raise_outcomes(cursor, merges, people)


def _merge(hits: list[Hit], standing: Standing) -> None:
    for hit in hits:
        apply(standing, hit, provider=providers.provider_of(hit.event.recipient))


def _engage(cursor: store.Cursor, new: Sequence[Hit]) -> None:
    """Tell the profiles: when a person last got, opened or clicked something. Machines do not count."""
    rows: dict[int, Engagement] = {}
    for hit in new:
        key = hit.key
        if key is None or hit.event.kind not in _TOUCHES or not hit.person_exists or hit.machine_reason:
            continue
        rows.setdefault(key[1], Engagement(key[1])).add(hit)
    if rows:
        profiles.touch_engagement(cursor, [rows[number].row() for number in sorted(rows)], is_locked=True)
