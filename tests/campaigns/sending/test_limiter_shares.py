"""How the rate is divided among those who send at once: simulated seconds, the real scripts, a real Redis."""

import itertools
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from campaigns.sending.limiter import MARKETING, SERVICE, SINGLE, Claimant, block_size, capacity
from tests.campaigns.sending.limiter_world import START, Worker, World

_numbers = itertools.count()
A, B, C = (Claimant(f"run:{name}", MARKETING) for name in "abc")
CONTRACT = Claimant("run:contract", SERVICE)
MAIL = Claimant("single", SINGLE)


@pytest.fixture
def world(redis_client: "redis.Redis[bytes]") -> Iterator[Callable[..., World]]:
    prefix = f"test:share:{time.time_ns()}:{next(_numbers)}"
    yield lambda rate: World(redis_client, prefix, rate)
    for key in redis_client.scan_iter(f"{prefix}*"):
        redis_client.delete(key)


@pytest.mark.parametrize("rate", [0.5, 1, 14, 200, 2000, 10_000])
def test_four_workers_use_the_rate_and_never_exceed_it(world: Callable[..., World], rate: float) -> None:
    made = world(rate)
    seconds = 60 if rate < 100 else 12
    made.run([Worker(A) for _ in range(4)], seconds)
    used = made.shares().total()
    # A block may have come together and not been taken yet.
    assert 0.97 * rate * seconds - block_size(rate) <= used <= rate * seconds + 1
    assert made.most_in_a_second() <= rate + capacity(rate)


