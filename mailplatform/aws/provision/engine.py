"""Compare the descriptions with the account, make the difference true, take it all away again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from ..steps import Outcome, Report, plain_errors
from .amazon import Amazon
from .kinds import all_kinds
from .model import Action, Holding, Kept, Kind, Resource, Step, compare


class Ending(StrEnum):
    """What became of a resource that was to go."""

    REMOVED = "removed"
    KEPT = "kept"
    ABSENT = "absent"


Told = Callable[[Ending, str], None]
NOT_OURS: Final = "was not made by provisioning"
# What only the attempt shows: old versions of files are not listed.
UNLESS: Final = {"S3 bucket": "unless it holds files, or old versions of them: then it stays"}
_OUTCOMES: Final = {
    Action.CREATE: Outcome.CREATED,
    Action.CHANGE: Outcome.CHANGED,
    Action.KEEP: Outcome.EXISTED,
}


class Provisioner:
    """Works on a list of resources in its order; to remove, in the opposite one.

    Every step reads first and changes only what differs, so a run that was cut off anywhere is gone on with by the
    next one. Raises steps.AwsCallError, model.Fixed, sns.NotConfirmedError.
    """

    def __init__(self, amazon: Amazon, kinds: Mapping[str, Kind] | None = None) -> None:
        self.amazon = amazon
        self.kinds = kinds or all_kinds()

    def plan(self, resources: Sequence[Resource]) -> Iterator[Step]:
        """Yield one step per resource; nothing is changed."""
        for resource in resources:
            with plain_errors():
                yield self._compare(resource)

    def surplus(self, dropped: Sequence[Resource]) -> Iterator[Step]:
        """Yield a step for each resource that was wanted once, is still there and ours."""
        for resource in dropped:
            with plain_errors():
                found = self.kinds[resource.kind].read(self.amazon, resource)
            if found and found.is_ours:
                yield Step(resource, Action.REMOVE, {})

    def apply(self, resources: Sequence[Resource], report: Report) -> None:
        """Make what is missing, change what differs."""
        for resource in resources:
            with plain_errors():
                step = self._compare(resource)
                kind = self.kinds[resource.kind]
                if step.action is Action.CREATE:
                    kind.create(self.amazon, resource)
                elif step.action is Action.CHANGE:
                    kind.change(self.amazon, resource, frozenset(step.changes))
            named = f": {', '.join(sorted(step.changes))}" if step.action is Action.CHANGE else ""
            report(_OUTCOMES[step.action], resource.key + named)

    def destroy(self, resources: Sequence[Resource], told: Told) -> None:
        """Remove what provisioning made; what was there before it, or still holds something, is kept and named."""
        for resource in reversed(resources):
            with plain_errors():
                ending, why = self._remove(resource)
            told(ending, resource.key + (f": {why}" if why else ""))

    def survey(self, resources: Sequence[Resource]) -> Iterator[tuple[Ending, Resource, str]]:
        """Yield what `destroy` would do with each resource, with why it stays or would; nothing is changed."""
        for resource in reversed(resources):
            with plain_errors():
                ending, why = self._fate(resource)
            yield ending, resource, why

    def _compare(self, resource: Resource) -> Step:
        return compare(resource, self.kinds[resource.kind].read(self.amazon, resource))

    def _remove(self, resource: Resource) -> tuple[Ending, str]:
        kind = self.kinds[resource.kind]
        found = kind.read(self.amazon, resource)
        if found is None:
            return Ending.ABSENT, ""
        if not found.is_ours:
            return Ending.KEPT, NOT_OURS
        try:
            kind.delete(self.amazon, resource)
        except Kept as reason:
            return Ending.KEPT, str(reason)
        return Ending.REMOVED, ""

    def _fate(self, resource: Resource) -> tuple[Ending, str]:
        kind = self.kinds[resource.kind]
        found = kind.read(self.amazon, resource)
        if found is None:
            return Ending.ABSENT, ""
        if not found.is_ours:
            return Ending.KEPT, NOT_OURS
        if isinstance(kind, Holding) and (why := kind.why_kept(self.amazon, resource)):
            return Ending.KEPT, why
        return Ending.REMOVED, UNLESS.get(resource.kind, "")
