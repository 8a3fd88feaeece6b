"""A database with the newest schema and no instance around it."""

from pathlib import Path

from mailserver.store.engine import migrate


def create_schema(url: str, folder: Path) -> None:
    """Every revision that the database lacks; on SQLite, the file too."""
    with migrate.locked(url, folder, making=True) as connection:
        migrate.upgrade_over(connection)
