"""A settings file is replaced in one step."""

from pathlib import Path

from mailserver.operations.moving.settings_file import BEFORE, write


def test_what_was_there_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "mailserver.toml"
    path.write_text("a = 1\n")
    path.chmod(0o640)
    write(tmp_path, "b = 2\n")
    write(tmp_path, "c = 3\n")
    assert path.read_text() == "c = 3\n"
    assert (tmp_path / BEFORE).read_text() == "b = 2\n"
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o640}
