"""Archives on the command line: what is said of them, what is printed of one document, and how a run ends."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import pytest

from support.books import IN_AUGUST, create_books, flip
from support.commands import CommandLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from support.databases import Database

pytestmark = pytest.mark.commitment("A7", "G1")

BROKEN, MISUSED, WAITS = 1, 2, 3
OVER = IN_AUGUST.replace(year=2032)
OBJECT = "books/2025-06-30/0001/0000.parquet"


@pytest.fixture
def at(database: Database, monkeypatch, capsys, caplog, tmp_path: Path) -> Callable[[datetime], CommandLine]:
    """The command line at a moment."""
    create_books(database, tmp_path)
    settings = {
        "DATABASE_URL": database.url,
        "POLICY_DIR": tmp_path / "policies",
        "DATAMAP_DIR": tmp_path / "datamap",
        "KEYRING": tmp_path / "keyring",
        "STATE_DIR": tmp_path / "state",
        "ARCHIVE": tmp_path / "one",
        "ARCHIVE_SECOND": tmp_path / "two",
    }
    return lambda moment: CommandLine(monkeypatch, capsys, caplog, settings, now=moment)


@pytest.fixture
def lifecycle(at) -> CommandLine:
    """The command line in August 2025, everything written."""
    command = at(IN_AUGUST)
    assert command("archive", "build").code == 0
    return command


def test_what_is_written_is_told_year_by_year(at):
    said = at(IN_AUGUST)("archive", "build")
    assert [line.split("  ")[0] for line in said.out.splitlines()] == [
        "books/2025-06-30/0001", "books/2026-06-30/0001",
    ]  # fmt: skip
    assert "kept until 2032-06-30, 1 numbers missing between them" in said.out
    assert at(IN_AUGUST)("archive", "build").out == "nothing was to be written\n"


def test_one_year_may_be_written_alone(at):
    command = at(IN_AUGUST)
    assert len(command("archive", "build", "--year", "2026-06-30", "--json").document) == 1
    for wrong in ("2019-06-30", "June"):
        assert command("archive", "build", "--year", wrong).code == MISUSED


def test_parts_are_listed_with_state_and_end(lifecycle: CommandLine):
    first, second = lifecycle("archive", "list").out.splitlines()
    assert re.fullmatch(r"books/2025-06-30/0001  written +4 documents +0\.0 MB  until 2032-06-30", first)
    assert second.startswith("books/2026-06-30/0001")
    assert "anary" not in lifecycle("archive", "list", "--json").everything


def test_a_document_is_printed_as_text_table_page_and_json(lifecycle: CommandLine):
    text = lifecycle("archive", "fetch", "--invoice", "B-0001").out
    assert text.startswith("B-0001, kept until 2032-06-30\n")
    assert "trade.receipt: id 1, serial A, copy_no 1, paid 50.000, payer Canary Payer" in text
    table = list(
        csv.reader(io.StringIO(lifecycle("archive", "fetch", "--number", "B-0001", "--format", "csv").out))
    )
    assert [row[0] for row in table if row and row[0]] == [
        "document", "trade.item", "trade.item", "trade.discount", "trade.receipt", "trade.receipt",
    ]  # fmt: skip
    page = lifecycle("archive", "fetch", "--invoice", "B-0001", "--format", "html").out
    assert "<html" in page
    assert "Canary &#34;One&#34;, OÜ" in page or "Canary &quot;One&quot;, OÜ" in page
    (document,) = lifecycle("archive", "fetch", "--invoice", "B-0001", "--json").document
    assert document["document"]["total"] == "100.005"


def test_what_is_not_there_is_said_so_without_its_number(lifecycle: CommandLine):
    said = lifecycle("archive", "fetch", "--invoice", "canary@example.test")
    assert (said.code, said.out) == (MISUSED, "")
    assert "canary" not in said.everything
    assert lifecycle("archive", "list", "--archive", "nothing").code == MISUSED


def test_what_was_mended_is_told_and_what_is_lost_ends_with_1(lifecycle: CommandLine, tmp_path: Path):
    flip(tmp_path / "two" / OBJECT)
    said = lifecycle("archive", "verify")
    assert said.code == 0
    assert f"{OBJECT} at {tmp_path / 'two'} was changed, repaired" in said.out
    for place in ("one", "two"):
        (tmp_path / place / OBJECT).unlink()
    lost = lifecycle("archive", "verify")
    assert (lost.code, "is missing" in lost.err) == (BROKEN, True)


def test_nothing_is_over_before_its_time(lifecycle: CommandLine):
    assert lifecycle("archive", "expire").out == "nothing is over\n"


def test_what_is_over_goes_and_is_listed_as_gone(lifecycle: CommandLine, at):
    placed = lifecycle(
        "hold", "place", "trade.bill:B,1", "--reason", "dispute", "--until", "2035-01-01", "--by", "Olivia"
    )
    assert placed.code == 0
    later = at(OVER)
    said = later("archive", "expire")
    assert (said.code, said.err) == (0, "")
    told = said.out.splitlines()
    assert told[:2] == [
        "books/2025-06-30/0002  written anew, for what is held", "books/2025-06-30/0001  destroyed",
    ]  # fmt: skip
    assert re.fullmatch(r" +1 of trade\.bill stay: hold [0-9a-f-]{36} until 2035-01-01", told[2])
    listed = later("archive", "list").out
    assert re.search(r"0001  destroyed +4 documents", listed)
    assert later("archive", "fetch", "--invoice", "B-0001").code == MISUSED
    assert later("archive", "fetch", "--invoice", "B-0004").code == 0
    assert "anary" not in said.everything + listed


@pytest.mark.parametrize("way", ["by digest", "at once"])
def test_beyond_the_guard_it_waits_for_a_person(lifecycle: CommandLine, at, tmp_path: Path, way):
    policy = tmp_path / "policies/2020-01-01/policy.yaml"
    policy.write_text(policy.read_text().replace("default: {rows: 100}", "default: {rows: 3}"))
    later = at(OVER)
    said = later("archive", "expire")
    assert (said.code, "4 rows would go, more than 3" in said.err) == (WAITS, True)
    assert later("archive", "fetch", "--invoice", "B-0001").code == 0
    (digest,) = re.findall(r"lifecycle apply ([0-9a-f]{64}) --approve --by NAME", said.err)
    command = ("apply", digest) if way == "by digest" else ("archive", "expire")
    assert later(*command, "--approve").code == MISUSED
    approved = later(*command, "--approve", "--by", "Olivia")
    assert (approved.code, approved.err) == (0, "")
    assert later("archive", "fetch", "--invoice", "B-0001").code == MISUSED
    assert later("archive", "verify").code == 0
    del lifecycle


def test_what_should_not_have_been_written_is_left_out(lifecycle: CommandLine, tmp_path: Path):
    policy = tmp_path / "policies/2020-01-01/policy.yaml"
    policy.write_text(policy.read_text().replace("buyer, remark, extra]", "buyer, extra]"))
    year = ("archive", "rewrite", "--year", "2025-06-30")
    assert lifecycle(*year).code == MISUSED
    of_one = lifecycle(*year, "--owner", "--by", "Olivia", stdin="2\n")
    assert (of_one.code, of_one.out.split("  ")[0]) == (0, "books/2025-06-30/0002")
    assert "remark" not in lifecycle("archive", "fetch", "--invoice", "B-0004", "--json").out
    assert "remark" in lifecycle("archive", "fetch", "--invoice", "B-0001", "--json").out
    all_of_it = lifecycle(*year, "--by", "Olivia").out.splitlines()
    assert [line.split("  ")[0] for line in all_of_it] == ["books/2025-06-30/0004", "books/2025-06-30/0005"]
    assert lifecycle("archive", "list").out.count("destroyed") == 3
    assert "remark" not in lifecycle("archive", "fetch", "--invoice", "B-0001", "--json").out
    assert lifecycle("archive", "verify").code == 0


def test_to_write_anew_approves_nothing_else(lifecycle: CommandLine, at, tmp_path: Path):
    policy = tmp_path / "policies/2020-01-01/policy.yaml"
    policy.write_text(policy.read_text().replace("default: {rows: 100}", "default: {rows: 3}"))
    later = at(OVER)
    said = later("archive", "rewrite", "--year", "2026-06-30", "--by", "Olivia")
    assert (said.code, said.out.split("  ")[0]) == (WAITS, "books/2026-06-30/0002")
    assert later("archive", "fetch", "--invoice", "B-0001").code == 0
    del lifecycle
