"""What may be forgotten."""

from pytest_django import Settings

from mailplatform.core import memo


def test_what_was_kept_is_recalled() -> None:
    memo.keep({"memo:a": {"en": 2}, "memo:b": ""}, 30)
    assert memo.recall(["memo:a", "memo:b", "memo:c"]) == {"memo:a": {"en": 2}, "memo:b": ""}
    memo.forget("memo:a")
    assert memo.recall(["memo:a", "memo:b"]) == {"memo:b": ""}


def test_what_one_has_claimed_is_nobody_elses_until_it_is_forgotten() -> None:
    assert [memo.claim("memo:c", 30), memo.claim("memo:c", 30)] == [True, False]
    memo.forget("memo:c")
    assert memo.claim("memo:c", 30)
    memo.forget("memo:c")


def test_without_redis_nothing_is_known_and_nobody_is_held_up(settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nonexistent/redis.sock",
        }
    }
    memo.keep({"memo:a": 1}, 30)
    memo.forget("memo:a")
    assert memo.recall(["memo:a"]) == {}
    assert not memo.claim("memo:a", 30)
