"""An instance with two workers, and one person of it who has nothing yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import Instance
from tests.imap.model.session import Person

LOGIN = "modele"
PASSWORD = "Academie#2026"


@contextmanager
def served(instance: Instance, *, exact: bool = True) -> Iterator[Person]:
    """Serve an instance that was initialised, with the person in it; `exact`: on SQLite."""
    people = instance.directory.parent / "modele.csv"
    people.write_text(
        "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"
        f"Client,Modele,,teacher,,,,,{LOGIN},{PASSWORD}\n"
    )
    instance.command("import", "DIR", people, "--accept-passwords")
    instance.start("--workers", "2")
    try:
        yield Person(instance.ports["imap"], LOGIN, PASSWORD, exact)
    finally:
        instance.stop()


@contextmanager
def temporary(folder: Path, database: str = "") -> Iterator[Person]:
    """A new instance in a folder; `database`: URL of a PostgreSQL database that has our schema."""
    instance = Instance(folder / "var")
    instance.init()
    if database:
        instance.configure(f'[database]\nurl = "{database}"\n')
    with served(instance, exact=not database) as person:
        yield person
