"""Spark, opened so that nothing of what it counts leaves a private folder, and closed with the Java that it runs in.

What it writes while it works is encrypted with a key that nobody knows afterwards, also on other machines; it logs
nothing and serves no page. What else an operator states in ``spark-defaults.conf`` counts: memory, executors, the
secret of a cluster.
"""

from __future__ import annotations

import os
import warnings
from contextlib import ExitStack, contextmanager
from shutil import which
from typing import TYPE_CHECKING, Any

from lifecycle.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import ibis.expr.types as ir
    import pyarrow as pa

PLACE = "LIFECYCLE_SPARK"
_OTHER_FOLDERS = ("SPARK_LOCAL_DIRS", "SPARK_EXECUTOR_DIRS", "LOCAL_DIRS")
"""Each would count more than the private folder; the last is of YARN."""
_ENVIRONMENT_READ = "SPARK_ENV_LOADED"
"""Where it is set Spark leaves ``spark-env.sh`` aside, which could set any of those."""
_LOGGING = "log4j2.properties"
_SAY_NOTHING = """
appender.nowhere.type = Null
appender.nowhere.name = nowhere
rootLogger.level = off
rootLogger.appenderRef.nowhere.ref = nowhere
"""
"""Without an appender Spark takes a configuration for none, and puts its own in its place."""
_NO_MEMORY_KEPT = "-XX:-CreateCoredumpOnCrash -XX:-HeapDumpOnOutOfMemoryError"
"""A Java that dies would leave all that it held, unencrypted, where it was started."""
_LOGS_OF_FAILURES = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
"""By which Spark's Python tells of a query that fails, with the values that it failed on."""


def java() -> str | None:
    """The Java that Spark starts; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    return which("java", path=f"{home}/bin") if home else which("java")


@contextmanager
def opened(master: str, folder: Path) -> Iterator[Any]:
    """Spark, as an engine of Ibis.

    Args:
        master: where it counts: ``local[4]``, ``spark://machine:7077``, or another that Spark knows.
        folder: private; whatever it writes on this machine stands there, and goes when it is closed.

    Raises:
        UsageError: it cannot be opened.
    """
    _require_all_that_it_takes()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    logging = folder / _LOGGING
    with ExitStack() as stack:
        logging.write_text(_SAY_NOTHING)
        stack.callback(logging.unlink)
        with _pandas_left_aside():
            engine = _open(_options(master, folder), stack)
        yield engine


def rows(engine: Any, expression: ir.Table) -> pa.Table:
    """What an expression comes to; Ibis itself would take it through pandas."""
    return engine.raw_sql(engine.compile(expression)).toArrow()


@contextmanager
def failures_told() -> Iterator[None]:
    """Tell that Spark failed, and of its own words only the name of the failure: the others may hold values.

    Raises:
        CheckFailed: it did.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as failure:
        condition = failure.getCondition() if isinstance(failure, PySparkException) else None
        raise CheckFailed(
            f"Spark did not count: {condition or type(failure).__name__}",
            place=PLACE,
            next_step="see that its machines run and read the folder of LIFECYCLE_PSEUDONYMISED; then run it again",
        ) from None


def _require_all_that_it_takes() -> None:
    """Refuse what would fail later with words that help nobody.

    Raises:
        UsageError: Spark or Java is missing, or the environment sends Spark's files elsewhere.
    """
    try:
        import pyspark  # noqa: F401 - whether it is there
    except ImportError:
        raise UsageError(
            "Spark is not installed",
            place=PLACE,
            next_step="pip install -r requirements-spark.txt; or leave the setting empty, and DuckDB counts",
        ) from None
    if java() is None:
        raise UsageError(
            "Spark needs Java, and there is none",
            place=os.environ.get("JAVA_HOME") or "PATH",
            next_step="install Java 17 or 21, or name its folder: JAVA_HOME",
        )
    for name in _OTHER_FOLDERS:
        if name in os.environ:
            raise UsageError(
                "it would send what Spark writes out of the private folder",
                place=name,
                next_step="take it out of the environment of whoever builds releases",
            )


def _open(options: dict[str, str], stack: ExitStack) -> Any:
    """Start Java, a session in it and Ibis on it; the stack ends them.

    Raises:
        UsageError: that fails. Nothing was read yet, so that Spark's words tell of nobody.
    """
    import ibis
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.logger import PySparkLogger
    from pyspark.sql import SparkSession

    for name in _LOGS_OF_FAILURES:
        PySparkLogger.getLogger(name).disabled = True
    conf = SparkConf(loadDefaults=False).setAll(list(options.items()))
    try:
        with _environment_as_it_is():
            gateway = launch_gateway(conf)
        stack.callback(_end, gateway)
        session = SparkSession(SparkContext(conf=conf, gateway=gateway))
        stack.callback(_stop, session)
        return ibis.pyspark.connect(session)
    except (PySparkException, Py4JError) as failure:
        java_says = getattr(failure, "java_exception", None)
        raise UsageError(
            f"Spark does not open: {java_says.toString() if java_says else str(failure).splitlines()[0]}",
            place=PLACE,
            next_step="see docs/releases.md: where it counts is named as local[4] or spark://machine:7077",
        ) from None


@contextmanager
def _environment_as_it_is() -> Iterator[None]:
    """While this lasts, a Java that is started reads no ``spark-env.sh``; PySpark takes no environment but this."""
    before = os.environ.get(_ENVIRONMENT_READ)
    os.environ[_ENVIRONMENT_READ] = "1"
    try:
        yield
    finally:
        del os.environ[_ENVIRONMENT_READ]
        if before is not None:
            os.environ[_ENVIRONMENT_READ] = before


def _stop(session: Any) -> None:
    """End a session; forget one whose Java has died."""
    from py4j.protocol import Py4JError

    try:
        session.stop()
    except (Py4JError, ConnectionError):
        session.sparkContext.stop()


def _end(gateway: Any) -> None:
    """End the Java that a session ran in: it holds rows, and would give the next session this one's folder."""
    from pyspark import SparkContext

    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None  # noqa: SLF001 - or the next session would ask it


def _options(master: str, folder: Path) -> dict[str, str]:
    everywhere = (
        f'-Dlog4j2.configurationFile={(folder / _LOGGING).as_uri()} -XX:ErrorFile="{folder}/java-%p.log"'
        f" {_NO_MEMORY_KEPT}"
    )
    options = {
        "spark.master": master,
        "spark.app.name": "lifecycle",
        # what it writes
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.driver.extraJavaOptions": f'{everywhere} -Djava.io.tmpdir="{folder}" -XX:-UsePerfData',
        "spark.executor.extraJavaOptions": everywhere,
        "spark.io.encryption.enabled": "true",
        # what it sends and shows
        "spark.authenticate": "true",
        "spark.network.crypto.enabled": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.eventLog.enabled": "false",
        "spark.log.level": "OFF",
        # what it counts
        "spark.hadoop.fs.defaultFS": "file:///",
        "spark.sql.ansi.enabled": "true",  # a number that is too large fails, and does not become another
    }
    if master.startswith("local"):  # every part of it is in one process
        options |= dict.fromkeys(("spark.driver.host", "spark.driver.bindAddress"), "127.0.0.1")
    return options


@contextmanager
def _pandas_left_aside() -> Iterator[None]:
    """Spark warns of a pandas newer than it knows; nothing here goes through pandas."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield
