"""The demonstration from beginning to end."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, PositiveInt

from demonstration import report
from lifecycle.yamlfile import YamlFile

if TYPE_CHECKING:
    from pathlib import Path

    from demonstration.local_airflow import LocalAirflow, Question, Run
    from demonstration.terminal import Terminal


class Dispute(BaseModel):
    """What ``dispute.yaml`` in the sample's folder says: a hold, ``days`` long.

    Attributes:
        target: ``schema.table:key`` of who is held.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str
    reason: str
    days: PositiveInt


@dataclass(frozen=True, kw_only=True)
class Invented:
    """The invented company, as the next run of the demonstration finds it.

    Attributes:
        as_of: the moment up to which it has a history, and which the first run stands for.
        customers: how many it has, besides the awkward cases.
        days: how many days of telemetry.
        runs: how often its promises were kept.
    """

    as_of: str
    customers: int
    days: int
    runs: int = 0

    @property
    def moment(self) -> datetime:
        """What the next run stands for: a second later than the one before, since a moment has one run."""
        return datetime.fromisoformat(self.as_of) + timedelta(seconds=self.runs)


@dataclass(frozen=True, kw_only=True)
class Story:
    """What is told, to whom, and by whom it is done.

    Attributes:
        folder: where it is remembered that the company was invented.
        sample: the folder that the company is invented from.
    """

    terminal: Terminal
    airflow: LocalAirflow
    folder: Path
    sample: Path

    def remembered(self) -> Invented | None:
        """The company that an earlier demonstration invented."""
        return Invented(**json.loads(self._memory.read_text())) if self._memory.exists() else None

    def invent(self, company: Invented) -> None:
        """Fill the database and make it ready. Interrupted, it begins anew the next time."""
        tell, moment = self.terminal, company.as_of
        tell.head(f"A company is invented, with a history up to {_day(company.moment)}")
        numbers = ["--customers", str(company.customers), "--days", str(company.days), "--seed", "1"]
        tell.command("seed", *numbers, "--as-of", moment, "--replace")
        tell.head("Its database is made ready: control schema, roles, grants")
        tell.command("init")
        self._dispute(company)
        self._remember(company)

    def keep_promises(self, company: Invented) -> list[Run]:
        """Run every DAG for the company's moment, and tell what became of what was due."""
        tell = self.terminal
        tell.head("Policy, data map and database are compared")
        tell.command("check", lines=slice(-1, None))
        tell.head(
            f"Airflow runs the DAGs for {company.moment:%Y-%m-%d %H:%M}; it logs into {self.airflow.log}"
        )
        begun = time.monotonic()
        with tell.logging_into(self.airflow.log):
            self.airflow.prepare()
            runs = [self._run(name, company.moment) for name in self.airflow.run_without_input()]
        self._remember(replace(company, runs=company.runs + 1))
        tell.head(f"In all, in {time.monotonic() - begun:.0f} seconds")
        gone = sum(report.rows(run) for run in runs)
        tell.tell(
            f"{gone:,} rows were deleted, emptied or cut"
            if gone
            else "nothing is due but what is held: no row was deleted or changed"
        )
        return runs

    def prove(self, company: Invented) -> None:
        """Verify the ledger, and look ahead."""
        tell = self.terminal
        tell.head("The ledger is verified")
        tell.command("ledger", "verify")
        tell.head("What falls due in the next days, holds left aside")
        tell.command("calendar", "--days", "2", "--as-of", company.moment.isoformat())

    def _dispute(self, company: Invented) -> None:
        """Place the sample's hold, if it has one."""
        told = self.sample / "dispute.yaml"
        if not told.exists():
            return
        dispute = YamlFile(told).parse(Dispute, guide="script/demonstration/story.py")
        self.terminal.head(f"{dispute.target.replace(':', ' ')} is in a dispute: what is held stays")
        until = company.moment.date() + timedelta(days=dispute.days)
        hold = ["hold", "place", dispute.target, "--reason", dispute.reason, "--until", until.isoformat()]
        self.terminal.command(
            *hold, "--by", self.airflow.operator, "--as-of", company.as_of, lines=slice(1, None)
        )

    @property
    def _memory(self) -> Path:
        return self.folder / "demo.json"

    def _remember(self, company: Invented) -> None:
        self._memory.write_text(json.dumps(asdict(company)) + "\n")

    def _run(self, name: str, moment: datetime) -> Run:
        begun = time.monotonic()
        self.terminal.tell("", name)
        with self.terminal.progress(name) as at_work:
            run = self.airflow.run(name, moment, ask=self._approve, at_work=at_work)
        seconds = time.monotonic() - begun
        self.terminal.tell(*report.told(run), *(f"  failed: {task}" for task in report.failed(run)))
        self.terminal.tell(f"  {run.state}, {len(run.tasks)} tasks in {seconds:.0f} seconds")
        return run

    def _approve(self, question: Question) -> None:
        self.airflow.answer(question, "Approve")
        self.terminal.tell(f"  {question.subject}", f"  approved as {self.airflow.operator}")


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
