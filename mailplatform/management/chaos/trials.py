"""Trials one after another in one lab, and what is told of them."""

import json
import shutil
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from campaigns.models import RunState
from campaigns.services import runs

from . import judge, scene, schedule
from .insist import insist
from .lab import Lab
from .ledger import Ledger
from .operator import UnsettledError
from .trial import StuckError, Trial

SHOWN: Final = 20


def say(words: str) -> None:
    """Write to standard error: standard output is for the JSON lines."""
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def run_all(
    lab: Lab, ledger: Ledger, seeds: Sequence[int], recipients: int, mode: schedule.Mode | None
) -> list[dict[str, Any]]:
    """Run the trials of these seeds; prints one line of JSON for each."""
    results = []
    for seed in seeds:
        plan = schedule.draw(seed, recipients, mode)
        say(f"\nSeed {seed}: {recipients} people, mode {plan.mode}, {len(plan.acts)} acts")
        found = run_one(lab, ledger, plan)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        results.append(found)
    return results


def run_one(lab: Lab, ledger: Ledger, plan: schedule.Plan) -> dict[str, Any]:
    """Run one trial; returns its line. A broken promise leaves its evidence behind."""
    started = time.monotonic()
    trial = Trial(plan, lab, ledger, say)
    verdict = judge.Verdict()
    found = None
    try:
        found = trial.run()
        verdict = judge.judge(found)
    except (StuckError, UnsettledError, TimeoutError) as error:
        verdict.broken.append(str(error))
    except Exception as error:  # noqa: BLE001 - the other seeds are to be tried all the same
        trial.tally.log.append(traceback.format_exc())
        verdict.broken.append(f"the trial itself failed: {type(error).__name__}: {error}")
    line = _line(trial, found, verdict, time.monotonic() - started)
    say(_table(line))
    if verdict.broken:
        line["evidence"] = str(_keep(lab, ledger, trial, verdict, line))
        say(f"SEED {plan.seed} BROKE A PROMISE: {'; '.join(verdict.broken)}. Evidence: {line['evidence']}")
        _clear_away(lab, trial)
    return line


def _line(trial: Trial, found: judge.Found | None, verdict: judge.Verdict, seconds: float) -> dict[str, Any]:
    plan, tally, sums = trial.plan, trial.tally, trial.sums
    return {
        "seed": plan.seed,
        "recipients": plan.recipients,
        "mode": plan.mode.value,
        "kills": tally.kills,
        "kills_in_flight": tally.kills_in_flight,
        "duplicates": len(verdict.duplicates),
        "missing": len(verdict.missing),
        "unresolved": verdict.unresolved if found else (sums.unresolved if sums else -1),
        "resent_by_operator": len(found.resent_by_operator) if found else 0,
        "resent_by_itself": len(found.resent_by_itself) if found else 0,
        "ineligible": len(verdict.ineligible),
        "ledger_vs_mailbox": len(verdict.differences),
        "sums_ok": not tally.wrong_sums,
        "samples": tally.samples,
        "accepted": sums.accepted if sums else 0,
        "failed": sums.failed if sums else 0,
        "skipped": sums.skipped if sums else 0,
        "calls_lost_to_kills": trial.ledger.lost_to_kills(trial.run_id),
        "resumed": trial.operator.resumed if trial.run_id else 0,
        "seconds": round(seconds, 1),
        "broken": verdict.broken,
    }


def _table(line: dict[str, Any]) -> str:
    return "\n".join(f"    {name:22} {value}" for name, value in line.items() if name != "broken")


def _keep(lab: Lab, ledger: Ledger, trial: Trial, verdict: judge.Verdict, line: dict[str, Any]) -> Path:
    """Write down what shows the fault: the schedule, what was done, both sides' rows and the logs."""
    folder = lab.directory / "evidence" / f"seed-{trial.plan.seed}-{time.strftime('%H%M%S')}"
    folder.mkdir(parents=True)
    _write(folder / "verdict.json", {**line, **asdict(verdict)})
    _write(folder / "plan.json", asdict(trial.plan))
    (folder / "log.txt").write_text("\n".join(trial.tally.log))
    for table in ("delivery", "call", "batch", "decision"):
        (folder / f"{table}.jsonl").write_text("\n".join(ledger.rows_of(trial.run_id, table)))
    mails = trial.operator.mailbox() if trial.run_id else {}
    _write(
        folder / "mailbox.json", {address: [asdict(mail) for mail in each] for address, each in mails.items()}
    )
    for log in lab.directory.glob("*.log"):
        shutil.copy(log, folder)
    return folder


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, default=str))


def _clear_away(lab: Lab, trial: Trial) -> None:
    """The next trial must not suffer from this one."""
    lab.heal()
    lab.flush()

    def stop() -> None:
        try:
            runs.cancel_run(run_id=trial.run_id)
        except runs.NotPossible:
            return

    if trial.run_id and trial.sums and trial.sums.state != RunState.SENT:
        insist(stop)


def summary(results: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One line for all trials together."""
    lines = list(results)
    added = ("kills", "kills_in_flight", "duplicates", "missing", "unresolved", "resent_by_operator")
    return {
        "seeds": [line["seed"] for line in lines],
        "recipients": lines[0]["recipients"] if lines else 0,
        **{name: sum(line[name] for line in lines) for name in (*added, "resent_by_itself", "ineligible")},
        "fewest_kills_in_flight": min((line["kills_in_flight"] for line in lines), default=0),
        "seconds": round(sum(line["seconds"] for line in lines), 1),
        "broken_seeds": [line["seed"] for line in lines if line["broken"]],
    }


def prepare(lab: Lab) -> None:
    """Bring everything up, once for all trials."""
    say("Starting the sandbox, the site, three workers and two beats")
    lab.start_sandbox()
    lab.start_site()
    insist(scene.set_up)
    lab.start_rest()
