"""Every `mailserver` command of the guide is typed with its own words at an academy that is served: none is
misunderstood. What an example names that is not here (import 7, delivery 12) is one sentence, and exit code 1.

The first page is followed as it stands (`test_guide_first_page.py`).
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.documents.guide import ENGLISH, invocations, pages
from tests.harness import Instance

pytestmark = [pytest.mark.long, pytest.mark.needs("restic"), pytest.mark.usefixtures("quick_restic")]
ELSEWHERE = ("init", "move", "restart", "certificate request")
"""They make, move or relieve an instance: tests of their own."""
REFUSED = {
    "backup --init": "already exists",
    "certificate renew": "agree_to_terms",
    "account erase": "say --yes",
    "storage rewound": "is being served",
    "restore --at": "no whole backup",
}
"""Here, and why: a backup is there, ACME is not used, nobody can be asked, the service runs, nothing is so old."""
PEOPLE = "given_name,surname,role,birth_date,numen,ine,uai,discipline\nAlex,Petit,admin,09/10/1982,21E2600126ABC,,,\n"


def typed() -> Iterator[list[str]]:
    """Each once, those that say something of an account before it is erased."""
    texts = pages(ENGLISH)
    names = [*sorted(texts.keys() - {"one-host.md", "gdpr.md"}), "gdpr.md"]
    seen: set[tuple[str, ...]] = set()
    for name in names:
        for words in invocations(texts[name]):
            is_whole = any("$" in word for word in words) and not any("postgresql:" in word for word in words)
            if is_whole and not " ".join(words).startswith(ELSEWHERE) and tuple(words) not in seen:
                seen.add(tuple(words))
                yield words


def filled_in(words: list[str], values: dict[str, Path], fresh: Iterator[Path]) -> list[str]:
    """With the folders of this test, and days that are still to come where a maintenance is announced."""
    made = [re.sub(r"\$(\w+)", lambda name: str(values[name[1]]), word) for word in words]
    if words[0] == "restore" and "$DIR" in words and not {"--account", "--mailing-list"} & {*words}:
        made[words.index("$DIR")] = str(next(fresh))
    if words[0] == "bulletins":
        day = time.strftime("%Y-%m-%d", time.localtime(time.time() + 86400))
        made = [re.sub(r"^\d{4}-\d\d-\d\d(?=T)", day, word) for word in made]
    made = [word.replace("/var/tmp/", f"{values['WORK']}/") for word in made]
    return [str(values["people"]) if word == "people.csv" else word for word in made]


def known(words: list[str]) -> str:
    """What REFUSED has of a command."""
    return next((name for name in REFUSED if {*name.split()} <= {*words}), "")


def test_none_is_misunderstood(fresh: Callable[..., Instance], tmp_path: Path) -> None:
    instance = fresh("--demo")
    instance.start("--workers", "1")
    values = {"DIR": instance.directory, "BACKUP": tmp_path / "backup", "KEY": tmp_path / "key"}
    values |= {"people": tmp_path / "people.csv", "WORK": tmp_path}
    values["KEY"].write_text("une-cle-de-test-assez-longue\n")
    values["people"].write_text(PEOPLE)
    instance.command("backup", "DIR", values["BACKUP"], "--key-file", values["KEY"], "--init")
    folders = (tmp_path / f"back{number}" for number in range(100))
    commands, wrong = list(typed()), list[str]()
    assert len(commands) > 60
    for words in commands:
        done = instance.command(*filled_in(words, values, folders), check=False)
        clue = REFUSED.get(known(words))
        is_well = done.returncode in (0, 1) if clue is None else (done.returncode == 2 and clue in done.stderr)
        if not is_well or "Traceback" in done.stderr:
            wrong.append(f"{' '.join(words)}: {done.returncode} {done.stdout[-200:]} {done.stderr[-400:]}")
    assert not wrong, "\n".join(wrong)