@pytest.mark.parametrize("rate", [1, 14, 200, 2000])
@pytest.mark.parametrize("others", [1, 3])
def test_two_campaigns_share_whatever_their_workers_and_call_sizes(
    world: Callable[..., World], rate: float, others: int
) -> None:
    made = world(rate)
    seconds = 60 if rate < 100 else 16
    half = max(1, block_size(rate) // 2)
    made.run([Worker(A, busy=0.03), *[Worker(B, busy=0.08, most=half) for _ in range(others)]], seconds)
    shares = made.shares()
    assert shares[A.key] == pytest.approx(rate * seconds / 2, rel=0.1)
    assert shares[B.key] == pytest.approx(rate * seconds / 2, rel=0.1)


def test_three_campaigns_one_of_them_capped(world: Callable[..., World]) -> None:
    made = world(200)
    made.run([Worker(A), Worker(B), Worker(C, cap=20)], 60)
    shares = made.shares()
    assert shares[C.key] == pytest.approx(20 * 60, rel=0.05)
    assert shares[A.key] == pytest.approx(90 * 60, rel=0.1)
    assert shares[B.key] == pytest.approx(90 * 60, rel=0.1)


def test_who_cannot_use_half_leaves_the_rest_to_the_other(world: Callable[..., World]) -> None:
    made = world(200)
    made.run([Worker(A, busy=5.0), Worker(B)], 60)
    shares = made.shares()
    assert shares[A.key] >= 10 * 50
    assert shares.total() >= 0.97 * 200 * 60


def test_who_leaves_is_forgotten_within_a_second_or_so(world: Callable[..., World]) -> None:
    made = world(200)
    made.run([Worker(A, stops=20), Worker(B)], 30)
    assert made.shares(since=21.5)[B.key] >= 0.95 * 200 * 8.5


def test_who_comes_later_gets_half_and_no_arrears(world: Callable[..., World]) -> None:
    made = world(200)
    made.run([Worker(A), Worker(B, starts=30)], 60)
    late = made.shares(since=30)
    assert late[A.key] == pytest.approx(3000, rel=0.1)
    assert late[B.key] == pytest.approx(3000, rel=0.1)


def test_contract_mail_goes_before_marketing(world: Callable[..., World]) -> None:
    made = world(200)
    made.run([Worker(A), Worker(A), Worker(CONTRACT)], 30)
    assert made.shares()[CONTRACT.key] >= 0.95 * 200 * 30


def test_marketing_gets_what_contract_mail_leaves(world: Callable[..., World]) -> None:
    made = world(200)
    made.run([Worker(A), Worker(CONTRACT, cap=50)], 30)
    shares = made.shares()
    assert shares[CONTRACT.key] >= 0.9 * 1500
    assert shares.total() >= 0.97 * 200 * 30


@pytest.mark.parametrize("rate", [0.5, 14])
def test_a_single_mail_never_waits_behind_campaigns(world: Callable[..., World], rate: float) -> None:
    made = world(rate)
    mail = Worker(MAIL, busy=5.0, most=1)
    made.run([*[Worker(A) for _ in range(4)], Worker(CONTRACT), mail], 60)
    at = [when for when, key, _ in made.grants if key == MAIL.key]
    # It asks every five seconds, and waits for no more than the tokens of the block before it.
    longest_wait = 1.5 / rate + 0.6
    assert len(at) >= 60 / (5 + longest_wait)
    assert max(later - before for before, later in itertools.pairwise(at)) <= 5 + longest_wait


def test_a_clock_set_back_neither_bursts_nor_stands_still(world: Callable[..., World]) -> None:
    made = world(100)
    workers = [Worker(A), Worker(B)]
    made.run(workers, 10)
    made.grants.clear()
    made.set(START - 7200)
    made.run(workers, 10)
    assert 0.95 * 1000 <= made.shares(since=-7200).total() <= 1000 + capacity(100)
    assert made.most_in_a_second() <= 100 + capacity(100)


def test_a_clock_set_forward_lets_out_one_burst_at_most(world: Callable[..., World]) -> None:
    made = world(100)
    made.run([Worker(A)], 10)
    made.set(made.now + 7200)
    made.run([Worker(A)], 10)
    assert made.shares(since=7209).total() <= 1000 + capacity(100)


def test_a_clock_set_back_ends_a_slow_down_all_the_same(world: Callable[..., World]) -> None:
    made = world(100)
    made.run([Worker(A)], 2)
    made.limiter.slow_down(made.bucket())
    made.set(START - 3600)
    assert made.limiter.slow_down(made.bucket()) == 0.25
    made.run([Worker(A)], 60)
    assert made.limiter.slow_down(made.bucket()) == 0.5


def test_a_throttle_halves_the_rate_and_it_comes_back(world: Callable[..., World]) -> None:
    made = world(200)
    made.run([Worker(A)], 5)
    assert made.limiter.slow_down(made.bucket()) == 0.5
    made.grants.clear()
    made.run([Worker(A)], 2)
    assert made.shares().total() <= 0.6 * 200 * 2
    made.run([Worker(A)], 28)
    made.grants.clear()
    made.run([Worker(A)], 10)
    assert made.shares().total() >= 0.95 * 200 * 10


def test_tokens_given_back_are_there_for_the_next_at_once(world: Callable[..., World]) -> None:
    made = world(200)
    made.run([Worker(CONTRACT, stops=1)], 1)
    buckets = [made.bucket()]
    made.set(made.now + 1)
    assert made.limiter.try_take(buckets, least=50, most=50, claimant=CONTRACT)[0] == 50
    made.limiter.give_back(buckets, 50, claimant=CONTRACT)
    assert made.limiter.try_take(buckets, least=50, most=50, claimant=A)[0] == 50


def test_an_emptied_redis_starts_with_nothing(
    world: Callable[..., World], redis_client: "redis.Redis[bytes]"
) -> None:
    made = world(200)
    made.run([Worker(A)], 10)
    for key in redis_client.scan_iter(f"{made.key}*"):
        redis_client.delete(key)
    made.set(made.now)
    assert made.limiter.try_take([made.bucket()], least=1, most=50, claimant=A)[0] == 0
    made.run([Worker(A), Worker(B)], 10)
    assert made.most_in_a_second() <= 200 + capacity(200)
