"""What the simulated seeds meet: a simulation in which nothing happens would find nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from simulation.faults import FAULTS
from simulation.foresee import foresee
from simulation.releases.happen import STEPS
from simulation.requests.purposes import RECORDS, USED
from simulation.seeds import DAYS, SEEDS
from simulation.tables import FACTS, LINKS

REACHED = (
    *("website.visitor", "website.page_view", "website.enquiry", "website.message", "website.chat"),
    *("website.marketing_subscription", "app.contact", "app.person", "app.note", "app.customer"),
)
"""Tables of which requests erase rows: those of the subject, and what is part of them."""
CORRECTED = (
    *("website.enquiry", "website.message", "website.chat", "website.marketing_subscription"),
    *("app.contact", "app.person", "app.note", "app.invoice"),
)
"""Tables in which something wrong may stand."""
OCCASIONS = (
    *(f"deletes {table}" for table in FACTS),
    *(f"cuts {link.holder}.{link.column}" for link in LINKS if not link.belongs),
    *(f"{reason} keeps" for reason in ("hold", "restriction", "statutory", "needed")),
    *(f"a build {what}" for what in ("writes", "writes again", "leaves what is restricted")),
    "a build leaves what shares its number",
    "the archive is looked after",
    "the archive keeps in the tables' stead",
    "the law keeps what was changed since",
    "the law's last day",
    "the archive's last day",
    *(f"needed keeps {table}" for table in ("app.invoice", "app.invoice_line", "app.payment")),
    "an expiry destroys",
    "an expiry keeps what is held",
    "an expiry keeps what only the archive has",
    "a restore takes back what was written",
    "a restore brings back what was destroyed",
    "the archive finds what it had forgotten",
    "run for a past day",
    "run with all checks",
    "run twice",
    "run killed",
    "run that nobody approves",
    "Add meanwhile",
    "Change meanwhile",
    "Place meanwhile",
    "Release meanwhile",
    "deletion noticed",
    "deletion cancelled",
    "deletion announced",
    *(f"a request erases {table}" for table in REACHED),
    *(f"a remainder erases {table}" for table in ("app.person", "app.contact")),
    *(f"a replay {what}" for what in ("erases", "masks")),
    "a request leaves to delete",
    *(f"a browser is {how}" for how in ("found", "shared", "confirmed", "declined")),
    "a request empties",
    "a request masks",
    "asked",
    "verified late",
    "extended",
    "refused",
    "overdue",
    "answered in time",
    "answered late",
    "answered of nobody",
    "answered for one customer's copy",
    "answer killed",
    "restricted",
    "restricted for one customer's copy",
    "a subject's restriction keeps",
    "lifted",
    "a restriction ends by itself",
    *(f"corrects {table}" for table in CORRECTED),
    "corrects for one customer",
    "corrects what is restricted",
    "a hold keeps what is wrong",
    "a correction clashes",
    *(f"ends {purpose}" for purpose in USED),
    *(f"records {table}" for table, *_ in RECORDS.values()),
    "an objection has to be weighed",
    *(f"weighed: {decision}" for decision in ("stop", "compelling_grounds")),
    *(f"{kind} of nobody" for kind in ("restricted", "objection", "withdrawal", "access", "portability")),
    *(f"{kind} shows" for kind in ("access", "portability")),
    "information",
    "fetched with what is others'",
    "fetched too late",
    "fetched in vain",
    "fetched from a backup",
    "restored",
    "a lost hold",
    "a hold in force again",
    "a lost restriction of a subject",
    "a lost answer",
    "statistics are released",
    *(f"left out: {reason}" for reason in ("refused", "ended", "restricted", "robots")),
    *(f"refused {when}" for when in ("all along", "then, allowed since")),
    "allowed then, refused since",
    "a contributor's part is limited",
    "a cell of many",
    *(f"dies after {step}" for step in STEPS),
    "an erasure between event and release",
    *(f"an {answer} between two tries" for answer in ("objection", "erasure")),
    "a draw was cut short",
    "a budget is spent",
    "a late event after a release",
    "a period on its last day",
    "a period is lost",
    "a draw that a restore took away",
)


@pytest.fixture(scope="module")
def met() -> Counter[str]:
    """What all seeds of ``script/test`` meet, and how often."""
    return sum((foresee(seed, DAYS).total() for seed in SEEDS), Counter())


@pytest.mark.parametrize("occasion", OCCASIONS)
def test_the_seeds_meet_everything_that_may_happen(met: Counter[str], occasion: str) -> None:
    assert any(occasion in name for name in met), f"no seed meets: {occasion}"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_seeds_meet_what_shows_each_fault(met: Counter[str], fault: str) -> None:
    assert any(FAULTS[fault].occasion in name for name in met)


def test_a_seed_always_tells_the_same_history() -> None:
    assert foresee(1, 60).history == foresee(1, 60).history
    assert foresee(1, 60).history != foresee(2, 60).history
