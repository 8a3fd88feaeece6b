"""What the Debian package is made of agrees with the rest of the project (that it builds and lives: the long tests)."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.cli import get_docs_for_click

from mailserver.__main__ import app
from tests.hatchery import ROOT

DEPLOY = ROOT / "deploy"
DEBIAN = DEPLOY / "debian"
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in (".service", ".socket", ".timer"))
SCRIPTS = [
    *(DEBIAN / name for name in ("install_tree.sh", "mailserver.command", "mailserver.postinst", "mailserver.postrm")),
    DEPLOY / "package" / "make_deb.sh",
]


def fields() -> dict[str, str]:
    """Of the first stanza of debian/control."""
    stanza = (DEBIAN / "control").read_text().partition("\n\n")[0]
    return dict(re.findall(r"^([\w-]+): (.+)$", stanza, re.MULTILINE))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_one_that_the_shell_understands_and_that_stops_at_errors(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True)
    if script.suffix != ".command":
        assert re.search(r"^set -eu?$", script.read_text(), re.MULTILINE)


def test_the_rules_can_be_run() -> None:
    assert os.access(DEBIAN / "rules", os.X_OK)


def test_every_unit_that_is_enabled_is_known_to_the_rules() -> None:
    """Else it would go on after a purge. What timers begin is never enabled by itself."""
    begun = {name.replace(".timer", ".service") for name in UNITS if name.endswith(".timer")}
    named = re.findall(r"mailserver[\w-]*\.(?:service|socket|timer)", (DEBIAN / "rules").read_text())
    assert set(named) == set(UNITS) - begun


def test_no_unit_runs_a_program_that_is_somewhere_else() -> None:
    """install_tree.sh puts the package's place for this one."""
    for name in UNITS:
        for command in re.findall(r"^Exec\w*=(\S+)", (DEPLOY / name).read_text(), re.MULTILINE):
            assert command in ("/opt/mailserver/bin/mailserver", "/bin/kill"), name
    assert "s|/opt/mailserver/bin/|$home/bin/|g" in (DEBIAN / "install_tree.sh").read_text()


def test_what_it_is_built_with_is_installed_for_the_long_tests() -> None:
    installed = set(re.findall(r'packages="(.+)"', (ROOT / "tests" / "install.sh").read_text())[-1].split())
    wanted = {re.split(r"[ (]", name.strip())[0] for name in fields()["Build-Depends"].split(",")}
    assert {name for name in wanted if not name.startswith(("debhelper-compat", "dh-sequence-"))} <= installed


def test_a_purge_leaves_the_mail_and_the_folder_of_mail_is_nobody_elses() -> None:
    """debhelper's compatibility 14 would purge what tmpfiles.d makes; `$` there asks for it."""
    assert "debhelper-compat (= 13)" in fields()["Build-Depends"]
    made = [line for line in (DEBIAN / "mailserver.tmpfiles").read_text().splitlines() if not line.startswith("#")]
    assert made == ["d /var/lib/mailserver 0700 mailserver mailserver -"]
    removed = re.findall(r"\brm .*", (DEBIAN / "mailserver.postrm").read_text())
    assert removed[0] == "rm -rf /var/cache/mailserver-backup"
    assert all(line.startswith('rm -r /var/lib/mailserver"') for line in removed[1:]), "only said, not done"


def _documents() -> ModuleType:
    path = DEPLOY / "package" / "command_documents.py"
    spec = importlib.util.spec_from_file_location("command_documents", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_bash_completes_commands_verbs_and_options_and_the_manual_has_each(tmp_path: Path) -> None:
    program = typer.main.get_command(app)
    said = get_docs_for_click(obj=program, ctx=typer.Context(program), name="mailserver")
    documents = _documents()
    (tmp_path / "completion.bash").write_text(documents.completion(said))

    def offered(*words: str) -> set[str]:
        typed = " ".join(f"'{word}'" for word in words)
        script = f". ./completion.bash; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _mailserver; "
        script += 'echo "${COMPREPLY[@]}"'
        return set(
            subprocess.run(
                ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
            ).stdout.split()
        )

    assert {"init", "serve", "account", "backup"} <= offered("mailserver", "")
    assert "job" not in offered("mailserver", "")
    assert offered("mailserver", "ser") == {"serve"}
    assert "show" in offered("mailserver", "account", "")
    assert "--json" in offered("mailserver", "account", "show", "--")
    manual = documents.manual(said, "en")
    assert all(f"# MAILSERVER {verb.upper()}" in manual for verb in offered("mailserver", ""))
