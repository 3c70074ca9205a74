"""The drill of a lost database, told by a process of its own: `manage.py shell -c "… main('dump')"`.

A campaign is half sent on real processes, the database is backed up, sending goes on, everything but Amazon's stand-in
is killed and the database thrown away. It is restored, and an operator who can look into the mailboxes brings the
campaign to its end.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections

from campaigns.selectors import restores, unresolved
from campaigns.services import runs
from mailplatform.embedded import postgres, privileges
from mailplatform.embedded.binaries import find_postgres
from mailplatform.embedded.layout import SUPERUSER, Layout
from mailplatform.management.chaos import audience as people
from mailplatform.management.chaos import judge, scene, schedule
from mailplatform.management.chaos.insist import insist
from mailplatform.management.chaos.lab import Lab
from mailplatform.management.chaos.ledger import Ledger, Sums
from mailplatform.management.chaos.operator import Operator
from mailplatform.management.chaos.trial import REFUSES

RECIPIENTS, RATE = 400, 25.0
WORKER, BEAT = schedule.WORKERS[0], schedule.BEATS[0]
ALL = (schedule.WEB, WORKER, BEAT)
PATIENCE_S, QUIET_S = 90.0, 2.0


class Story:
    """One campaign, one loss."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ledger = Ledger(settings.DATABASE_URL)
        self.told: dict[str, Any] = {}
        self.plan = schedule.draw(1, RECIPIENTS, schedule.Mode.OFF)

    def begin(self) -> None:
        """Bring everything up and launch."""
        self.lab.start_sandbox()
        self.lab.start_site()
        scene.set_up()
        scene.set_rate(self.lab.sandbox, RATE)
        scene.choose_mode(schedule.Mode.OFF)
        self.lab.misbehave(seed=1, entries=[REFUSES])
        for name in (WORKER, BEAT):
            self.lab.processes[name].start()
        self.audience = people.make(RECIPIENTS)
        self.run_id = scene.launch(self.plan, self.audience).pk
        self.operator = Operator(
            self.run_id, plan=self.plan, lab=self.lab, ledger=self.ledger, audience=self.audience,
            note=self.lab.say, on_resend=lambda: None,
        )  # fmt: skip

    def sums(self) -> Sums:
        found = self.ledger.sums(self.run_id)
        assert found is not None
        return found

    def mails(self) -> int:
        return sum(map(len, self.operator.mailbox().values()))

    def mails_at_rest(self) -> int:
        """How many mails there are once what was under way has arrived."""
        before, found, since = -1, self.mails(), time.monotonic()
        while found != before or time.monotonic() - since < QUIET_S:
            if found != before:
                before, since = found, time.monotonic()
            time.sleep(0.2)
            found = self.mails()
        return found

    def wait(self, what: str, is_so: Callable[[], bool]) -> None:
        self.lab.say(f"waiting until {what}")
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline, (
                f"not within {PATIENCE_S:.0f} s: {what}; {self.ledger.sums(self.run_id)}"
            )
            time.sleep(0.1)

    def wait_for_share(self, share: float) -> None:
        self.wait(f"{share:.0%} are handled", lambda: self.sums().share >= share)

    def lose_database(self) -> Path:
        """Kill everything of ours at once, and put the database's files away for good; returns where they were."""
        for name in ALL:
            self.lab.kill(name, "group")
        self.lab.kill(schedule.POSTGRES, "kill")
        self.lab.flush()
        self.ledger.close()
        connections.close_all()
        server = postgres.server(self.lab.layout, find_postgres())
        self.told["mails_when_lost"] = self.mails_at_rest()
        return server.data

    def start_all(self) -> None:
        for name in ALL:
            self.lab.restart(name)

    def finish(self) -> None:
        """Let what is left go out, and compare ledger and mailbox person by person."""
        self.wait("the run is sent", lambda: self.sums().state == "sent")
        self.wait(
            "no event is on its way", lambda: not int(self.lab.sandbox.call("GET", "events")["pending"])
        )

    def reckon(self) -> dict[str, Any]:
        verdict = judge.judge(
            judge.Found(
                mode=schedule.Mode.OFF,
                people=self.audience.people,
                deliveries=self.ledger.deliveries(self.run_id),
                mailbox=self.operator.mailbox(),
                resent_by_operator=self.ledger.resent(self.run_id, by_itself=False),
                resent_by_itself=set(),
                wrong_sums=0,
                kills_in_flight=0,
            )
        )
        return self.told | {
            "twice": verdict.duplicates + verdict.doubled_by_decision,
            "missing": verdict.missing,
            "ineligible": verdict.ineligible,
            "differences": verdict.differences,
            "unresolved": verdict.unresolved,
            "exact": self.sums().is_exact,
        }


def dump(story: Story) -> None:
    """Back to a backup: locked, in doubt, settled by events and by the operator."""
    backup = Path(settings.DATA_DIR) / "half.backup"
    story.wait_for_share(0.3)
    call_command("backup", str(backup))
    story.wait_for_share(0.45)
    # The site goes first, so that Amazon keeps the last events for us.
    story.lab.kill(schedule.WEB, "group")
    story.wait_for_share(0.6)
    shutil.rmtree(story.lose_database())
    story.lab.start_servers()
    call_command("restore", str(backup))
    _bring_to_an_end(story)


