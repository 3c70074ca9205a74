import pytest

from mailplatform.core import metrics
from mailplatform.core.metrics import Metric, Sample


@pytest.fixture(autouse=True)
def _only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_registered", {})


def away() -> list[Sample]:
    raise OSError("no route")


def test_each_is_told_with_its_kind_and_labels() -> None:
    metrics.register(Metric("a", "What a is.", lambda: [Sample(1.5, {"of": 'x"\\\n'}), Sample(2)]))
    assert metrics.render().splitlines()[:4] == [
        "# HELP a What a is.",
        "# TYPE a gauge",
        'a{of="x\\"\\\\\\n"} 1.5',
        "a 2",
    ]


def test_what_cannot_be_read_is_counted_and_hides_nothing_else() -> None:
    metrics.register(Metric("a", "A.", away), Metric("b", "B.", lambda: [Sample(7)], kind="counter"))
    text = metrics.render()
    assert "# TYPE b counter\nb 7\n" in text
    assert text.endswith("mailplatform_metrics_unreadable 1\n")
    assert "\na" not in text
