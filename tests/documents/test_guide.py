"""The operator's guide: the same pages and commands in both languages, which exist; links lead somewhere.

That the first page is true is seen by `tests/cli/test_guide_first_page.py`.
"""

import re
from pathlib import Path

import pytest

from tests.documents.guide import ENGLISH, FRENCH, GUIDE, invocations, pages, typed
from tests.documents.test_command_line import FAMILIES, OPTIONS

PAGES = pages(FRENCH)
ALL = {f"{folder.name}/{name}": text for folder in (FRENCH, ENGLISH) for name, text in pages(folder).items()}
INCIDENT_WORDS = 420
"""Of a sheet that is read while something burns: a printed page."""
INCIDENTS = 13
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def test_both_languages_have_the_same_pages() -> None:
    assert PAGES.keys() == pages(ENGLISH).keys()
    assert {"README.md", "one-host.md"} <= PAGES.keys()


@pytest.mark.parametrize("name", PAGES)
def test_both_languages_have_the_same_commands_in_the_same_order(name: str) -> None:
    assert typed(PAGES[name]) == typed((ENGLISH / name).read_text())


@pytest.mark.parametrize("name", ALL)
def test_every_command_exists_with_its_options(name: str) -> None:
    for words in invocations(ALL[name]):
        verb = tuple(words[:2] if words[0] in FAMILIES else words[:1])
        assert verb in OPTIONS, f"mailserver {' '.join(words)}"
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= OPTIONS[verb] | {"--help"}, f"mailserver {' '.join(words)}"


def test_commands_of_the_guide_are_found_at_all() -> None:
    """What reads them would say nothing of a page that it cannot read."""
    assert ["import", "$DIR", "$WORK/people.csv", "--dry-run"] in list(invocations(PAGES["one-host.md"]))


@pytest.mark.parametrize("name", ALL)
def test_links_lead_to_files_and_headings(name: str) -> None:
    page = GUIDE / name
    for link in _LINK.findall(ALL[name]):
        if link.startswith(("http://", "https://")):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not heading or heading in _anchors(target), link


def _anchors(path: Path) -> set[str]:
    """As forges make them of headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("folder", [FRENCH, ENGLISH], ids=lambda folder: folder.name)
def test_the_index_leads_to_every_page(folder: Path) -> None:
    linked = set(_LINK.findall((folder / "README.md").read_text()))
    assert set(pages(folder)) - {"README.md"} <= linked


@pytest.mark.parametrize("name", [name for name in ALL if "/incidents/" in name])
def test_a_sheet_for_an_incident_is_one_page(name: str) -> None:
    assert len(ALL[name].split()) <= INCIDENT_WORDS


def test_there_is_a_sheet_for_each_incident() -> None:
    assert len([name for name in PAGES if name.startswith("incidents/")]) == INCIDENTS


@pytest.mark.parametrize("name", ALL)
def test_nothing_was_left_to_be_filled_in(name: str) -> None:
    assert not re.search(r"@@|TODO|\bXXX\b", ALL[name])


DOCUMENTS = {**ALL, "deploy/README.md": (GUIDE.parent / "README.md").read_text()}


@pytest.mark.parametrize("name", [name for name, text in DOCUMENTS.items() if "systemctl stop mailserver" in text])
def test_whoever_stops_the_service_stops_its_sockets(name: str) -> None:
    """systemd starts a service anew for the next connection to a socket that is left open: in the middle of an
    upgrade, of a move, of a restore."""
    stopped = re.findall(r"systemctl stop (mailserver[^`#\n]*)", DOCUMENTS[name])
    assert {said.strip() for said in stopped} == {"mailserver.socket mailserver.service"}
