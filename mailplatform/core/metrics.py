"""Figures for a monitoring system, in the text format of Prometheus (exposition format 0.0.4).

Each app registers what it can measure; everything is read from Postgres and Redis when it is asked for, so that any
web process answers for the whole installation. Names and labels hold nothing about people.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog

log = structlog.get_logger(__name__)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    """One number; `labels` tell samples of the same name apart."""

    value: float
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured. `kind` is gauge or counter; `read` may return nothing where there is nothing to tell."""

    name: str
    help: str
    read: Callable[[], Iterable[Sample]]
    kind: str = "gauge"


_registered: dict[str, Metric] = {}


def register(*metrics: Metric) -> None:
    """Add metrics; called once by each app as the process starts."""
    _registered.update({metric.name: metric for metric in metrics})


def worst(*names: str) -> dict[str, float]:
    """Return the highest sample of each of these metrics; one that has nothing to tell is left out."""
    found: dict[str, float] = {}
    for metric in (_registered[name] for name in names if name in _registered):
        if samples := [sample.value for sample in metric.read()]:
            found[metric.name] = max(samples)
    return found


def render() -> str:
    """Return all of them as text. One that cannot be read is left out, counted and logged; the others are told."""
    lines: list[str] = []
    failed = 0
    for metric in _registered.values():
        try:
            lines += _lines(metric, list(metric.read()))
        except Exception:  # whatever it is: a scrape must not end at the first part that is away
            log.exception("metric_unreadable", metric=metric.name)
            failed += 1
    unreadable = Metric("mailplatform_metrics_unreadable", "Metrics that could not be read now.", list)
    return "\n".join([*lines, *_lines(unreadable, [Sample(failed)])]) + "\n"


def _lines(metric: Metric, samples: list[Sample]) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for sample in samples:
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
        yield f"{metric.name}{f'{{{labels}}}' if labels else ''} {sample.value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
