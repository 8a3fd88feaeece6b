"""A source distribution, a wheel made of it and one made in the checkout are the same program, front end included."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness import Instance, environment
from tests.hatchery import ROOT
from tests.waiting import PATIENCE

pytestmark = pytest.mark.timeout(1200)
"""npm fetches what is in its lock file once for each wheel."""
MADE = ("node_modules", "dist", "build", "var", ".venv", ".git", "__pycache__", "*.egg-info", "*.mo", ".*_cache")
"""Not in a fresh checkout."""
BUILD = "import sys; from setuptools import build_meta; print(build_meta.{}(sys.argv[1]))"
LOCKED = ROOT / "deploy" / "package" / "build.lock"
SKIP = "MAILSERVER_SKIP_FRONT_END"
DIST = Path("webui/static/dist")


@dataclass(frozen=True)
class Builder:
    """A Python with what a build needs, and nothing of ours."""

    python: Path

    def run(self, hook: str, source: Path, into: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """A hook of PEP 517, as pip calls it."""
        into.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", SKIP)}
        return subprocess.run(
            [str(self.python), "-c", BUILD.format(hook), str(into)],
            cwd=source,
            env=kept | more,
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self, hook: str, source: Path, into: Path, **more: str) -> Path:
        done = self.run(hook, source, into, **more)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return into / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    folder = tmp_path_factory.mktemp("builder")
    venv.create(folder)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(LOCKED)], check=True)
    return Builder(python)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as they are in a fresh checkout."""
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("fresh") / "source", ignore=shutil.ignore_patterns(*MADE))


@pytest.fixture(scope="module")
def sdist(builder: Builder, checkout: Path) -> Path:
    """The unpacked source distribution."""
    folder = checkout.parent
    archive = builder.build("build_sdist", checkout, folder / "sdist")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(builder: Builder, sdist: Path) -> Path:
    """Made from the source distribution."""
    return builder.build("build_wheel", sdist, sdist.parent / "wheel")


@pytest.fixture(scope="module")
def quick_wheel(builder: Builder, sdist: Path) -> Path:
    """The same with a front end that was built before: this checkout's."""
    source = copy_of(sdist, "prebuilt")
    shutil.copytree(ROOT / DIST, source / DIST)
    return builder.build("build_wheel", source, sdist.parent / "quick", **{SKIP: "1"})


def copy_of(sdist: Path, name: str) -> Path:
    """Its sources, whatever was built in them."""
    made = shutil.ignore_patterns("build", "dist", "node_modules")
    return shutil.copytree(sdist, sdist.parent / name, ignore=made)


def contents(wheel: Path) -> dict[str, bytes]:
    """Its files but the one that lists the others."""
    with zipfile.ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist() if not name.endswith("/RECORD")}


@pytest.mark.long
def test_the_wheel_of_the_source_distribution_is_that_of_the_checkout(
    builder: Builder, checkout: Path, wheel: Path
) -> None:
    direct = contents(builder.build("build_wheel", checkout, checkout.parent / "direct"))
    through = contents(wheel)
    assert "webui/static/dist/manifest.json" in through
    assert any(name.startswith("webui/static/dist/core.") for name in through)
    assert through.keys() == direct.keys()
    assert [name for name in through if through[name] != direct[name]] == []


def test_everything_that_the_program_reads_is_in_the_wheel(quick_wheel: Path) -> None:
    """Each file of a package in the checkout, whatever its kind, and what was made of the front end."""
    found = contents(quick_wheel)
    homes = {"agenda": ROOT / "calendar" / "agenda"} | {
        name: ROOT / name for name in ("mailserver", "directory", "smtp", "imap", "webui")
    }
    wanted = {
        f"{name}/{path.relative_to(home)}"
        for name, home in homes.items()
        for path in home.rglob("*")
        if path.is_file()
        and path.suffix not in (".pyc", ".mo")
        and path.name != "README.md"
        and not {"node_modules", "frontend", "dist"} & set(path.parts)
    }
    assert wanted - found.keys() == set()
    front_end = {path.relative_to(ROOT) for path in (ROOT / DIST).rglob("*") if path.is_file()}
    assert DIST / "manifest.json" in front_end
    assert {str(path) for path in front_end} <= found.keys()
    assert "mailserver/texts/locale/en/LC_MESSAGES/messages.mo" in found


def test_the_source_distribution_has_what_operators_and_builds_need(sdist: Path) -> None:
    for folder in ("deploy", "webui/frontend"):
        wanted = {
            path.relative_to(ROOT)
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and not {"node_modules", "__pycache__"} & set(path.parts)
        }
        assert {path for path in wanted if not (sdist / path).is_file()} == set()
    assert (sdist / "CHANGELOG.md").is_file()
    (archive,) = (sdist.parent / "sdist").iterdir()
    with tarfile.open(archive) as packed:
        made = {"node_modules", "dist", "tests", "var"}
        assert [name for name in packed.getnames() if made & set(name.split("/"))] == []


def test_a_build_without_its_front_end_fails_unless_it_was_asked_for(builder: Builder, sdist: Path) -> None:
    source = copy_of(sdist, "bare")
    without_node = str(builder.python.parent)
    failed = builder.run("build_wheel", source, sdist.parent / "failed", PATH=without_node)
    assert failed.returncode != 0
    assert "the front end was not built" in failed.stderr
    assert f"{SKIP}=1" in failed.stderr
    asked = builder.build("build_wheel", source, sdist.parent / "asked", PATH=without_node, **{SKIP: "1"})
    assert not any(name.startswith("webui/static/dist/") for name in contents(asked))
    shutil.rmtree(source / "webui" / "frontend")
    failed = builder.run("build_wheel", source, sdist.parent / "failed")
    assert failed.returncode != 0
    assert "this is not the whole source" in failed.stderr


@pytest.mark.long
def test_what_is_installed_from_it_serves_the_login_page_with_its_front_end(wheel: Path, tmp_path: Path) -> None:
    """With the dependencies of this environment, and nothing of the checkout."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    alone = environment() | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-P", "-m", "mailserver"]
    instance = Instance(tmp_path / "var")
    for words in (["--help"], ["init", str(instance.directory)]):
        subprocess.run([*command, *words], cwd=tmp_path, env=alone, check=True, capture_output=True)
    instance._choose_ports()
    served = subprocess.Popen(
        [*command, "serve", str(instance.directory), "--workers", "1"],
        cwd=tmp_path,
        env=alone,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with served:
        assert served.stdout is not None
        while "Ctrl-C" not in (line := served.stdout.readline()):
            assert line, "it did not start"
        web = f"http://127.0.0.1:{instance.ports['http']}"
        page = _get(f"{web}/connexion").decode()
        links = set(re.findall(r'/static/dist/[^"#]+', page))
        assert any(link.endswith(".css") for link in links)
        assert all(_get(web + link) for link in links)
        assert "/static/dist/icons." in page, "pages of a bundle have icons"
        served.terminate()
    assert served.returncode == 0


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return bytes(answer.read())
