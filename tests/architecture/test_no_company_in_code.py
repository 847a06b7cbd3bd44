"""The engine knows no company: neither a company's name nor one of its tables stands in code.

Looked for in everything that runs: the package, the DAGs, the plugins, their SQL.

* A company's name, the first word of it, its register code or addresses: anywhere, comments included.
* A table by its full name (``schema.table``), anywhere.
* A table by its bare name where it is quoted as a whole, as code would write it to look it up. Words that the
  engine needs for itself are listed with what they mean here; a table may have such a name by coincidence.
"""

from __future__ import annotations

import re
from functools import cache

import pytest
import yaml

from support.source import PROJECT, files, name_of, strings

ENGINE_WORDS = {
    "contract": "a lawful basis, GDPR Art. 6(1)(b)",
    "note": "what is signed: a checkpoint as text",
}
IDENTIFYING = ("name", "register_code", "email", "contact", "website")
LEGAL_FORMS = {"oü", "as", "ab", "oy", "sa", "bv", "gmbh", "ltd", "limited", "inc", "the"}

CODE = files("include/lifecycle", "dags", "plugins", suffixes=(".py", ".sql"))
PYTHON = [path for path in CODE if path.suffix == ".py"]
MAPS = [
    path
    for path in files("include/datamap", "examples", suffixes=(".yml", ".yaml"))
    if "datamap" in path.parts
]
POLICIES = [path for path in files("include", "examples", suffixes=(".yaml",)) if path.name == "policy.yaml"]


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@cache
def collections() -> set[tuple[str, str]]:
    """Schema and table of every mapped collection of every company."""
    datasets = [dataset for path in MAPS for dataset in read(path)["dataset"]]
    return {
        (dataset["fides_meta"]["namespace"]["schema"], collection["name"])
        for dataset in datasets
        for collection in dataset["collections"]
    }


@cache
def company_names() -> set[str]:
    """What tells who a controller is: its name, the first word of it, its register code and addresses."""
    found = set()
    for path in POLICIES:
        controller = read(path)["controller"]
        found |= {str(controller[key]) for key in IDENTIFYING if controller.get(key)}
        words = [word for word in re.findall(r"\w+", controller["name"]) if word.lower() not in LEGAL_FORMS]
        found |= {words[0], " ".join(words), "".join(words)}
    return found


def words_found(pattern: str, path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [
        f"line {text.count(chr(10), 0, found.start()) + 1}: {found.group()}"
        for found in re.finditer(pattern, text, re.IGNORECASE)
    ]


def test_the_companies_are_known_to_this_test():
    assert len(collections()) >= 15
    assert company_names()


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_no_company_is_named(path):
    assert words_found(rf"\b(?:{'|'.join(map(re.escape, sorted(company_names())))})\b", path) == []


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_no_table_of_a_company_is_named(path):
    names = "|".join(sorted(rf"{schema}\.{table}" for schema, table in collections()))
    assert words_found(rf"\b(?:{names})\b", path) == []


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_no_table_of_a_company_is_quoted(path):
    tables = {table for _, table in collections()} - set(ENGINE_WORDS)
    assert {string.lineno: string.value for string in strings(path) if string.value in tables} == {}


def test_every_exception_is_still_needed():
    quoted = {string.value for path in PYTHON for string in strings(path)}
    tables = {table for _, table in collections()}
    assert [word for word in ENGINE_WORDS if word not in quoted & tables] == []


def test_the_reference_company_lives_in_the_folders_that_are_data():
    assert all(
        path.is_relative_to(PROJECT / folder)
        for path in [*MAPS, *POLICIES]
        for folder in ["examples" if "examples" in path.parts else "include"]
    )
