"""What a process keeps of runs: asked once, for a bounded number of runs, and never for long that there is nothing."""

import pytest

from campaigns.own_links import key_of as key
from campaigns.selectors.own_links import NoSuchLink
from events import tracked_runs
from events.tracked_runs import TrackedRuns
from tests.factories.events import make_person, make_run
from tests.factories.tracking import SHOP, make_tracked_run

pytestmark = pytest.mark.django_db
PERSONAL = "https://shop.example/?n={{html.name}}"


def test_run_is_read_once(django_assert_num_queries: object) -> None:
    run, runs = make_tracked_run(SHOP, PERSONAL), TrackedRuns()
    assert runs.known_place(run.pk, key(SHOP)) is None
    assert runs.place(run.pk, key(SHOP), 0) == SHOP.encode()
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert runs.place(run.pk, key(SHOP), 0) == SHOP.encode()
        assert runs.known_place(run.pk, key(SHOP)) == SHOP.encode()
        assert runs.known_place(run.pk, key(PERSONAL)) is None
        assert runs.links(run.pk) is not None


def test_link_of_a_person_is_asked_for_each_time() -> None:
    run, person, runs = make_tracked_run(PERSONAL), make_person(), TrackedRuns()
    assert runs.place(run.pk, key(PERSONAL), person.pk) == b"https://shop.example/?n=Ada"
    type(person).objects.filter(pk=person.pk).update(name="Eve")
    assert runs.place(run.pk, key(PERSONAL), person.pk) == b"https://shop.example/?n=Eve"


def test_what_is_not_there_is_asked_for_again_after_a_while() -> None:
    now = [0.0]
    runs, next_id = TrackedRuns(lambda: now[0]), make_run().pk + 1
    with pytest.raises(NoSuchLink):
        runs.place(next_id, key(SHOP), 0)
    assert make_tracked_run().pk == next_id
    assert runs.links(next_id) is None
    with pytest.raises(NoSuchLink):
        runs.known_place(next_id, key(SHOP))
    now[0] = tracked_runs.UNTRACKED_S
    assert runs.known_place(next_id, key(SHOP)) is None
    assert runs.links(next_id) is not None


def test_only_the_runs_asked_for_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracked_runs, "MOST", 2)
    first, second, third = (make_tracked_run() for _ in range(3))
    runs = TrackedRuns()
    for run in (first, second, first, third):
        runs.links(run.pk)
    known = [runs.known_place(run.pk, key(SHOP)) is not None for run in (first, second, third)]
    assert known == [True, False, True]
