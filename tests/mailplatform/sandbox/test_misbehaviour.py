"""Faults on order, through boto3."""

import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from mailplatform.sandbox.errors import ApiError
from mailplatform.sandbox.misbehaviour import Fault, Misbehaviour, parse
from mailplatform.sandbox.testing import ApiFailedError
from tests.mailplatform.sandbox.support import Wired, entry


def test_throttling_in_ses_words_and_only_so_often(wired: Wired) -> None:
    wired.sandbox.api.put("misbehave", throttle={"times": 2})
    for _ in range(2):
        with pytest.raises(ClientError, match="Maximum sending rate exceeded"):
            wired.send()
    wired.send()
    assert wired.sandbox.api.get("misbehave")["throttle"]["happened"] == 2
    assert len(wired.sandbox.messages()) == 1


def test_a_server_error_accepts_nothing(wired: Wired) -> None:
    wired.sandbox.api.put("misbehave", server_error=1)
    with pytest.raises(ClientError) as error:
        wired.send()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert wired.sandbox.messages() == []


@pytest.mark.parametrize(
    ("fault", "accepted"), [("drop", 0), ("accept_and_drop", 1), ("accept_and_error", 1)]
)
def test_answers_that_get_lost(wired: Wired, fault: str, accepted: int) -> None:
    wired.sandbox.api.put("misbehave", **{fault: {"times": 1}})
    with pytest.raises((ConnectionClosedError, ClientError)):
        wired.bulk(entry("a@example.org"))
    assert len(wired.sandbox.messages()) == accepted
    assert len(wired.events("Send")) == accepted
    assert wired.bulk(entry("b@example.org"))[0]["Status"] == "SUCCESS"


@pytest.mark.parametrize("count", [1, 3])
def test_a_result_list_of_another_length(wired: Wired, count: int) -> None:
    wired.sandbox.api.put("misbehave", wrong_length=1)
    results = wired.bulk(*[entry(f"a{number}@example.org") for number in range(count)])
    assert len(results) != count
    assert len(wired.sandbox.messages()) == count


def test_entries_fail_by_address(wired: Wired) -> None:
    faults = [{"status": "TRANSIENT_FAILURE", "to": "bob", "times": 1}, {"status": "FAILED", "to": "eve"}]
    wired.sandbox.api.put("misbehave", entries=faults)
    entries = [entry(f"{name}@example.org") for name in ("ada", "bob", "eve")]
    assert [item["Status"] for item in wired.bulk(*entries)] == ["SUCCESS", "TRANSIENT_FAILURE", "FAILED"]
    assert [item["Status"] for item in wired.bulk(*entries)] == ["SUCCESS", "SUCCESS", "FAILED"]
    assert len(wired.sandbox.messages()) == 3


def test_a_slow_answer_runs_into_the_clients_timeout(wired: Wired) -> None:
    from botocore.config import Config

    wired.sandbox.api.put("misbehave", latency={"seconds": 5, "times": 1})
    hasty = wired.sandbox.client("sesv2", config=Config(read_timeout=0.2, retries={"total_max_attempts": 1}))
    with pytest.raises(ReadTimeoutError):
        hasty.send_email(
            FromEmailAddress="a@example.com",
            Destination={"ToAddresses": ["a@example.org"]},
            Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
        )
    hasty.close()


def test_frozen_calls_wait_and_thaw(wired: Wired) -> None:
    wired.sandbox.api.put("misbehave", frozen=True)
    sent: list[str] = []
    thread = threading.Thread(target=lambda: sent.append(wired.send()))
    thread.start()
    time.sleep(0.5)
    assert (sent, wired.sandbox.messages()) == ([], [])
    assert wired.ses.get_account()["SendingEnabled"]
    thawed_at = time.time()
    wired.sandbox.api.delete("misbehave")
    thread.join(10)
    assert len(sent) == 1
    # It bears the time at which its signature was accepted.
    assert wired.sandbox.messages()[0]["sent_at"] < thawed_at


def test_events_get_lost_by_type(wired: Wired) -> None:
    wired.sandbox.api.put("misbehave", events_lost={"types": ["SEND"]})
    wired.send()
    assert [event["eventType"] for event in wired.events()] == ["Delivery"]
    assert wired.sandbox.api.get("events")["lost"] == 1


def test_events_are_doubled_in_both_ways(wired: Wired) -> None:
    wired.sandbox.api.put("misbehave", events_doubled=1, seed=3)
    for _ in range(10):
        wired.send()
    assert len(wired.events()) == 40
    ids = [item["MessageId"] for item in wired.receiver.envelopes()]
    assert 20 < len(set(ids)) - 1 < 40


def test_events_are_delayed(wired: Wired) -> None:
    wired.sandbox.api.put("misbehave", events_delayed={"seconds": 0.5, "types": ["SEND"]})
    wired.send()
    assert [event["eventType"] for event in wired.events()] == ["Delivery", "Send"]


def test_events_are_reordered(wired: Wired) -> None:
    wired.sandbox.api.put("misbehave", events_reordered={"seconds": 0.5}, seed=1)
    ids = [wired.send() for _ in range(12)]
    got = [event["mail"]["messageId"] for event in wired.events("Send")]
    assert sorted(got) == sorted(ids)
    assert got != ids


@pytest.mark.parametrize(
    "switches",
    [{"surprise": 1}, {"throttle": "often"}, {"throttle": {"often": 1}}, {"entries": [{"status": "OOPS"}]}],
)
def test_unknown_switches_are_refused(wired: Wired, switches: dict[str, Any]) -> None:
    with pytest.raises(ApiFailedError, match="400"):
        wired.sandbox.api.put("misbehave", **switches)


def test_a_share_is_drawn_reproducibly() -> None:
    def draws() -> list[bool]:
        switches = parse({"throttle": 0.3, "seed": 5})
        return [switches.throttle.strikes(switches.rng) for _ in range(200)]

    assert draws() == draws()
    assert 30 < sum(draws()) < 90


def test_off_is_off() -> None:
    switches = Misbehaviour()
    assert not any(
        getattr(switches, name).strikes(switches.rng) for name in vars(switches) if _is_fault(switches, name)
    )
    with pytest.raises(ApiError):
        parse({"nope": 1})


def _is_fault(switches: Misbehaviour, name: str) -> bool:
    return isinstance(getattr(switches, name), Fault)
