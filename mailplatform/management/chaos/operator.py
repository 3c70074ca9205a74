"""The person in front of the page: resumes what stopped, and decides about what no evidence settled."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from campaigns.models import DecisionAction
from campaigns.selectors import unresolved
from campaigns.services import decisions, runs

from . import scene
from .audience import REFUSED, Audience
from .insist import insist
from .judge import Mail
from .lab import Lab
from .ledger import Ledger
from .schedule import Mode, Plan

PAGE: Final = 1000
# Beat settles every second in a trial; so long without a change nothing more comes.
QUIET_S: Final = 4.0
PATIENCE_WITH_ITSELF_S: Final = 4.0


class UnsettledError(Exception):
    """Neither evidence nor decisions brought the run to its end."""


class Operator:
    """Acts through the services that the pages call. Looks into the mailbox before every decision."""

    def __init__(
        self,
        run_id: int,
        *,
        plan: Plan,
        lab: Lab,
        ledger: Ledger,
        audience: Audience,
        note: Callable[[str], None],
        on_resend: Callable[[], None],
    ) -> None:
        """Of one run. `on_resend` is called when people are about to be sent again."""
        self._on_resend = on_resend
        self._run_id, self._plan, self._lab = run_id, plan, lab
        self._ledger, self._audience, self._note = ledger, audience, note
        self.resumed = 0
        self._opened_at = 0.0

    def resume(self) -> None:
        """Go on with a run that trouble with the account, or we, had paused."""

        def call() -> None:
            try:
                runs.resume_run(run_id=self._run_id)
            except runs.NotPossible:
                return
            self.resumed += 1

        insist(call)

    def mailbox(self) -> dict[str, list[Mail]]:
        """Every mail of the run by address."""
        found: dict[str, list[Mail]] = defaultdict(list)
        after: int | None = 0
        while after is not None:
            answer = self._lab.sandbox.call(
                "GET", f"messages?mp-run={self._run_id}&limit={PAGE}&after={after}"
            )
            for mail in answer["messages"]:
                for address in mail["to"]:
                    found[address].append(Mail(mail["id"], mail["sent_at"]))
            after = answer["next"]
        return found

    def settle(self, watch: Callable[[], None], seconds: float) -> None:
        """Wait for evidence, then decide until nobody is unresolved. Raises UnsettledError after `seconds`."""
        deadline = time.monotonic() + seconds
        self._await_events(watch, deadline)
        while left := self._unresolved():
            if time.monotonic() > deadline:
                raise UnsettledError(f"{left} people are unresolved after {seconds:.0f} s")
            watch()
            self._decide()
            time.sleep(0.3)
        self._await_end(watch, deadline)

    def _unresolved(self) -> int:
        sums = self._ledger.sums(self._run_id)
        return 1 if sums is None else sums.unresolved

    def _await_events(self, watch: Callable[[], None], deadline: float) -> None:
        """Until no event is on its way and settlement has had its turn."""
        before, since = -1, time.monotonic()
        while time.monotonic() < deadline:
            watch()
            pending = int(self._lab.sandbox.call("GET", "events")["pending"])
            left = self._unresolved()
            if pending or left != before:
                before, since = left, time.monotonic()
            elif time.monotonic() - since > QUIET_S:
                break
            time.sleep(0.2)
        self._note(f"the channel is quiet; {before} people are unresolved")

    def _await_end(self, watch: Callable[[], None], deadline: float) -> None:
        """What was sent again is over, and what it caused has come back."""
        while time.monotonic() < deadline:
            watch()
            sums = self._ledger.sums(self._run_id)
            pending = int(self._lab.sandbox.call("GET", "events")["pending"])
            if sums is not None and sums.state != "sending" and not pending:
                return
            time.sleep(0.2)
        raise UnsettledError("what was sent again does not come to an end")

    def _decide(self) -> None:
        """Whoever's mail is in the mailbox was sent; whoever's is not is sent again."""
        summary = insist(lambda: unresolved.summary(self._run_id))
        if not summary.decidable or summary.later:
            return
        if self._plan.mode is Mode.ON and not self._gave_it_time():
            return
        mailbox = self.mailbox()
        there: list[int] = []
        absent: list[int] = []
        rows = self._ledger.deliveries(self._run_id)
        for id_, row in rows.items():
            if row.state == "unresolved" and row.reason != "resend":
                person = self._audience.people.get(id_)
                (there if person and mailbox.get(person.email) else absent).append(id_)
        self._take(DecisionAction.ASSUME_SENT, there)
        self._take(DecisionAction.RESEND, self._mailable(absent))

    def _mailable(self, ids: Sequence[int]) -> list[int]:
        """Whoever has left since, or is refused, cannot be sent again; of them it is assumed that the mail was lost."""
        people = self._audience.people
        gone = [id_ for id_ in ids if people[id_].left_at is not None or people[id_].group == REFUSED]
        self._take(DecisionAction.ASSUME_LOST, gone)
        return sorted(set(ids) - set(gone))

    def _gave_it_time(self) -> bool:
        """Let the platform decide first, where silence may be proof."""
        self._opened_at = self._opened_at or time.monotonic()
        return time.monotonic() - self._opened_at > PATIENCE_WITH_ITSELF_S

    def _take(self, action: DecisionAction, ids: Sequence[int]) -> None:
        if not ids:
            return
        self._note(f"the operator decides {action} for {len(ids)} people")

        def call() -> None:
            try:
                decisions.decide(
                    run_id=self._run_id, action=action, actor=scene.operator(), subscriber_ids=ids
                )
            except (decisions.NothingToDecide, decisions.TooEarly) as error:
                self._note(f"not decided: {error}")

        insist(call)
        if action == DecisionAction.RESEND:
            self._on_resend()
