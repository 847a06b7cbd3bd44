"""``init``, ``check``, ``seed`` and ``database``: making a company ready, and looking whether it is."""

from __future__ import annotations

from typing import Annotated

import typer

from lifecycle.cli.session import AsOf, Json, console, emit, moment
from lifecycle.datamap.load import load_datamap
from lifecycle.errors import UsageError
from lifecycle.policy.load import load_policies
from lifecycle.policy.stopping import recorded
from lifecycle.settings import Settings
from lifecycle.store.engine import connect, resolve_url
from lifecycle.store.grants import grant
from lifecycle.store.migrate import migrate
from lifecycle.store.server import EmbeddedServer
from lifecycle.synthetic.progress import bar
from lifecycle.synthetic.seeding import seed as seed_sample


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
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Fill the database with an invented company to try things on."""
    settings = Settings.from_environment()
    zone = load_policies(settings.policy_dir)[-1].policy.zone
    engine = connect(resolve_url(settings))
    with bar(console) as progress:
        rows = seed_sample(
            engine,
            settings.sample_dir,
            customers=customers,
            days=days,
            seed=number,
            as_of=moment(as_of, zone),
            progress=progress,
            replace=replace,
        )
    emit(rows, [f"{count:>12,}  {table}" for table, count in rows.items()], as_json=json)


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
