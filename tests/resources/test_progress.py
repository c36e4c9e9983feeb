"""Progress: calm lines in a log, a bar in a terminal."""

import io

from rich.console import Console
from rich.progress import Progress, TextColumn

from seke_pipeline.resources.progress import BarMeters, LogMeters, counter


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_log_gets_a_line_at_most_every_so_often_with_rate_and_time_left() -> None:
    clock, lines = Clock(), list[str]()
    with LogMeters(every_s=5, clock=clock).meter("faces a", 100, lines.append) as advance:
        for done in range(1, 11):
            clock.now = float(done)
            advance(done, "note")

    assert lines == ["faces a: 5/100 (1.0/s, 95 s left) note", "faces a: 10/100 (1.0/s, 90 s left) note"]


def test_the_bar_goes_when_the_stage_is_done() -> None:
    bars = Progress(TextColumn("{task.description} {task.fields[note]}"), console=Console(file=io.StringIO()))
    with BarMeters(bars).meter("faces a", 2, print) as advance:
        counter(advance)()
        assert [(task.description, task.completed, task.total) for task in bars.tasks] == [("faces a", 1, 2)]
    assert bars.tasks == []


def test_a_counter_counts() -> None:
    seen: list[int] = []
    one_more = counter(lambda done, _: seen.append(done))
    one_more()
    one_more()

    assert seen == [1, 2]
