"""Static files with and without the bundle: degrade, never fail."""

import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webui.house import House, Visitor
from webui.app import composition
from webui.http.assets import STATIC, Assets

FRONT_END = STATIC.parent / "frontend"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The folder as it is in a checkout."""
    for source in STATIC.glob("*.*"):
        shutil.copy(source, tmp_path)
    return tmp_path


@pytest.fixture
def bare_house(
    plain: Path, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """A house whose front end was never built."""
    monkeypatch.setattr(composition, "shipped", lambda: Assets(plain))
    made = House(tmp_path_factory.mktemp("bare"), sqlite_template)
    yield made
    made.close()


def _bundle(folder: Path, name: str, octets: bytes, source: str) -> None:
    (folder / "dist").mkdir(exist_ok=True)
    file = f"style.0123456789{Path(name).suffix}"
    for suffix, content in (("", octets), (".gz", gzip.compress(octets)), (".br", b"br")):
        (folder / "dist" / f"{file}{suffix}").write_bytes(content)
    manifest = {name: {"file": file, "sources": {f"{folder.name}/{name}": source}}}
    (folder / "dist" / "manifest.json").write_text(json.dumps(manifest))


def test_without_bundle_our_own_files_are_served(plain: Path) -> None:
    found = Assets(plain)
    assert found.icons == ""
    assert re.fullmatch(r"/static/dist/style\.[0-9a-f]{10}\.css", found.url("style.css"))
    assert found.url("nulle.css") == ""


def test_bundle_is_used_only_when_made_from_the_source_beside_it(plain: Path) -> None:
    source = (plain / "style.css").read_bytes()
    _bundle(plain, "style.css", b"built", hashlib.sha256(source).hexdigest())
    assert Assets(plain).url("style.css") == "/static/dist/style.0123456789.css"
    (plain / "style.css").write_bytes(source + b"\n")
    assert Assets(plain).url("style.css") != "/static/dist/style.0123456789.css"


def test_modules_come_together_or_not_at_all(tmp_path: Path) -> None:
    """A list that counts on the script of every page is not served without it."""
    folder = tmp_path / "webui" / "static"
    shutil.copytree(STATIC, folder)
    shutil.copytree(FRONT_END / "src", tmp_path / "webui" / "frontend" / "src")
    shutil.copy(FRONT_END / "package-lock.json", tmp_path / "webui" / "frontend")
    found = Assets(folder)
    assert all(found.url(name) for name in ("core.js", "list.js"))
    (tmp_path / "webui" / "frontend" / "src" / "core.js").write_text("// newer\n")
    found = Assets(folder)
    assert not any(found.url(name) for name in ("core.js", "list.js"))
    assert all(found.url(name) for name in ("style.css", "icons.svg"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"style.css": {"file": "x"}}'])
def test_damaged_manifest_is_no_bundle(plain: Path, text: str) -> None:
    (plain / "dist").mkdir()
    (plain / "dist" / "manifest.json").write_text(text)
    assert Assets(plain).url("style.css")


def test_pages_without_icons_show_words(bare_house: House) -> None:
    """Icon-only buttons show their text; nothing refers to a sprite."""
    person = bare_house.person("Emma", "Dupont")
    visitor = bare_house.visitor()
    text = visitor.log_in(person.login).text
    assert "<svg" not in text
    assert "avec-icones" not in text
    assert re.search(r"<button>Rechercher</button>", text)
    assert visitor.get("/roundcube").status_code == 200


def test_encodings_and_immutability(house: House) -> None:
    visitor = Visitor(house.url, house.settings.certificate)
    visitor.get("/")
    address = re.search(r'href="(/static/dist/style[^"]+)', visitor.text)
    assert address
    sizes = {}
    coding = {"gzip": "gzip", "gzip, br": "br", "br;q=0.000, GZIP;Q=0.5": "gzip", "*": "br", "br; q=0,*": "gzip"}
    for accept in ("identity", "gzip;q=0", "*;q=0", "gzip;q=0, *;q=0", "notgzip", *coding):
        answer = visitor.http.get(address[1], headers={"accept-encoding": accept})
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        sizes[accept] = answer.num_bytes_downloaded
        assert answer.headers.get("content-encoding") == coding.get(accept), accept
        page = visitor.http.get("/", headers={"accept-encoding": accept})
        assert page.headers.get("content-encoding") == ("gzip" if accept in coding else None), accept
    assert sizes["gzip"] < sizes["identity"] / 3
    assert sizes["gzip"] < 12_000
    visitor.http.close()


def test_every_icon_that_templates_name_is_in_the_list() -> None:
    """And the list names no other: bring what is used, nothing more."""
    listed = set((FRONT_END / "src" / "icons.txt").read_text().split())
    templates = "".join(path.read_text() for path in (STATIC.parent / "templates").rglob("*.html"))
    code = "".join(path.read_text() for path in STATIC.parent.rglob("*.py") if "node_modules" not in path.parts)
    used = set(re.findall(r'icon\("([a-z0-9-]+)"', templates))
    used |= set(re.findall(r'notice\([^)]*?, "([a-z0-9-]+)"', templates))
    used |= {name for name in listed if f'"{name}"' in code + templates}
    assert used == listed


def test_lock_file_has_hashes_and_no_addresses() -> None:
    lock = json.loads((FRONT_END / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all("integrity" in entry and "resolved" not in entry for entry in packages.values())
    package = json.loads((FRONT_END / "package.json").read_text())
    wanted = package["devDependencies"] | package["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())


def test_bundles_stay_small_and_their_licences_are_with_them() -> None:
    """The core of the complete interface within 20 kB, style sheets within 12 kB."""
    manifest = json.loads((STATIC / "dist" / "manifest.json").read_text())
    sizes = {name: (STATIC / "dist" / (entry["file"] + ".gz")).stat().st_size for name, entry in manifest.items()}
    assert sizes["core.js"] <= 20_000
    assert all(size <= 12_000 for name, size in sizes.items() if name.endswith(".css"))
    notices = (STATIC / "dist" / "THIRD-PARTY.txt").read_text()
    package = json.loads((FRONT_END / "package.json").read_text())
    assert all(f"{name} {version} (" in notices for name, version in package["dependencies"].items())


def test_every_module_is_built_and_found(tmp_path: Path) -> None:
    """With the bundle each module has an address; without it pages do without."""
    names = [path.name for path in (FRONT_END / "src").glob("*.js")]
    assert "core.js" in names
    assert all(Assets().url(name) for name in names)
    shutil.copy(STATIC / "style.css", tmp_path)
    assert not any(Assets(tmp_path).url(name) for name in names)
