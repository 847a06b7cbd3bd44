"""Spark on this machine, for tests: the smallest that counts."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from lifecycle.analytics import spark
from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MASTER = "local[2]"
_DEFAULTS = """
spark.driver.defaultJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.sql.shuffle.partitions 3
"""
"""As an operator states them; they make a session begin in a third of the time."""

left_open = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""For tests of a Java that does not start: PySpark leaves open what it would have spoken to it through."""


@contextmanager
def small_spark(folder: Path) -> Iterator[None]:
    """While this lasts, sessions of Spark begin as these tests need them.

    Args:
        folder: for its configuration.
    """
    if spark.java() is None:
        pytest.skip("no Java on this machine, so that Spark cannot be tried: install Java 17 or 21")
    (folder / "spark-defaults.conf").write_text(_DEFAULTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        for name in ("SPARK_HOME", "SPARK_LOCAL_DIRS", "SPARK_EXECUTOR_DIRS", "LOCAL_DIRS"):
            patch.delenv(name, raising=False)
        yield


def machines_of_java() -> list[psutil.Process]:
    """What this process has started of Java and not ended."""
    return [one for one in psutil.Process().children(recursive=True) if one.name() == "java"]


def refused(tmp_path: Path, master: str = MASTER) -> str:
    """What is told when Spark does not open; nothing is kept of how it failed.

    Args:
        tmp_path: for the folder of the session.
        master: where Spark would count.
    """
    with pytest.raises(UsageError) as caught, spark.opened(master, tmp_path / "spill"):
        pytest.fail("it opened")
    told = str(caught.value)
    del caught
    gc.collect()
    return told
