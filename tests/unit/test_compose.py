"""The deployment names only what exists: options, commands, paths, settings; and gives nobody too much.

No Docker is needed: the files are read as Compose reads them and compared with the code, with the installed
Airflow and with each other.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from http.server import HTTPServer, SimpleHTTPRequestHandler
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import yaml

from lifecycle.cli.main import app
from lifecycle.keys import INTAKE_MASTER_KEY_VARIABLE, MASTER_KEY_VARIABLE
from lifecycle.policy.load import load_policies
from lifecycle.settings import Settings
from lifecycle.store.roles import Role
from support.compose import PROJECT, VARIABLE, Service, document, example_variables, services, text

if TYPE_CHECKING:
    from collections.abc import Iterator

AIRFLOW = Path(find_spec("airflow").origin).parent
SECRET_NAME = re.compile(r"PASSWORD|SECRET|KEY$")
EXAMPLE = example_variables()
FILLED = {name: value or f"filled-in-{name.lower()}" for name, value in EXAMPLE.items()}
SERVICES = services(FILLED)
DOCKERFILE = (PROJECT / "docker" / "Dockerfile").read_text(encoding="utf-8")

OURS = [service for service in SERVICES if service.is_built_here]
ONE_SHOTS = {
    name
    for service in SERVICES
    for name, wanted in service.settings.get("depends_on", {}).items()
    if wanted["condition"] == "service_completed_successfully"
}

every_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
every_service_of_ours = pytest.mark.parametrize("service", OURS, ids=lambda service: service.name)


@contextmanager
def serving() -> Iterator[str]:
    """An address of this machine that answers every GET."""
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def named(name: str) -> Service:
    return next(service for service in SERVICES if service.name == name)


# --- what Airflow knows


@pytest.fixture(scope="module")
def airflow_options() -> set[str]:
    """Every option of the installed Airflow and its providers, as the environment spells it."""
    sections = dict(yaml.safe_load((AIRFLOW / "config_templates" / "config.yml").read_text("utf-8")))
    for information in AIRFLOW.glob("providers/**/get_provider_info.py"):
        sections |= runpy.run_path(str(information))["get_provider_info"]().get("config", {})
    return {
        f"AIRFLOW__{name.upper()}__{option.upper()}"
        for name, section in sections.items()
        for option in section["options"]
    }


ASK_AIRFLOW = """
import json, sys
from airflow.cli.cli_parser import get_parser

refused = []
for command in json.load(sys.stdin):
    try:
        get_parser().parse_args(command[1:])
    except SystemExit:
        refused.append(command)
