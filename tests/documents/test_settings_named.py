"""Settings that documents name exist. (The example in `deploy/` is compared by `tests/test_deploy.py`.)"""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from mailserver.foundation.settings import AT_START, LdapDirectory, Settings
from tests.documents.pages import CURRENT, quoted
from tests.hatchery import ROOT

SECTIONS = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
} | {"ldap": LdapDirectory}


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: str(path.relative_to(ROOT)))
def test_settings_that_documents_name_exist(path: Path) -> None:
    for said in quoted(path.read_text()):
        if found := re.match(r"\[([a-z]+)\](?: ([a-z_]+)\b)?", said):
            section, name = found.groups()
            assert section in SECTIONS, said
            assert name is None or name in SECTIONS[section].model_fields, said


def test_what_needs_a_restart_is_told_to_operators() -> None:
    told = re.search(r"these need a restart.*?: (.+?)\. Limits", (ROOT / "deploy/README.md").read_text(), re.DOTALL)
    assert told is not None
    assert {said.strip("[]") for said in quoted(told[1])} == set(AT_START)


def test_every_setting_is_told_to_operators_by_the_release_that_brought_it() -> None:
    """The changelog names a section with its first setting, and the others behind it."""
    told: set[tuple[str, str]] = set()
    section = ""
    for said in quoted((ROOT / "CHANGELOG.md").read_text()):
        if found := re.match(r"\[([a-z]+)\] ([a-z_]+)\b", said):
            section = found[1]
            told.add((section, found[2]))
        elif re.fullmatch(r"[a-z_]+", said):
            told.add((section, said))
    wanted = {(section, name) for section, model in SECTIONS.items() for name in model.model_fields}
    assert wanted - told == set()
