"""``script/demo``: invents a company, keeps every promise that is due through Airflow, proves it; or opens the page."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from demonstration.local_airflow import LocalAirflow, environment
from demonstration.page import show_page
from demonstration.story import Invented, Story
from demonstration.terminal import CommandFailedError, Terminal
from lifecycle.cli.session import past_moment
from lifecycle.errors import LifecycleError, UsageError
from lifecycle.policy.load import load_policies
from lifecycle.settings import Settings
from lifecycle.store.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

OPERATOR = "demo operator"
INTERRUPTED = 130
AFTERWARDS = """
  script/demo                 again: nothing is due any more
  script/demo --ui            Airflow's page, with these runs
  .venv/bin/lifecycle --help  what else can be asked; everything is under {state}"""


def main() -> int:
    """Tell the story; returns the exit code."""
    warnings.simplefilter("ignore")  # Airflow's own are not the reader's to mend
    for ending in (signal.SIGINT, signal.SIGTERM):  # whoever ends it, it stops what it started
        signal.signal(ending, signal.default_int_handler)
    try:
        return _tell(_arguments())
    except CommandFailedError as failed:
        return failed.code
    except LifecycleError as error:
        sys.stderr.write(f"script/demo: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\nscript/demo: interrupted; run it again to go on\n")
        return INTERRUPTED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument(
        "--ui", action="store_true", help="open Airflow's page; runs the demo first if needed"
    )
    parser.add_argument("--customers", type=int, default=150, help="how many are invented")
    parser.add_argument("--days", type=int, default=45, help="days of telemetry that are invented")
    parser.add_argument("--as-of", help="moment or day that the first run stands for; default: three o'clock")
    return parser.parse_args()


def _tell(arguments: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    if settings.database_url:
        raise UsageError(
            "the demo deletes in a company that it invents, not in yours",
            place="LIFECYCLE_DATABASE_URL",
            next_step="unset it: the demo brings a PostgreSQL of its own",
        )
    home = settings.state_dir / "airflow"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ.update(environment(home))
    airflow = LocalAirflow(home=home, operator=OPERATOR)
    story = Story(
        terminal=Terminal.of_this_process(),
        airflow=airflow,
        folder=settings.state_dir,
        sample=settings.sample_dir,
    )
    with _database(settings):
        company = story.remembered()
        if company is None:
            zone = load_policies(settings.policy_dir)[-1].policy.zone
            company = _to_invent(arguments, zone)
            story.invent(company)
        if not (arguments.ui and company.runs):
            kept = [run.state == "success" for run in story.keep_promises(company)]
            story.prove(company)
            if not all(kept):
                return 1
            story.terminal.tell(AFTERWARDS.format(state=settings.state_dir))
        return show_page(story.terminal, airflow) if arguments.ui else 0


def _to_invent(arguments: argparse.Namespace, zone: ZoneInfo) -> Invented:
    moment = past_moment(arguments.as_of, zone) if arguments.as_of else _last_three_o_clock(zone)
    return Invented(
        as_of=moment.astimezone(zone).isoformat(), customers=arguments.customers, days=arguments.days
    )


def _last_three_o_clock(zone: ZoneInfo) -> datetime:
    now = datetime.now(zone)
    today = now.replace(hour=3, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


@contextmanager
def _database(settings: Settings) -> Iterator[None]:
    """The embedded PostgreSQL, stopped afterwards unless it ran before."""
    server = EmbeddedServer(settings.state_dir)
    ran_before = server.is_running
    server.start()
    try:
        yield
    finally:
        if not ran_before:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
