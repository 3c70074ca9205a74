"""The engine process, when it goes wrong."""

import asyncio
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from mailplatform.sandbox import handlebars
from mailplatform.sandbox.handlebars import Engine, EngineError, find_node
from tests.mailplatform.sandbox.support import Wired, entry

TEMPLATE: handlebars.Template = {"subject": "{{a}}", "text": None, "html": "<b>{{a}}</b>"}


def test_many_are_rendered_in_one_call() -> None:
    async def run() -> None:
        engine = Engine()
        results = await engine.render(TEMPLATE, [{"a": number} for number in range(50)])
        assert results[49] == {"parts": {"subject": "49", "html": "<b>49</b>"}}
        assert await engine.render(TEMPLATE, []) == []
        await engine.stop()

    asyncio.run(run())


def test_calls_side_by_side_get_their_own_answers() -> None:
    async def run() -> None:
        engine = Engine()
        results = await asyncio.gather(*(engine.render(TEMPLATE, [{"a": number}]) for number in range(30)))
        assert [item[0]["parts"]["subject"] for item in results] == [str(number) for number in range(30)]
        await engine.stop()

    asyncio.run(run())


def test_a_dead_worker_is_an_error_once_and_then_replaced() -> None:
    async def run() -> None:
        engine = Engine()
        await engine.render(TEMPLATE, [{"a": 1}])
        assert engine._process
        engine._process.kill()
        await engine._process.wait()
        assert (await engine.render(TEMPLATE, [{"a": 2}]))[0]["parts"]["subject"] == "2"
        await engine.stop()

    asyncio.run(run())


def test_endless_recursion_fails_the_rendering_not_the_worker() -> None:
    async def run() -> None:
        engine = Engine()
        loop: handlebars.Template = {"text": '{{#* inline "p"}}{{> p}}{{/inline}}{{> p}}'}
        assert "error" in (await engine.render(loop, [{}]))[0]
        assert (await engine.render(TEMPLATE, [{"a": 2}]))[0]["parts"]["subject"] == "2"
        await engine.stop()

    asyncio.run(run())


def worker(tmp_path: Path, script: str) -> Engine:
    (tmp_path / "node_modules" / "handlebars").mkdir(parents=True)
    program = tmp_path / "node"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Engine(tmp_path, str(program))


@pytest.mark.parametrize("script", ["exit 3", "read line; echo oops", "read line; echo '{\"results\": []}'"])
def test_a_worker_out_of_order_is_an_engine_error(tmp_path: Path, script: str) -> None:
    async def run() -> None:
        engine = worker(tmp_path, script)
        with pytest.raises(EngineError):
            await engine.render(TEMPLATE, [{"a": 1}])
        await engine.stop()

    asyncio.run(run())


def test_a_silent_worker_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlebars, "_TIMEOUT", 0.2)

    async def run() -> None:
        engine = worker(tmp_path, "exec sleep 60")
        with pytest.raises(EngineError, match="TimeoutError"):
            await engine.check(TEMPLATE)

    asyncio.run(run())


def test_missing_modules_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="npm ci"):
        asyncio.run(Engine(tmp_path).check(TEMPLATE))


def test_node_is_found() -> None:
    assert Path(find_node()).name == "node"


def test_a_broken_engine_is_a_500_and_nothing_is_accepted(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_arguments: object, **_options: object) -> None:
        raise EngineError("no engine")

    monkeypatch.setattr(wired.sandbox.sandbox.state.engine, "_ask", broken)
    with pytest.raises(ClientError) as error:
        wired.bulk(entry("a@example.org"))
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert wired.sandbox.messages() == []
