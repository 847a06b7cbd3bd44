"""Parsing the DAG folder is a budget, and a DAG file is a table of contents."""

from __future__ import annotations

import ast

import pytest

from support.source import calls_at_load, files, imports_at_load, name_of, package_file

HEAVY = {
    "pandas", "numpy", "pyarrow", "duckdb", "ibis", "polars", "opendp", "great_expectations", "faker", "sqlalchemy",
    "psycopg", "psycopg2", "pyspark", "fideslang", "cryptography", "rich", "typer",
}  # fmt: skip
ASKS_AIRFLOW = {"Variable", "Connection", "BaseHook", "conf"}
ASKS_THE_CLOCK = {"now", "utcnow", "today"}

DAGS = files("dags")
every_dag = pytest.mark.parametrize("path", DAGS, ids=name_of)


def loaded_with(path) -> dict[str, str]:
    """Every module that loading a file loads, through the package's own modules; with the way it came."""
    seen: dict[str, str] = {}
    waiting = [(path, name_of(path))]
    while waiting:
        file, way = waiting.pop()
        for found in imports_at_load(file):
            for module in _with_parents(found.module):
                own = package_file(module)
                if module not in seen and own:
                    waiting.append((own, f"{way} > {module}"))
                seen.setdefault(module, way)
    return seen


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


@every_dag
def test_nothing_heavy_is_imported_while_a_dag_file_is_parsed(path):
    assert {module: way for module, way in loaded_with(path).items() if module in HEAVY} == {}


@every_dag
def test_only_what_airflow_offers_to_authors_is_imported_from_it(path):
    offered = ("airflow.sdk", "airflow.providers")
    of_airflow = [found.module for found in imports_at_load(path) if found.module.split(".")[0] == "airflow"]
    assert [module for module in of_airflow if not module.startswith(offered)] == []


@every_dag
def test_no_connection_variable_or_clock_is_read_while_a_dag_file_is_parsed(path):
    for call in calls_at_load(path):
        name = ast.unparse(call.func)
        assert name.split(".")[0] not in ASKS_AIRFLOW, f"line {call.lineno}"
        assert name.split(".")[-1] not in ASKS_THE_CLOCK, f"line {call.lineno}"


def test_a_heavy_import_is_seen_through_the_package(tmp_path):
    light, heavy = tmp_path / "light.py", tmp_path / "heavy.py"
    light.write_text("import lifecycle.timelimits\ndef task():\n    import pandas\n", encoding="utf-8")
    heavy.write_text("from lifecycle.store.engine import connect\n", encoding="utf-8")
    names = {file: {found.module for found in imports_at_load(file)} for file in (light, heavy)}
    assert names[light] == {"lifecycle.timelimits"}
    engine = package_file("lifecycle.store.engine")
    assert "sqlalchemy" in {found.module for found in imports_at_load(engine)}
