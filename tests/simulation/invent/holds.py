"""What happens with holds and restrictions: placed, extended, released."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulation import people
from simulation.history import Extend, Place, Release
from simulation.model import due
from simulation.moments import at, day_of
from simulation.policy import in_force
from simulation.tables import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from simulation.history import Event
    from simulation.invent.stage import Happenings, Stage
    from simulation.people import Identity
    from simulation.tables import Key, Name


class Holds:
    """Holds and restrictions on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def happenings(self) -> Happenings:
        """What may happen on a day."""
        return {self._placement: 2.5, self._extension: 1, self.release: 2.5}

    def placed_on(self, table: str, key: Key) -> Place:
        """A hold on one row, for a while."""
        stage = self.stage
        until = stage.now + timedelta(days=20)
        return Place(at=stage.now, hold=stage.new_key(), kind="hold", until=until, targets=((table, key),))

    def release(self) -> Iterator[Event]:
        """Some hold is released."""
        stage = self.stage
        held = [key for key, hold in stage.holds().items() if not hold.is_released and hold.request is None]
        if held:
            yield Release(at=stage.now, hold=stage.random.choice(held))

    def _placement(self) -> Iterator[Event]:
        """A hold or restriction, on a row, a customer, several rows, somebody, or for a short time on a whole table."""
        stage = self.stage
        subjects: tuple[Identity, ...] = ()
        targets: list[tuple[str, Key | None]] = []
        if stage.chance(0.15):
            subjects = (people.address(stage.person()),)
            length = timedelta(days=stage.random.choice((3, 10, 30)))
        elif stage.chance(0.12):
            targets = [(stage.random.choice(list(FACTS)), None)]
            length = timedelta(days=stage.random.randrange(1, 25))
        else:
            targets = list(self._rows())
            length = timedelta(days=stage.random.choice((3, 10, 30, 60, 120)))
        if targets or subjects:
            yield Place(
                at=stage.now,
                hold=stage.new_key(),
                kind=stage.random.choice(("hold", "restriction")),
                until=self._end(length),
                targets=tuple(dict.fromkeys(targets)),
                subjects=subjects,
            )

    def _rows(self) -> Iterator[tuple[str, Key]]:
        stage = self.stage
        for _ in range(stage.random.choice((1, 1, 1, 2, 3))):
            table = "app.customer" if stage.chance(0.3) else stage.random.choice(list(FACTS))
            if (near := self._near()) and stage.chance(0.4):
                yield stage.random.choice(near)
            elif found := stage.pick(table):
                yield table, found[0]

    def _near(self) -> list[Name]:
        """Rows that would go within days."""
        stage = self.stage
        rules = in_force(stage.world.policies, stage.now).promises
        soon = stage.now + timedelta(days=7)
        near = [stage.known(due(stage.world, rule, soon)) for rule in rules]
        return sorted(stage.random.choice([rows for rows in near if rows] or [set()]))

    def _end(self, length: timedelta) -> datetime:
        """An end, by preference at the very moment of a run or at midnight."""
        stage = self.stage
        day = day_of(stage.now + length) + timedelta(days=1)
        return stage.random.choice((stage.now + length, at(day), at(day, stage.run_time)))

    def _extension(self) -> Iterator[Event]:
        stage = self.stage
        active = [key for key, hold in stage.holds().items() if hold.is_active(stage.now)]
        if active:
            until = self._end(timedelta(days=stage.random.randrange(1, 200)))
            yield Extend(at=stage.now, hold=stage.random.choice(active), until=until)
