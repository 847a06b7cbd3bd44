"""A sample's folder is read into values, or refused with the place and the next step."""

from __future__ import annotations

import shutil

import pytest

from lifecycle.errors import UsageError
from lifecycle.synthetic.sample import read_sample
from support.samples import COMPANIES, REFERENCE

STATEMENT = "-- name: only\nSELECT 1\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("schema.sql", "population.sql", "pools.yaml"):
        shutil.copy(REFERENCE.sample / name, tmp_path)
    return tmp_path


def _refusal(folder) -> str:
    with pytest.raises(UsageError) as refused:
        read_sample(folder)
    assert refused.value.place
    assert refused.value.next_step
    return str(refused.value)


@pytest.mark.parametrize("company", COMPANIES, ids=str)
def test_the_samples_of_the_project_can_be_read(company):
    sample = read_sample(company.sample)
    assert sample.statements
    assert sample.pools.pools


def test_a_statement_carries_its_header_and_not_in_its_sql(folder):
    (folder / "population.sql").write_text(
        "-- What this is.\n-- name: one thing\n-- Why.\n-- each: :customers\n-- chunk: 30\nSELECT :first\n"
    )
    (statement,) = read_sample(folder).statements
    assert (statement.name, statement.each, statement.chunk) == ("one thing", ":customers", 30)
    assert "each" not in statement.sql
    assert statement.sql.endswith("SELECT :first")


@pytest.mark.parametrize("name", ["schema.sql", "population.sql", "pools.yaml"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert name in _refusal(folder)


@pytest.mark.parametrize("name", ["schema.sql", "population.sql", "pools.yaml"])
def test_an_empty_file_is_named(folder, name):
    (folder / name).write_text(" \n")
    assert name in _refusal(folder)


def test_a_file_that_is_not_utf_8_is_refused(folder):
    (folder / "schema.sql").write_bytes(b"\xff\xfe")
    assert "schema.sql" in _refusal(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("SELECT 1", "no statement"),
        (STATEMENT * 2, "names only twice"),
        ("-- name: only\n-- chunk: many\nSELECT 1", "chunk is not a positive number"),
        ("-- name: only\n-- chunk: 0\nSELECT 1", "chunk is not a positive number"),
        ("-- name: only\nSELECT :customer", "nothing is bound to :customer"),
        ("-- name: only\nSELECT :first", "nothing is bound to :first"),
        ("-- name: only\n-- each: :last\nSELECT 1", "nothing is bound to :last"),
    ],
)
def test_a_malformed_population_is_refused(folder, content, said):
    (folder / "population.sql").write_text(content)
    assert said in _refusal(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("locales: {et_EE: 1}\npools: {a: [}", "pools.yaml:2"),
        ("locales: {et_EE: 1}", "pools"),
        ("pools: {}", "locales"),
        ("locales: {estonian: 1}\npools: {}", "locales.estonian"),
        ("locales: {et_EE: 0}\npools: {}", "locales.et_EE"),
        ("locales: {et_EE: 1}\npools: {a: {size: 0, columns: {b: city}}}", "pools.a.size"),
        ("locales: {et_EE: 1}\npools: {a: {size: 100001, columns: {b: city}}}", "pools.a.size"),
        ("locales: {et_EE: 1}\npools: {a: {size: 1, columns: {}}}", "pools.a.columns"),
        ("locales: {et_EE: 1}\npools: {'a; drop': {size: 1, columns: {b: city}}}", "pools.a; drop"),
        ("locales: {et_EE: 1}\npools: {a: {size: 1, columns: {b: city}, colour: red}}", "pools.a.colour"),
        ("just words", "the top of the file"),
    ],
)
def test_malformed_pools_are_refused_with_the_entry(folder, content, said):
    (folder / "pools.yaml").write_text(content)
    assert said in _refusal(folder)
