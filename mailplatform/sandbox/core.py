"""The sandbox as a whole: its parts and their life."""

import asyncio
from typing import Any

from .config import Config
from .constants import ACCESS_KEY, SECRET_KEY
from .handlebars import Engine
from .mailbox import Mailbox
from .misbehaviour import Misbehaviour
from .moto_bridge import Moto
from .outcomes import Outcomes
from .publisher import Publisher
from .readers import Behaviour, Readers
from .readers import parse as parse_behaviour
from .ses.account import AccountApi
from .ses.configuration import ConfigurationSets
from .ses.identities import Identities
from .ses.sending import Sending
from .ses.state import Handler, State
from .ses.templates import Templates
from .ses.tenants import Tenants
from .sns.api import SnsApi
from .sns.service import Sns
from .sns.signing import Signer
from .storage import Storage
from .timeline import Timeline


class Sandbox:
    """Everything that one process holds."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.storage = Storage(config.state_dir)
        self.mailbox = Mailbox(self.storage)
        self.signer = Signer(config.region, config.state_dir)
        self.moto = Moto(config.region)
        self.timeline = Timeline()
        self.state = State(config, self.storage, self.mailbox, Engine(config.handlebars_dir))
        self.sns = Sns(
            self.storage,
            self.signer,
            connections=config.connections,
            retry_scale=config.retry_scale,
            redrive=self._redrive,
        )
        self.sns_api = SnsApi(self.sns)
        self.publisher = Publisher(self.state.sets, self.sns, self.timeline, self.state.misbehaviour)
        self.outcomes = Outcomes(self.state, self.publisher, self.timeline)
        self.readers = Readers(self._behaviour(), self.publisher, self.timeline, config.reader_targets)
        self.outcomes.on_delivery.append(self.readers.delivered)
        self.identities = Identities(self.state)
        self.ses_operations: dict[str, Handler] = {
            **AccountApi(self.state).operations(),
            **self.identities.operations(),
            **ConfigurationSets(self.state, self.sns).operations(),
            **Templates(self.state).operations(),
            **Tenants(self.state).operations(),
            **Sending(self.state, self.publisher, self.outcomes).operations(),
        }
        self._flusher: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin background work; needs the running loop."""
        self.timeline.start()
        self.sns.start()
        self._flusher = asyncio.get_running_loop().create_task(self._flush_forever())

    async def stop(self) -> None:
        """End background work and write everything down."""
        if self._flusher:
            self._flusher.cancel()
        self.timeline.stop()
        self.sns.stop()
        self.state.misbehaviour.thaw()
        await self.state.engine.stop()
        self.signer.close()
        self.moto.close()
        self.mailbox.flush()
        self.storage.close()

    async def reset(self) -> None:
        """A new, empty account; settings as at the start."""
        self.misbehave(Misbehaviour())
        self.timeline.clear()
        self.sns.reset()
        self.state.reset()
        self.mailbox.clear()
        self.publisher.reset()
        self.readers.reset(self._behaviour())
        await self.moto.reset()

    def _behaviour(self) -> Behaviour:
        return parse_behaviour(self.config.reader_rates, Behaviour(enabled=self.config.readers))

    def misbehave(self, misbehaviour: Misbehaviour) -> None:
        """Replace all switches at once; calls frozen under the old ones go on."""
        before = self.state.misbehaviour
        self.state.misbehaviour = self.publisher.misbehaviour = misbehaviour
        before.frozen = False
        before.thaw()

    def secret_of(self, access_key: str) -> str | None:
        """Secret of an access key: the sandbox's own, or one that its STS handed out."""
        return SECRET_KEY if access_key == ACCESS_KEY else self.moto.temporary_secret(access_key)

    def activity(self) -> dict[str, Any]:
        """What has happened to events and what is still to come; ``pending`` 0 means quiet."""
        counters = self.sns.counters
        scheduled = len(self.timeline)
        return {
            "pending": scheduled + self.sns.pending + self.readers.pending,
            "scheduled": scheduled,
            "queued": self.sns.pending - counters.in_flight - counters.retrying,
            "in_flight": counters.in_flight,
            "retrying": counters.retrying,
            "readers": self.readers.pending,
            "emitted": dict(self.publisher.counts),
            "lost": self.publisher.lost,
            "refused_by_policy": self.publisher.refused,
            "delivered": counters.delivered,
            "failed": counters.failed,
            "redriven": counters.redriven,
            "attempts": counters.attempts,
            "statuses": dict(counters.statuses),
            "reader_actions": dict(self.readers.counts),
        }

    async def _redrive(self, queue_arn: str, body: bytes, topic: str) -> bool:
        return await self.moto.send_to_queue(queue_arn, body.decode(), topic=topic)

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.mailbox.flush()
