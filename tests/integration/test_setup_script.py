"""script/setup installs once, again when something changed, by pip where uv fails, and says what is missing.

The installers are stand-ins that write down how they were called: no network, no minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lifecycle.settings import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

TOOLS = ("sh", "cat", "cmp", "cp", "dirname", "head", "mkdir", "printf", "rm", "sleep")

# A Python that makes empty environments, notes what it shall install, and is itself for everything else.
PYTHON = """#!/bin/sh
case "$*" in
    *"{missing}"*) exit 1 ;;
    '-m venv --clear .venv')
        sleep 0.3
        mkdir -p .venv/bin
        cp "{self}" .venv/bin/python
        cp "{uv}" .venv/bin/uv ;;
    '-m pip --version') ;;
    '-m pip install'*) printf 'pip %s\\n' "$*" >>"{calls}" ;;
    *) exec "{python}" "$@" ;;
esac
"""
UV = """#!/bin/sh
printf 'uv %s\\n' "$*" >>"{calls}"
exit {status}
"""


@dataclass(kw_only=True)
class Machine:
    """A clone of the project, and a PATH with nothing on it but what setup needs."""

    clone: Path
    path: Path
    calls: Path

    def install_python(
        self, name: str = "python3", *, missing: str = "nothing", uv_fails: bool = False
    ) -> None:
        """Put a Python on the PATH."""
        uv = self.path.parent / "uv"
        self._write(uv, UV.format(calls=self.calls, status=int(uv_fails)))
        python = self.path / name
        text = PYTHON.format(missing=missing, self=python, uv=uv, calls=self.calls, python=sys.executable)
        self._write(python, text)

    def setup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run script/setup from another folder."""
        return subprocess.run(  # noqa: S603 - the script is ours
            [self.clone / "script" / "setup", *arguments],
            cwd="/",
            env={"PATH": str(self.path), "HOME": str(self.path)},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> list[str]:
        """What was installed since this was last asked."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return calls

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    clone = tmp_path / "a clone"
    (clone / "script").mkdir(parents=True)
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml", "script/setup"):
        shutil.copy(PROJECT / name, clone / name)
    path = tmp_path / "path"
    path.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (path / tool).symlink_to(found)
    return Machine(clone=clone, path=path, calls=tmp_path / "calls")


def test_it_installs_once(machine: Machine):
    machine.install_python()
    first = machine.setup()
    assert first.returncode == 0, first.stderr
    installed = machine.installed()
    assert any("-r requirements.txt" in call and "--compile-bytecode" in call for call in installed)
    assert any("--editable ." in call for call in installed)
    assert not any("requirements-dev.txt" in call for call in installed)
    second = machine.setup()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert machine.installed() == []


def test_what_development_needs_comes_on_top_and_stays(machine: Machine):
    machine.install_python()
    machine.setup()
    machine.installed()
    machine.setup("--dev")
    assert any("-r requirements.txt -r requirements-dev.txt" in call for call in machine.installed())
    machine.setup()
    machine.setup("--dev")
    assert machine.installed() == []


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_it_installs_again_when_something_changed(machine: Machine, name: str):
    machine.install_python()
    machine.setup()
    machine.installed()
    with (machine.clone / name).open("a") as file:
        file.write("# changed\n")
    machine.setup()
    assert any("-r requirements.txt" in call for call in machine.installed())


def test_a_clone_that_moved_gets_a_new_environment(machine: Machine):
    machine.install_python()
    machine.setup()
    machine.installed()
    machine.clone = machine.clone.rename(machine.clone.with_name("moved"))
    (machine.clone / ".venv" / "left over").touch()
    machine.setup()
    assert machine.installed()
    assert (machine.clone / ".venv" / "made-at").read_text().strip() == str(machine.clone)


def test_where_uv_fails_pip_installs_the_same(machine: Machine):
    machine.install_python(uv_fails=True)
    done = machine.setup("--dev")
    assert done.returncode == 0, done.stderr
    assert "trying pip" in done.stderr
    by_pip = [call for call in machine.installed() if call.startswith("pip")]
    assert any(call.endswith("-r requirements.txt -r requirements-dev.txt") for call in by_pip)
    assert any(call.endswith("--no-deps --editable .") for call in by_pip)


def test_what_failed_is_tried_again_the_next_time(machine: Machine):
    machine.install_python()
    machine.setup()
    requirements = machine.clone / "requirements.txt"
    before = requirements.read_text()
    requirements.write_text(f"{before}# changed\n")
    failing = machine.clone / ".venv" / "bin" / "python"
    failing.write_text(failing.read_text().replace("printf 'pip", "exit 1; printf 'pip"))
    failed = machine.setup()
    assert failed.returncode == 2
    assert "cannot be installed" in failed.stderr
    requirements.write_text(before)  # what is installed now may be half of the other
    machine.install_python()
    shutil.copy(machine.path / "python3", failing)
    machine.installed()
    assert machine.setup().returncode == 0
    assert machine.installed()


def test_without_python_it_says_which_are_wanted(machine: Machine):
    done = machine.setup()
    assert done.returncode == 2
    assert "no Python 3.11, 3.12 or 3.13 found" in done.stderr


def test_a_python_of_another_version_is_passed_over(machine: Machine):
    machine.install_python("python3", missing="sys.version_info")
    assert "no Python 3.11, 3.12 or 3.13 found" in machine.setup().stderr
    machine.install_python("python3.12")
    assert machine.setup().returncode == 0


@pytest.mark.parametrize("missing", ["ensurepip", "venv"])
def test_a_python_without_venv_says_what_to_install(machine: Machine, missing: str):
    machine.install_python(missing=missing)
    done = machine.setup()
    assert done.returncode == 2
    assert "apt install python3-venv" in done.stderr


def test_a_python_may_be_named(machine: Machine):
    machine.install_python("my-python")
    python = machine.path / "my-python"
    done = subprocess.run(  # noqa: S603 - the script is ours
        [machine.clone / "script" / "setup"],
        env={"PATH": str(machine.path), "PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_an_unknown_option_is_named(machine: Machine):
    done = machine.setup("--fast")
    assert done.returncode == 2
    assert "--fast" in done.stderr


def test_two_at_once_install_once(machine: Machine):
    machine.install_python()
    command = [machine.clone / "script" / "setup"]
    both = [subprocess.Popen(command, env={"PATH": str(machine.path)}) for _ in range(2)]  # noqa: S603 - ours
    assert [each.wait() for each in both] == [0, 0]
    assert len([call for call in machine.installed() if "--editable" in call]) == 1


@pytest.mark.parametrize("name", ["setup", "test", "lock", "demo", "bench"])
def test_scripts_can_be_run_and_are_plain_sh(name: str):
    script = PROJECT / "script" / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/sh\n")
    shell = shutil.which("dash") or "/bin/sh"
    assert subprocess.run([shell, "-n", script], check=False).returncode == 0  # noqa: S603 - only parsed


def test_continuous_integration_runs_the_tests():
    ci = PROJECT / ".ci" / "run"
    assert os.access(ci, os.X_OK)
    assert "script/test" in ci.read_text()
