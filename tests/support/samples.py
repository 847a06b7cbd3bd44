"""The sample companies of the project, and what a test asks of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from fideslang.models import Dataset
from sqlalchemy import create_engine

from lifecycle.store.engine import connect, parse_url
from lifecycle.synthetic import seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fideslang.models import DatasetCollection, DatasetField

PROJECT = Path(__file__).resolve().parents[2]
AS_OF = datetime(2025, 11, 22, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Company:
    """Where a sample company keeps its tables and its data map."""

    name: str
    sample: Path
    datamap: Path

    def __str__(self) -> str:
        return self.name

    def datasets(self) -> list[Dataset]:
        """The Fides datasets of its data map."""
        return [
            Dataset.model_validate(dataset)
            for path in sorted(self.datamap.glob("*.yml"))
            for dataset in yaml.safe_load(path.read_text(encoding="utf-8"))["dataset"]
        ]

    def collections(self) -> Iterator[tuple[str, DatasetCollection]]:
        """Each collection with the schema its table lives in."""
        for dataset in self.datasets():
            for collection in dataset.collections:
                yield dataset.fides_meta.namespace["schema"], collection

    def fields(self) -> Iterator[tuple[str, DatasetField]]:
        """Each top-level field with the qualified, unquoted name of its column."""
        for schema, collection in self.collections():
            for field in collection.fields:
                yield f"{schema}.{collection.name}.{field.name}", field


REFERENCE = Company(name="reference", sample=PROJECT / "include/sample", datamap=PROJECT / "include/datamap")
WEBSHOP = Company(
    name="webshop", sample=PROJECT / "examples/webshop", datamap=PROJECT / "examples/webshop/datamap"
)
COMPANIES = (REFERENCE, WEBSHOP)


def populate(url: str, company: Company, *, options: str = "", **changes: object) -> dict[str, int]:
    """Seed a small company: fifteen customers and three days of telemetry unless changed.

    ``options`` are settings that the connection starts with, as PostgreSQL's command line takes them.
    """
    arguments = {"customers": 15, "days": 3, "seed": 7, "as_of": AS_OF, "progress": lambda _step: None}
    engine = create_engine(parse_url(url), connect_args={"options": options}) if options else connect(url)
    try:
        return seed(engine, company.sample, **(arguments | changes))
    finally:
        engine.dispose()
