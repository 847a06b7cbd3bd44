"""Runs expectations: counts against bounds, and names against the names there must be.

Great Expectations gets a frame of one row of counts, or a frame that has columns and no rows. It never sees
personal data; its results are asked for as true and false only, and its logs and progress bars are off.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from lifecycle.errors import CheckFailed, PlanOutdated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RESULT_FORMAT = "BOOLEAN_ONLY"
"""Every other format repeats values that an expectation met."""
BATCH = "measured"
"""What the frame is called while it is looked at."""
_TOLD = {"result_format": RESULT_FORMAT}
_LOADING = threading.Lock()
"""Of the thread that loads ahead and whoever validates meanwhile: what each hides from an import is for all."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """A number of rows, days or things, and the bounds it must keep.

    Attributes:
        name: what is counted, as a sentence's subject: no value of a row.
        least: the least it may be; None where there is no such bound.
        most: the most it may be.
        is_of_rows: whether the application may have caused it, by changing rows since they were planned.
    """

    name: str
    value: int
    least: int | None = None
    most: int | None = 0
    is_of_rows: bool = False

    def beyond(self) -> int:
        """How far it is beyond its bounds; 0 or less where it keeps them."""
        bounds = (
            None if self.most is None else self.value - self.most,
            None if self.least is None else self.least - self.value,
        )
        return max((distance for distance in bounds if distance is not None), default=0)

    def complaint(self) -> str:
        """What is wrong, where the bounds are not kept."""
        bounds = (("at least", self.least), ("at most", self.most))
        allowed = " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)
        return f"{self.name}: {self.value}, {allowed}"


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names of tables or columns that must be exactly those expected."""

    name: str
    found: frozenset[str]
    expected: frozenset[str]

    def complaint(self) -> str:
        """Which names are missing and which nobody expected."""
        unexpected = ", ".join(sorted(self.found - self.expected))
        missing = ", ".join(sorted(self.expected - self.found))
        parts = [
            f"not in the data map: {unexpected}" if unexpected else "",
            f"not in the database: {missing}" if missing else "",
        ]
        return f"{self.name}: {'; '.join(filter(None, parts))}"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A suite that passed.

    Attributes:
        checks: name of each expectation and whether it was met.
    """

    suite: str
    checks: tuple[tuple[str, bool], ...]

    def to_json(self) -> dict[str, Any]:
        """Names and verdicts; no values."""
        return {
            "suite": self.suite,
            "checks": [{"name": name, "passed": passed} for name, passed in self.checks],
        }


def validate(suite: str, expected: Iterable[Count | Names], *, place: str, next_step: str) -> Checked:
    """Hold everything against what is expected of it.

    Args:
        suite: a name for reports.
        expected: counts and names, as measured.
        place: what was checked, for the error.
        next_step: what to do where it fails.

    Raises:
        CheckFailed: an expectation is not met; names each, with counts and names of tables and columns only.
        PlanOutdated: none but such as the application may have caused.
    """
    measured = list(expected)
    counts = [one for one in measured if isinstance(one, Count)]
    names = [one for one in measured if isinstance(one, Names)]
    verdicts: list[tuple[Count | Names, bool]] = [*zip(counts, _meet_bounds(counts), strict=True)]
    verdicts += zip(names, _are_all_expected(suite, names), strict=True)
    failed = [one for one, passed in verdicts if not passed]
    if failed:
        error = (
            PlanOutdated if all(isinstance(one, Count) and one.is_of_rows for one in failed) else CheckFailed
        )
        complaints = "; ".join(one.complaint() for one in failed)
        raise error(
            f"{len(failed)} of {len(verdicts)} expectations of {suite} are not met: {complaints}",
            place=place,
            next_step=next_step,
        )
    return Checked(suite=suite, checks=tuple((one.name, passed) for one, passed in verdicts))


def load_ahead() -> None:
    """Begin to load what :func:`validate` needs, for whoever will need it and waits for the database first."""
    threading.Thread(target=_loaded, name="lifecycle-loading").start()


def _loaded() -> None:
    with suppress(Exception):  # whoever validates meets it again
        _within_bounds()


def _meet_bounds(counts: Sequence[Count]) -> list[bool]:
    """Whether each count keeps its bounds; asked at once, and one by one only where some do not."""
    if not counts or _are_within(counts):
        return [True] * len(counts)
    return [_are_within([one]) for one in counts]


def _are_within(counts: Sequence[Count]) -> bool:
    """Whether all keep their bounds; a row of the frame for each, with how far it is beyond them."""
    import pandas as pd

    frame = pd.DataFrame({"beyond": [one.beyond() for one in counts]})
    return bool(_within_bounds().about(frame).success)


@cache
def _within_bounds() -> _Asked:
    """Nothing is beyond its bounds; always the same."""
    expectation = _great_expectations().expectations.ExpectColumnMaxToBeBetween(
        column="beyond", max_value=0, batch_id=BATCH
    )
    return _Asked(expectation)


def _are_all_expected(suite: str, names: Sequence[Names]) -> list[bool]:
    """Whether the names of each are those expected; asked at once, and one by one only where some are not."""
    at_once = Names(name=suite, found=_numbered(names, "found"), expected=_numbered(names, "expected"))
    if not names or _are_expected(at_once):
        return [True] * len(names)
    return [_are_expected(one) for one in names]


def _numbered(names: Sequence[Names], which: str) -> frozenset[str]:
    """The names of all, each with the number of those it belongs to."""
    return frozenset(f"{number} {name}" for number, one in enumerate(names) for name in getattr(one, which))


def _are_expected(names: Names) -> bool:
    """Whether the names are exactly those expected; they are the columns of a frame without rows."""
    import pandas as pd

    expectation = _great_expectations().expectations.ExpectTableColumnsToMatchSet(
        column_set=sorted(names.expected), exact_match=True, batch_id=BATCH
    )
    return bool(_Asked(expectation).about(pd.DataFrame(columns=sorted(names.found))).success)


class _Asked:
    """An expectation, and the metrics that it needs, which are worked out once.

    By the engine of Great Expectations itself: a context, with its sources, suites and stores, would keep what is
    measured, and takes twenty times as long.
    """

    def __init__(self, expectation: Any) -> None:
        self._expectation = expectation
        needed = expectation.get_validation_dependencies(
            execution_engine=_engine(None), runtime_configuration=_TOLD
        )
        self._metrics = needed.get_metric_configurations()

    def about(self, frame: Any) -> Any:
        """What it says of a frame."""
        from great_expectations.validator.metrics_calculator import MetricsCalculator

        engine = _engine(frame)
        measured, _ = MetricsCalculator(engine, show_progress_bars=False).compute_metrics(
            self._metrics, runtime_configuration=_TOLD
        )
        return self._expectation.metrics_validate(measured, _TOLD, engine)


def _engine(frame: Any) -> Any:
    """What measures a frame, or none."""
    from great_expectations.execution_engine import PandasExecutionEngine

    return PandasExecutionEngine(batch_data_dict={} if frame is None else {BATCH: frame})


@cache
def _great_expectations() -> Any:
    """The library, imported when first needed: it takes seconds. Its own use of old modules is not our affair.

    Its loggers are quiet before it is imported: it would tell thousands of times how it registers its functions.
    It does not see Spark where that is installed: it would load it too, which ends a process that has no file of its
    own, such as a test's worker.
    """
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    with _LOADING, warnings.catch_warnings(), _unseen("pyspark"):
        warnings.simplefilter("ignore")
        import great_expectations as gx
        import great_expectations.expectations
    for name in list(logging.root.manager.loggerDict):
        if name.split(".", 1)[0] == "great_expectations":
            logging.getLogger(name).setLevel(logging.WARNING)
    gc.collect()
    gc.freeze()  # half a million objects that stay, and that every collection of garbage would go over
    return gx


@contextmanager
def _unseen(package: str) -> Iterator[None]:
    """While this lasts, an import takes a package for missing, whether it was imported before or not."""
    before = {name: module for name, module in [*sys.modules.items()] if name.split(".", 1)[0] == package}
    for name in before:
        sys.modules.pop(name, None)
    sys.modules[package] = None  # type: ignore[assignment]  # how Python is told that there is none
    try:
        yield
    finally:
        sys.modules.pop(package, None)
        sys.modules.update(before)