json.dump(refused, sys.stdout)
"""


def test_every_airflow_command_and_its_options_exist(tmp_path):
    """Asked of Airflow itself, set up as the services are: executor and login add commands of their own."""
    commands = [
        words
        for service in SERVICES
        for words in [*service.commands, service.health_command]
        if words and words[0] == "airflow"
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__EXECUTOR": named("scheduler").environment["AIRFLOW__CORE__EXECUTOR"],
        "AIRFLOW__CORE__AUTH_MANAGER": named("api-server").environment["AIRFLOW__CORE__AUTH_MANAGER"],
    }
    answer = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", ASK_AIRFLOW],
        input=json.dumps(commands),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(commands) >= 8
    assert json.loads(answer.stdout.splitlines()[-1]) == []


@every_service
def test_every_airflow_setting_exists(service, airflow_options):
    settings = {name for name in service.environment if name.startswith("AIRFLOW__")}
    assert settings <= airflow_options


def test_the_settings_of_the_image_exist(airflow_options):
    assert set(re.findall(r"AIRFLOW__\w+", DOCKERFILE)) <= airflow_options


def test_the_health_addresses_are_the_ones_that_airflow_serves():
    routes = AIRFLOW / "api_fastapi" / "core_api" / "routes" / "public"
    version = re.search(r'public_router = .*prefix="([^"]+)"', (routes / "__init__.py").read_text("utf-8"))
    monitor = (routes / "monitor.py").read_text("utf-8")
    group = re.search(r'monitor_router = .*prefix="([^"]+)"', monitor)
    path = re.search(r'@monitor_router.get\("([^"]+)"', monitor)
    served = f"http://127.0.0.1:8080{version[1]}{group[1]}{path[1]}"
    assert named("api-server").health_command[-1] == served
    options = yaml.safe_load((AIRFLOW / "config_templates" / "config.yml").read_text("utf-8"))
    port = options["scheduler"]["options"]["scheduler_health_check_server_port"]["default"]
    assert named("scheduler").health_command[-1] == f"http://127.0.0.1:{port}/health"
    assert named("scheduler").environment["AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"] == "True"


def test_the_worker_is_asked_through_an_application_that_exists():
    program, option, application, *_ = named("worker").health_command
    module, _, attribute = application.rpartition(".")
    source = AIRFLOW.parent / f"{module.replace('.', '/')}.py"
    assert (program, option) == ("celery", "--app")
    assert re.search(rf"\b{attribute}\b", source.read_text(encoding="utf-8"))


def test_the_executor_and_the_way_to_log_in_are_the_ones_that_are_meant():
    for service in (named("api-server"), named("scheduler"), named("worker")):
        assert service.environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        assert service.environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")
        assert service.environment["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"


@pytest.mark.parametrize(
    ("setting", "holders"),
    [
        ("AIRFLOW__CORE__FERNET_KEY", {service.name for service in OURS} - {"company-init"}),
        ("AIRFLOW__API__SECRET_KEY", {service.name for service in OURS} - {"company-init"}),
        ("AIRFLOW__API_AUTH__JWT_SECRET", {"api-server", "scheduler"}),
        ("AIRFLOW__CELERY__BROKER_URL", {"scheduler", "worker"}),
        ("AIRFLOW__CELERY__RESULT_BACKEND", {"scheduler", "worker"}),
        ("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", {"scheduler", "worker"}),
    ],
)
def test_what_components_must_agree_on_is_the_same_where_it_is_needed_and_absent_elsewhere(setting, holders):
    given = {service.name: service.environment[setting] for service in OURS if setting in service.environment}
    assert set(given) == holders
    assert len(set(given.values())) == 1


# --- what the project knows


@every_service_of_ours
def test_every_setting_of_the_project_is_read_by_it(service):
    for name, value in service.environment.items():
        if name.startswith("LIFECYCLE_") and name not in {MASTER_KEY_VARIABLE, INTAKE_MASTER_KEY_VARIABLE}:
            assert Settings.from_environment({name: value}) != Settings.from_environment({}), name


@every_service_of_ours
def test_every_command_of_the_project_exists(service):
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    for words in service.commands:
        if words[:3] == ["python", "-m", "lifecycle"]:
            assert words[3] in known


@every_service_of_ours
def test_every_program_is_airflow_or_part_of_the_image(service):
    for words in filter(None, [*service.commands, service.health_command]):
        assert words[0] in {"airflow", "celery", "python"}
        if words[:2] == ["python", "-c"]:
            compile(words[2], service.name, "exec")


def test_a_health_address_that_answers_is_well_and_one_that_does_not_is_ill():
    probe = [sys.executable, *named("scheduler").health_command[1:-1]]
    with serving() as address:
        assert subprocess.run([*probe, address], check=False).returncode == 0  # noqa: S603 - our own probe
    ill = subprocess.run([*probe, address], check=False, capture_output=True)  # noqa: S603 - our own probe
    assert ill.returncode != 0


def test_the_roles_made_with_the_database_are_the_projects():
    script = (PROJECT / "docker" / "company-database.sql").read_text(encoding="utf-8")
    assert set(re.findall(r"CREATE ROLE (\w+) NOLOGIN", script)) == set(Role)


# --- variables and secrets


def test_every_variable_is_in_the_example_and_every_one_of_the_example_is_used():
    used = {found["name"] for found in VARIABLE.finditer(text()) if found["name"]}
    assert used == set(EXAMPLE)


def test_no_dollar_is_left_that_compose_would_read_otherwise():
    assert "$" not in VARIABLE.sub("", text())


def test_no_secret_has_a_default_and_each_missing_one_stops_compose():
    secrets = {name for name in EXAMPLE if SECRET_NAME.search(name)}
    assert len(secrets) == 12
    assert {name for name in secrets if EXAMPLE[name]} == set()
    demanded = {found["name"] for found in VARIABLE.finditer(text()) if found["kind"] == ":?"}
    assert demanded == secrets


def test_no_password_is_written_into_the_file():
    for service in SERVICES:
        for name, value in service.environment.items():
            if SECRET_NAME.search(name) or ("://" in value and "@" in value):
                assert "filled-in-" in value, name


def test_the_example_says_nothing_twice():
    lines = (PROJECT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert sum("=" in line and not line.startswith("#") for line in lines) == len(EXAMPLE)


# --- who may do and reach what


@every_service
def test_nobody_is_root_or_can_become_it(service):
    user, group = service.settings["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service.settings["cap_drop"] == ["ALL"]
    assert service.settings["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & service.settings.keys()


@every_service
def test_nothing_can_be_written_outside_of_volumes_and_memory(service):
    assert service.settings["read_only"] is True
    assert len(service.settings["tmpfs"]) == 2


@every_service
def test_images_are_pinned_to_a_version(service):
    name, _, tag = service.settings["image"].partition(":")
    assert re.match(r"\d+\.\d+", tag), name
    if service.is_built_here:
        project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert (name, tag) == (project["name"], project["version"])


@every_service
def test_whatever_keeps_running_has_a_health_check_and_is_restarted(service):
    is_one_shot = service.name in ONE_SHOTS
    assert ("healthcheck" in service.settings) != is_one_shot
    assert service.settings["restart"] == ("no" if is_one_shot else "unless-stopped")


@every_service
def test_it_waits_for_what_it_needs_to_be_healthy(service):
    for name, wanted in service.settings.get("depends_on", {}).items():
        assert wanted["condition"] in {"service_healthy", "service_completed_successfully"}
        assert set(service.settings["networks"]) & set(named(name).settings["networks"]) or name in ONE_SHOTS


@every_service
def test_every_host_in_an_address_is_a_service_on_a_common_network(service):
    for value in service.environment.values():
        for host in re.findall(r"(?:@|//)([a-z][a-z-]*):\d+", value):
            assert set(named(host).settings["networks"]) & set(service.settings["networks"]), host


def test_only_the_page_is_published_and_only_on_this_machine():
    published = {
        service.name: service.settings["ports"] for service in SERVICES if "ports" in service.settings
    }
    assert published == {"api-server": ["127.0.0.1:8080:8080"]}


def test_only_the_page_and_those_who_tell_recipients_are_on_a_network_that_leads_outside():
    networks = document(FILLED)["networks"]
    leading = {"edge": ["api-server"], "recipients": ["worker"]}
    assert {name for name, settings in networks.items() if not settings.get("internal")} == set(leading)
    for name, services_on_it in leading.items():
        assert [
            service.name for service in SERVICES if name in service.settings["networks"]
        ] == services_on_it
    assert set().union(*(service.settings["networks"] for service in SERVICES)) == set(networks)


def test_company_data_is_reached_by_workers_and_nobody_else():
    on_it = {service.name for service in SERVICES if "company" in service.settings["networks"]}
    assert on_it == {"company-database", "company-init", "worker"}
    logins = {
        service.name: service.environment["LIFECYCLE_DATABASE_URL"].split("//")[1].split(":")[0]
        for service in SERVICES
        if "LIFECYCLE_DATABASE_URL" in service.environment
    }
    assert logins == {
        "company-init": "company_owner", "worker": "company_worker", "api-server": "company_intake",
    }  # fmt: skip


def test_the_page_of_requests_reaches_the_database_by_a_network_of_its_own():
    on_it = {service.name for service in SERVICES if "intake" in service.settings["networks"]}
    assert on_it == {"company-database", "api-server"}
    page = str(named("api-server").settings)
    for secret in ("LIFECYCLE_MASTER_KEY", "COMPANY_WORKER_PASSWORD", "COMPANY_OWNER_PASSWORD"):
        assert FILLED[secret] not in page


def test_the_logins_step_into_the_roles_that_they_need_and_no_other():
    script = (PROJECT / "docker" / "company-database.sql").read_text(encoding="utf-8")
    grants = dict(
        reversed(found) for found in re.findall(r"^GRANT ([\w, ]+) TO (\w+);", script, re.MULTILINE)
    )
    assert set(grants["company_owner"].split(", ")) == set(Role)
    assert grants["company_worker"].split(", ") == [Role.ENGINE, Role.BUILDER]
    assert grants["company_intake"] == Role.INTAKE
    assert len(grants) == 3


def test_whoever_holds_the_keyring_holds_its_master_key():
    for volume, variable in (("state", MASTER_KEY_VARIABLE), ("intake", INTAKE_MASTER_KEY_VARIABLE)):
        mounts = {service.name: service.settings.get("volumes", ()) for service in OURS}
        holders = {
            name for name, found in mounts.items() if any(one.startswith(f"{volume}:") for one in found)
        }
        assert holders == {service.name for service in OURS if variable in service.environment}


def test_workers_are_given_the_address_of_every_recipient_that_the_policy_tells():
    (policy,) = (one.policy for one in load_policies(PROJECT / "include" / "policies"))
    told = [recipient.notify for recipient in policy.recipients.values() if recipient.notify]
    names = {notify.http.removeprefix("env:") for notify in told}
    assert names <= named("worker").environment.keys()
    assert not any(names & service.environment.keys() for service in OURS if service.name != "worker")


def test_a_worker_can_neither_reach_airflows_database_nor_sign_a_task():
    worker = named("worker")
    assert "metadata" not in worker.settings["networks"]
    assert FILLED["METADATA_DATABASE_PASSWORD"] not in str(worker.settings)
    assert FILLED["AIRFLOW_JWT_SECRET"] not in str(worker.settings)


def test_the_two_databases_share_no_server_user_or_volume():
    metadata, company = named("metadata-database"), named("company-database")
    assert metadata.environment["POSTGRES_USER"] != company.environment["POSTGRES_USER"]
    assert metadata.environment["POSTGRES_DB"] != company.environment["POSTGRES_DB"]
    assert not set(metadata.settings["volumes"]) & set(company.settings["volumes"])
    owner, worker = (named(name).environment["LIFECYCLE_DATABASE_URL"] for name in ("company-init", "worker"))
    assert owner.split(":")[1] != worker.split(":")[1]


def test_there_are_two_workers():
    assert named("worker").settings["deploy"]["replicas"] == 2


# --- files and volumes


@every_service
def test_every_mount_exists(service):
    declared = document(FILLED)["volumes"]
    for mount in service.settings.get("volumes", []):
        source, target, *mode = mount.split(":")
        if source.startswith("./"):
            assert (PROJECT / source).exists(), source
            assert mode == ["ro"]
        else:
            assert source in declared
        assert target.startswith("/")


def test_every_declared_volume_is_mounted():
    mounted = {mount.split(":")[0] for service in SERVICES for mount in service.settings.get("volumes", [])}
    assert set(document(FILLED)["volumes"]) <= mounted


def test_databases_are_mounted_where_their_image_keeps_them():
    for name in ("metadata-database", "company-database"):
        assert named(name).settings["image"].startswith("postgres:18.")
        assert any(mount.endswith(":/var/lib/postgresql") for mount in named(name).settings["volumes"])


@every_service_of_ours
def test_what_the_service_writes_to_is_a_volume_or_memory_of_its_user(service):
    owned = re.search(r"install --directory --owner lifecycle .*?((?:\s*/[\w/]+)+)\n", DOCKERFILE, re.DOTALL)[
        1
    ].split()
    targets = [mount.split(":")[1] for mount in service.settings["volumes"]]
    assert set(targets) <= set(owned)
    written = [
        value
        for name, value in service.environment.items()
        if name
        in {
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
            "LIFECYCLE_STATE_DIR",
            "LIFECYCLE_KEYRING",
            "LIFECYCLE_INTAKE_KEYRING",
        }
    ]
    in_the_tree = [folder for folder in written if any(folder.startswith(target) for target in targets)]
    assert in_the_tree == written


# --- the image


def test_the_image_is_built_from_pinned_images_and_pinned_packages():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert all(re.fullmatch(r"python:3\.1[123]\.\d+-slim-\w+", base) for base in bases)
    assert len(set(bases)) == 1
    assert "--requirement requirements.txt" in DOCKERFILE


def test_the_image_copies_what_exists_and_what_its_ignore_file_lets_through():
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    assert all((PROJECT / source).exists() for source in copied)
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)
    assert "*" in ignored


def test_the_image_runs_as_the_user_of_the_services():
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert {users[-1]} == {service.settings["user"] for service in OURS}


def test_the_image_finds_the_package_where_it_was_copied():
    path = re.search(r"PYTHONPATH=(\S+)", DOCKERFILE)[1]
    assert f"COPY include {path}\n" in DOCKERFILE
