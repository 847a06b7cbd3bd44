"""Whatever is done to a ledger's rows, the verification notices it and names the place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.keys import SigningKey
from lifecycle.ledger.examination import Claims
from lifecycle.ledger.merkle import Builder, leaf_hash
from lifecycle.ledger.verdict import Fault, Findings, Verdict
from lifecycle.ledger.verification import Walk
from support.ledgers import checkpoint_over, rows_of

if TYPE_CHECKING:
    from lifecycle.ledger.notes import Checkpoint

pytestmark = pytest.mark.commitment("G1")

KEY = SigningKey.from_private_bytes("ledger", b"1" * 32)
LEDGER = rows_of(45)

Row = tuple[int, bytes, bytes]
sizes = st.integers(2, len(LEDGER))


def judged(rows: list[Row], checkpoints: list[Checkpoint], at_a_time: int = 7) -> Verdict:
    """The verdict over these rows, handed over in pieces as the database would."""
    findings = Findings()
    walk = Walk(Claims(checkpoints, findings), findings)
    for start in range(0, len(rows), at_a_time):
        walk.take(rows[start : start + at_a_time])
    return walk.finish(checkpoints=len(checkpoints))


def signed(rows: list[Row], ends: list[int]) -> list[Checkpoint]:
    return [checkpoint_over(rows[:end], KEY, number) for number, end in enumerate(sorted(ends), 1)]


def rehashed(rows: list[Row]) -> list[Row]:
    """These entries with hashes that agree with them: a ledger rewritten with care."""
    payloads = [payload for _, _, payload in rows]
    hashes = Builder().extend(payloads)
    return [(sequence, hashes[sequence], payloads[sequence]) for sequence in range(len(rows))]


def places(verdict: Verdict) -> list[tuple[Fault, int | None, int | None]]:
    return [(finding.fault, finding.first, finding.last) for finding in verdict.findings]


@given(sizes, st.lists(st.integers(0, 45), max_size=6), st.integers(1, 50))
def test_an_untouched_ledger_is_sound_however_it_is_read(size, ends, at_a_time):
    rows = LEDGER[:size]
    ends = [min(end, size) for end in ends]
    verdict = judged(rows, signed(rows, ends), at_a_time)
    assert verdict.sound
    assert (verdict.entries, verdict.covered) == (size, max(ends, default=0))
    assert verdict.root_hash == checkpoint_over(rows, KEY).root_hash.hex()


@given(sizes, st.data(), st.integers(1, 50))
def test_a_changed_payload_is_named_and_nothing_else(size, data, at_a_time):
    rows = list(LEDGER[:size])
    checkpoints = signed(rows, [size // 2, size])
    place = data.draw(st.integers(0, size - 1))
    sequence, hashes, payload = rows[place]
    rows[place] = (sequence, hashes, payload.replace(b'"rows":1', b'"rows":2'))
    assert places(judged(rows, checkpoints, at_a_time)) == [(Fault.CHANGED, place, place)]


@given(sizes, st.data(), st.integers(1, 50))
def test_a_changed_leaf_hash_is_named_and_nothing_else(size, data, at_a_time):
    rows = list(LEDGER[:size])
    checkpoints = signed(rows, [size // 2, size])
    place = data.draw(st.integers(0, size - 1))
    sequence, hashes, payload = rows[place]
    rows[place] = (sequence, leaf_hash(b"x") + hashes[32:], payload)
    assert places(judged(rows, checkpoints, at_a_time)) == [(Fault.CHANGED, place, place)]


@given(sizes, st.data())
def test_a_changed_inner_hash_is_named_with_the_entries_below_it(size, data):
    rows = list(LEDGER[:size])
    checkpoints = signed(rows, [size])
    place = data.draw(st.integers(0, size // 2 - 1)) * 2 + 1
    sequence, hashes, payload = rows[place]
    level = data.draw(st.integers(1, len(hashes) // 32 - 1))
    at = level * 32
    rows[place] = (sequence, hashes[:at] + leaf_hash(b"x") + hashes[at + 32 :], payload)
    assert places(judged(rows, checkpoints)) == [(Fault.REWRITTEN, place + 1 - (1 << level), place)]


@given(sizes, st.data())
def test_hashes_cut_off_or_added_to_a_row_are_named(size, data):
    rows = list(LEDGER[:size])
    place = data.draw(st.integers(0, size - 1))
    sequence, hashes, payload = rows[place]
    others = st.integers(0, 4).filter(lambda count: count != len(hashes) // 32)
    rows[place] = (sequence, (hashes + bytes(128))[: 32 * data.draw(others)], payload)
    assert places(judged(rows, signed(LEDGER[:size], [size]))) == [(Fault.CHANGED, place, place)]


def test_a_gap_hides_nothing_that_lies_around_it():
    rows = list(LEDGER[:16])
    rows[15] = (15, rows[15][1][:-32] + leaf_hash(b"x"), rows[15][2])
    del rows[8]
    assert places(judged(rows, [])) == [(Fault.MISSING, 8, 8), (Fault.REWRITTEN, 0, 15)]


@given(sizes, st.data())
def test_removed_rows_are_named(size, data):
    first = data.draw(st.integers(0, size - 2))
    last = data.draw(st.integers(first, size - 2))
    rows = LEDGER[:first] + LEDGER[last + 1 : size]
    verdict = judged(rows, signed(LEDGER[:size], [size]))
    assert places(verdict) == [(Fault.MISSING, first, last)]


@given(sizes, st.data())
def test_a_tail_that_a_checkpoint_covers_is_missed(size, data):
    left = data.draw(st.integers(0, size - 1))
    verdict = judged(LEDGER[:left], signed(LEDGER[:size], [size]))
    assert places(verdict) == [(Fault.MISSING, left, size - 1)]
    assert verdict.findings[0].checkpoint == 1


@given(sizes, st.data())
def test_swapped_rows_are_both_named(size, data):
    one = data.draw(st.integers(0, size - 2))
    other = data.draw(st.integers(one + 1, size - 1))
    rows = list(LEDGER[:size])
    rows[one] = (one, *LEDGER[other][1:])
    rows[other] = (other, *LEDGER[one][1:])
    named = {
        sequence
        for finding in judged(rows, signed(LEDGER[:size], [size])).findings
        for sequence in range(finding.first, finding.last + 1)
        if finding.fault is Fault.MOVED
    }
    assert named == {one, other}


@given(sizes, st.data())
def test_a_second_row_of_a_sequence_is_named(size, data):
    place = data.draw(st.integers(0, size - 1))
    rows = [*LEDGER[: place + 1], LEDGER[place], *LEDGER[place + 1 : size]]
    assert places(judged(rows, signed(LEDGER[:size], [size]))) == [(Fault.INSERTED, place, place)]


@given(sizes, st.data())
def test_a_ledger_rewritten_with_care_contradicts_the_first_checkpoint_over_it(size, data):
    ends = sorted(data.draw(st.sets(st.integers(1, size), min_size=1, max_size=4)))
    place = data.draw(st.integers(0, ends[-1] - 1))
    rows = list(LEDGER[:size])
    checkpoints = signed(rows, ends)
    rows[place] = (place, b"", rows[place][2].replace(b'"rows":1', b'"rows":2'))
    verdict = judged(rehashed(rows), checkpoints)
    good = [end for end in ends if end <= place]
    covered = max(good, default=0)
    assert verdict.covered == covered
    assert places(verdict) == [(Fault.REWRITTEN, covered, end - 1) for end in ends[len(good) :]]


@given(st.lists(st.sampled_from(["change", "hash", "remove", "swap", "repeat"]), min_size=1), st.data())
def test_any_mix_of_changes_is_noticed(changes, data):
    """And the verification comes to an end, whatever it is given."""
    rows = list(LEDGER)
    for change in changes:
        if len(rows) < 2:
            break
        at, other = data.draw(st.permutations(range(len(rows))))[:2]
        sequence, hashes, payload = rows[at]
        if change == "change":
            rows[at] = (sequence, hashes, payload + b" ")
        elif change == "hash":
            rows[at] = (sequence, data.draw(st.binary(max_size=70)), payload)
        elif change == "remove":
            del rows[at]
        elif change == "swap":
            rows[at], rows[other] = (sequence, *rows[other][1:]), (rows[other][0], hashes, payload)
        else:
            rows.insert(at, rows[at])
    rows.sort(key=lambda row: row[0])
    verdict = judged(rows, signed(LEDGER, [20, 45]))
    assert verdict.sound == (rows == LEDGER)
