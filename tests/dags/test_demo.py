"""What script/demo tells is what happened, and told again nothing happens."""

from __future__ import annotations

import io
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from demonstration.story import Invented, Story
from demonstration.terminal import Terminal
from lifecycle.settings import PROJECT

COMPANY = Invented(
    as_of=datetime(2026, 11, 20, 3, tzinfo=ZoneInfo("Europe/Tallinn")).isoformat(), customers=12, days=34
)


class Reader:
    """Somebody who looks at the terminal."""

    def __init__(self) -> None:
        self.told, self.beside = io.StringIO(), io.StringIO()
        self._read = 0

    def read(self) -> str:
        """What was told since the last time."""
        new, self._read = self.told.getvalue()[self._read :], len(self.told.getvalue())
        return new


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def story(database, airflow_alone, tmp_path, monkeypatch, reader):
    """The story over a database of the test's own."""
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", database.url)
    monkeypatch.setenv("LIFECYCLE_KEYRING", str(tmp_path / "keyring"))
    monkeypatch.setenv("LIFECYCLE_STATE_DIR", str(tmp_path))
    return Story(
        terminal=Terminal(reader.told, reader.beside),
        airflow=airflow_alone,
        folder=tmp_path,
        sample=PROJECT / "include/sample",
    )


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_it_tells_what_was_due_what_went_what_stays_and_why_and_the_second_time_nothing(
    story, database, reader
):
    def journal() -> int:
        return database.execute("SELECT coalesce(sum(row_count), 0) FROM lifecycle.journal")[0][0]

    def persons() -> int:
        return database.execute("SELECT count(*) FROM app.person")[0][0]

    story.invent(COMPANY)
    had = persons()
    runs = story.keep_promises(story.remembered())
    story.prove(story.remembered())
    told = reader.read()
    assert [run.state for run in runs] == ["success"] * 10
    (gone,) = re.findall(r"^ +([\d,]+) due, deleted +app\.person$", told, re.MULTILINE)
    assert persons() == had - number(gone)
    (all_gone,) = re.findall(r"^([\d,]+) rows were deleted, emptied or cut$", told, re.MULTILINE)
    assert number(all_gone) == journal() > 0
    assert re.search(r"^ +2 due, kept +app\.person: hold until 2027-11-20$", told, re.MULTILINE)
    assert re.search(
        r"^  Approve plan [0-9a-f]{64} of persons_after_contract\?\n  approved as olivia$", told, re.MULTILINE
    )
    entries, covered = re.findall(r"^(\d+) entries, (\d+) under 6 signed checkpoints$", told, re.MULTILINE)[0]
    assert entries == covered > "0"
    assert "website_retention: task 2 of 57, page_views_30_days" in reader.beside.getvalue()
    assert "DagBag" not in told + reader.beside.getvalue()
    assert "Filling up the DagBag" in story.airflow.log.read_text()

    had, went = persons(), journal()
    again = story.keep_promises(story.remembered())
    told = reader.read()
    assert [run.state for run in again] == ["success"] * 10
    assert "nothing is due but what is held: no row was deleted or changed" in told
    assert "deleted  " not in told
    assert "approved" not in told
    assert (persons(), journal()) == (had, went)


def test_the_parts_of_airflow_find_one_secret_however_they_are_started(airflow_alone):
    """Each would make its own where none is there, and they are started side by side."""
    assert re.search(
        r"^jwt_secret = \S{20,}$", (airflow_alone.home / "airflow.cfg").read_text(), re.MULTILINE
    )
