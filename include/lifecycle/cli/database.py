"""``init``, ``check``, ``seed`` and ``database``: making a company ready, and looking whether it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle.cli.session import AsOf, Json, console, emit, moment
from lifecycle.datamap.load import load_datamap
from lifecycle.errors import UsageError
from lifecycle.policy.load import in_force, load_policies
from lifecycle.policy.stopping import recorded
from lifecycle.settings import Settings
from lifecycle.store.engine import connect, resolve_url
from lifecycle.store.grants import grant
from lifecycle.store.migrate import migrate
from lifecycle.store.server import EmbeddedServer
from lifecycle.synthetic.margins import read_likeness
from lifecycle.synthetic.progress import bar
from lifecycle.synthetic.seeding import seed as seed_sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lifecycle.policy.load import PolicyVersion
    from lifecycle.synthetic.margins import Likeness


Alike = Annotated[
    Path | None,
    typer.Option(
        "--like-release",
        help="Share columns out as the released files of this folder say, and as nothing else does.",
    ),
]
OfFeed = Annotated[
    str | None,
    typer.Option("--feed", help="Whose, with --like-release. Default: what is there with the least noise."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(seed)
    app.command("database")(embedded)


def init(*, json: Json = False) -> None:
    """Create or update the control schema, the roles, and what the engine may do to the mapped tables."""
    settings = Settings.from_environment()
    datamap = load_datamap(settings.datamap_dir)
    policies = [version.policy for version in load_policies(settings.policy_dir)]
    engine = connect(resolve_url(settings))
    applied = migrate(engine)
    with engine.begin() as connection:
        tables = [(one.schema, one.table) for one in datamap.collections.values()]
        grant(connection, tables, recorded=recorded(policies))
    lines = [
        *(f"applied {name}" for name in applied),
        f"{len(datamap.collections)} tables are granted to the engine",
    ]
    emit({"applied": applied, "granted": sorted(datamap.collections)}, lines, as_json=json)


def seed(
    *,
    customers: Annotated[
        int, typer.Option(help="Customers besides the awkward cases that are always there.")
    ] = 200,
    days: Annotated[int, typer.Option(help="Days of telemetry up to --as-of.")] = 45,
    number: Annotated[int, typer.Option("--seed", help="The same number makes the same rows.")] = 1,
    replace: Annotated[
        bool, typer.Option("--replace", help="Drop what an earlier seed made, first.")
    ] = False,
    like_release: Alike = None,
    feed: OfFeed = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Fill the database with an invented company to try things on."""
    settings = Settings.from_environment()
    policies = load_policies(settings.policy_dir)
    at = moment(as_of, policies[-1].policy.zone)
    likeness = _likeness(settings, policies, like_release, feed, at)
    engine = connect(resolve_url(settings))
    with bar(console) as progress:
        rows = seed_sample(
            engine,
            settings.sample_dir,
            customers=customers,
            days=days,
            seed=number,
            as_of=at,
            progress=progress,
            replace=replace,
            likeness=likeness,
        )
    lines = [f"{count:>12,}  {table}" for table, count in rows.items()]
    emit(rows, [*lines, *(likeness.lines() if likeness else ())], as_json=json)


def _likeness(
    settings: Settings,
    policies: Sequence[PolicyVersion],
    folder: Path | None,
    feed: str | None,
    as_of: datetime,
) -> Likeness | None:
    """What the population is to be like, by the policy that counts at the end of its history."""
    if folder is None:
        if feed is not None:
            raise UsageError(
                "says of which feed a release is, and there is none",
                place="--feed",
                next_step="name the folder of released files too (--like-release), or leave --feed out",
            )
        return None
    return read_likeness(folder, in_force(policies, as_of), load_datamap(settings.datamap_dir), feed=feed)


def embedded(
    action: Annotated[str, typer.Argument(help="start, stop or url")],
    *,
    json: Json = False,
) -> None:
    """Start or stop the embedded PostgreSQL, or print its address."""
    server = EmbeddedServer(Settings.from_environment().state_dir)
    if action not in {"start", "stop", "url"}:
        raise UsageError(f"cannot {action}", place="lifecycle database", next_step="say start, stop or url")
    if action == "stop":
        server.stop()
        emit({"url": None}, [], as_json=json)
    else:
        url = server.start()
        emit({"url": url}, [url], as_json=json)
