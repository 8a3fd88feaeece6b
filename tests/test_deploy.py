"""deploy/mailserver.toml shows every setting with its default."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from mailserver.foundation.settings import LdapDirectory, Settings, SettingsError, load

EXAMPLE = Path(__file__).parent.parent / "deploy" / "mailserver.toml"


def uncommented() -> dict[str, Any]:
    """The example with every setting switched on."""
    lines = [re.sub(r"^# (\[\w+\]$|\w+ = )", r"\1", line) for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]
    return tomllib.loads("\n".join(lines))


def test_the_example_is_complete_and_true() -> None:
    shown = uncommented()
    found = Settings.model_validate(shown)
    wanted = Settings(domain=shown["domain"])
    assert found.model_dump(exclude={"ldap"}) == wanted.model_dump(exclude={"ldap"})
    for name, field in Settings.model_fields.items():
        if name == "directory":
            continue
        assert name in shown, name
        section = LdapDirectory if name == "ldap" else field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            assert set(shown[name]) == set(section.model_fields), name


def test_the_example_can_be_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mailserver.toml").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert load(tmp_path).domain == "ac-exemple.fr"


@pytest.mark.parametrize("hop", ["mx.ac-exemple.fr", "mx.ac-exemple.fr:", ":25", "mx:99999", "mx:x"])
def test_a_next_hop_that_cannot_be_used_is_refused_at_start(tmp_path: Path, hop: str) -> None:
    (tmp_path / "mailserver.toml").write_text(f'domain = "ac-exemple.fr"\n[outbound]\nsmarthost = "{hop}"\n')
    with pytest.raises(SettingsError, match=r"outbound\.smarthost"):
        load(tmp_path)


def test_verifiers_cannot_follow_the_passwords_of_another_directory(tmp_path: Path) -> None:
    ldap = '[ldap]\nurl = "ldap://127.0.0.1"\nbase = "dc=ac-exemple,dc=fr"\n'
    (tmp_path / "mailserver.toml").write_text(f'domain = "ac-exemple.fr"\n[login]\nscram = true\n{ldap}')
    with pytest.raises(SettingsError, match="embedded directory only"):
        load(tmp_path)
