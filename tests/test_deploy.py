"""deploy/mailserver.toml shows every setting with its default."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mailserver.settings import LdapDirectory, Settings, load

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
        section = LdapDirectory if name == "ldap" else type(field.default)
        if isinstance(section, type) and issubclass(section, BaseModel):
            assert set(shown[name]) == set(section.model_fields), name


def test_the_example_can_be_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mailserver.toml").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert load(tmp_path).domain == "ac-exemple.fr"
