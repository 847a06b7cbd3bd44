"""Spark on this machine, for tests: the smallest that counts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from lifecycle.analytics import spark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MASTER = "local[2]"
_DEFAULTS = """
spark.driver.defaultJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.sql.shuffle.partitions 3
"""
"""As an operator states them; they make a session begin in a third of the time."""


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
        patch.delenv("SPARK_HOME", raising=False)
        patch.delenv("SPARK_LOCAL_DIRS", raising=False)
        yield


def machines_of_java() -> list[psutil.Process]:
    """What this process has started of Java and not ended."""
    return [one for one in psutil.Process().children(recursive=True) if one.name() == "java"]