def _bring_to_an_end(story: Story) -> None:
    """As the command says: start the site, take in what Amazon kept, unlock, decide, resume."""
    story.told["known"] = story.sums().accepted
    story.told["in_doubt"] = restores.in_doubt(story.run_id)
    story.start_all()
    story.told["resume_locked"] = _refusal(story)
    call_command("restore", "--unlock")
    story.told["resume_in_doubt"] = _refusal(story)
    _redrive(story)
    story.wait("no event is on its way", lambda: not int(story.lab.sandbox.call("GET", "events")["pending"]))
    time.sleep(3)  # beat settles every second
    story.told["settled_by_events"] = story.told["in_doubt"] - restores.in_doubt(story.run_id)
    story.wait("one may decide", lambda: not unresolved.summary(story.run_id).later)
    story.told["mails_before_decision"] = story.mails_at_rest()
    _decide(story)
    runs.resume_run(run_id=story.run_id)
    story.finish()
    # Whoever may not be mailed was in doubt, too, and got nothing.
    if story.sums().unresolved:
        call_command("decide_unresolved", str(story.run_id), "--assume-lost")


def _refusal(story: Story) -> str:
    try:
        insist(lambda: runs.resume_run(run_id=story.run_id))
    except runs.NotPossible as error:
        return str(error)
    return ""


def _redrive(story: Story) -> None:
    try:
        call_command("redrive")
    except CommandError as error:
        story.lab.say(f"redrive: {error}")


def _decide(story: Story) -> None:
    """Whoever's mail is there was sent; the rest is sent again. By the commands, as an operator would."""
    mailbox = story.operator.mailbox()
    rows = story.ledger.deliveries(story.run_id)
    there = [
        story.audience.people[id_].email
        for id_, row in rows.items()
        if row.state == "unresolved" and mailbox.get(story.audience.people[id_].email)
    ]
    if there:
        file = Path(settings.DATA_DIR) / "got-it.txt"
        file.write_text("\n".join(there))
        call_command("decide_unresolved", str(story.run_id), "--assume-sent", f"--emails-file={file}")
    story.told["assumed_sent"] = len(there)
    call_command("decide_unresolved", str(story.run_id), "--resend")


def wal(story: Story) -> None:
    """With WAL received synchronously no commit is lost: the run goes on as after a crash."""
    server = postgres.server(story.lab.layout, find_postgres())
    base, archive = server.home / "base", server.home / "archive"
    receiver = _archive(server, base, archive)
    _wait_for_receiver(server)
    try:
        story.wait_for_share(0.5)
        data = story.lose_database()
    finally:
        receiver.kill()
        receiver.wait()
    shutil.rmtree(data)
    server.local_settings.unlink()
    call_command("restore", f"--wal={base}", f"--archive={archive}", "--complete")
    story.lab.start_servers()
    story.told["handled_when_restored"] = story.sums().handled
    story.start_all()
    story.finish()
    story.operator.settle(lambda: None, PATIENCE_S)


def archived(story: Story) -> None:
    """The archive ends before the database is lost: as after a backup, but of the last moment that was archived."""
    server = postgres.server(story.lab.layout, find_postgres())
    base, archive = server.home / "base", server.home / "archive"
    receiver = _archive(server, base, archive)
    try:
        story.wait_for_share(0.3)
    finally:
        receiver.terminate()
        receiver.wait()
    story.wait_for_share(0.45)
    story.lab.kill(schedule.WEB, "group")
    story.wait_for_share(0.6)
    shutil.rmtree(story.lose_database())
    call_command("restore", f"--wal={base}", f"--archive={archive}")
    story.lab.start_servers()
    _bring_to_an_end(story)


def _archive(server: postgres.Server, base: Path, archive: Path) -> "subprocess.Popen[bytes]":
    """As docs/operations.md says: a receiver of WAL, and a base backup."""
    archive.mkdir(mode=0o700)
    privileges.give(archive, server.run_as.owner)
    reach = ["-h", str(server.layout.socket_dir), "-U", SUPERUSER]
    receive = [*postgres.program(server, "pg_receivewal"), *reach, "-D", str(archive), "--slot=archive"]
    subprocess.run([*receive, "--create-slot"], check=True)
    receiver = subprocess.Popen([*receive, "--synchronous"])
    copy = [*postgres.program(server, "pg_basebackup"), *reach, "--checkpoint=fast", "-D", str(base)]
    subprocess.run(copy, check=True)
    return receiver


def _wait_for_receiver(server: postgres.Server) -> None:
    """From here on each commit waits for the archive."""
    server.local_settings.write_text("synchronous_standby_names = 'pg_receivewal'\n")
    with postgres.superuser(server, "postgres") as connection:
        connection.execute("SELECT pg_reload_conf()")
        synchronous = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
        deadline = time.monotonic() + PATIENCE_S
        while connection.execute(synchronous).fetchone() is None:
            assert time.monotonic() < deadline, "the receiver is not synchronous"
            time.sleep(0.1)


VARIANTS = {"dump": dump, "wal": wal, "archived": archived}


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main(variant: str) -> None:
    """Tell the story; the last line of standard output is what was found."""
    data = Path(settings.DATA_DIR)
    call_command("setup_database", verbosity=0)
    lab = Lab(data / "lab", Layout.of(data), dict(os.environ), say)
    story = Story(lab)
    try:
        story.begin()
        VARIANTS[variant](story)
        say(json.dumps(story.reckon()))
    finally:
        lab.end()
