"""Whose database this is: an identifier stands in the database, in the folder of large messages and in the settings'.

A database that is not this folder's would make every file look like nobody's, and an empty one would bounce all mail.
So whatever opens an instance asks here first, and what does not belong together is refused. Instances of older
versions have no identifiers: they are given theirs when the database is provably this folder's. Only `make` makes.
"""

import hashlib
import hmac
import secrets
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, inspect, literal, make_url, select, text

from mailserver import __version__
from mailserver.model.errors import NotThere, Temporary
from mailserver.store.engine import migrate
from mailserver.store.engine.statements import Tx
from mailserver.store.octets.disk import MARK, read_mark, write_mark
from mailserver.store.octets.files import BlobFolder, files_of
from mailserver.store.schema.mail.messages import blob, content
from mailserver.store.schema.service.keeping import instance
from mailserver.store.schema.service.moving import moved_away, moving_in
from mailserver.store.upkeep import host_facts, hosts, moved_fence

SAMPLE = 100
"""Files named by the oldest rows, and by the newest, that are looked for."""
MOST_NAMED = 5
"""Hosts that still serve."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance's mail is."""

    url: str
    data: Path
    settings: Path
    """The folder of its settings file."""
    chosen: BlobFolder | None = None
    """Where large messages lie, if not with the data."""
    secret: bytes = b""
    """By which a host's secrets are known; empty: nobody asks."""

    @property
    def folder(self) -> BlobFolder:
        """Of large messages."""
        return self.chosen or self.data / "blobs"


class NeedsStop(Temporary):
    """The schema cannot be brought up to date while programs of before serve it; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database and the folders say of themselves. An identifier is empty where there is none."""

    in_database: str
    in_folder: str
    in_settings: str
    proof: str
    """Of the secrets, in the database; empty for none."""
    contents: bool
    """Whether the database holds any message."""
    sampled: int
    """Files that rows name, up to 2 SAMPLE of them, and how many of those are there."""
    found: int
    files: bool
    """Whether the folder holds any file."""
    moved_to: str = ""
    """Where the database was moved to; empty: it was not."""
    is_filled: bool = False
    """Whether a move fills it, and has not ended."""

    @property
    def is_empty(self) -> bool:
        """Nothing can be lost."""
        return not (self.contents or self.files)

    @property
    def is_proven(self) -> bool:
        """The rows name the files that are there; or there is nothing on either side to be confused."""
        if self.sampled:
            return 2 * self.found >= self.sampled
        return not self.files


# ---------------------------------------------------------------------- making and opening


def make(place: Place) -> None:
    """The schema in an empty database, and a new identifier in all three places.

    Raises FileExistsError when the database has a schema or the folder files; OSError, Temporary.
    """
    if has_files(place.folder):
        raise FileExistsError(17, "there are messages here already", str(place.folder))
    with migrate.refusals(place.url), migrate.locked(place.url, place.data, making=True) as connection:
        if migrate.revisions(connection):
            raise FileExistsError(17, "there is a database already", migrate.shown(place.url))
        migrate.upgrade_over(connection)
        _give(place, connection, secrets.token_hex(16))


def open_instance(place: Place, *, beside_others: bool = False) -> None:
    """Bring the database of an instance up to date, once it is known to be its own. `beside_others`: while programs of
    before serve it.

    Raises NotThere, with what to do; NeedsStop, OSError, Temporary.
    """
    _check_there(place)
    with migrate.refusals(place.url), migrate.locked(place.url, place.data) as connection:
        facts = gather(place, connection)
        problem = fault(place, facts)
        if problem:
            raise NotThere(problem)
        _upgrade(place, connection, beside_others=beside_others)
        known = facts.in_database or facts.in_folder or secrets.token_hex(16)
        if {facts.in_database, facts.in_folder, facts.in_settings} != {known} or (place.secret and not facts.proof):
            _give(place, connection, known)


def _upgrade(place: Place, connection: Connection, *, beside_others: bool) -> None:
    """Run what is missing. Raises NeedsStop for what programs of before could not go on with, while any may."""
    step = next((step for step in migrate.pending(connection) if step.kind != migrate.EXPAND), None)
    if step is None:
        migrate.upgrade_over(connection)
        return
    why = (
        f"revision {step.revision} ({step.summary}) changes the schema so that the version before cannot go on:"
        f" stop the service everywhere, `mailserver upgrade {place.settings}`, start it again"
    )
    migrate.upgrade_over(connection, lambda: keep_alone(place, connection, why, beside_others=beside_others))


def keep_alone(place: Place, connection: Connection, why: str, *, beside_others: bool = False) -> None:
    """`check_alone`, which stays true until the transaction ends."""
    hosts.keep_out(connection)
    check_alone(place, connection, why, beside_others=beside_others)


def check_alone(place: Place, connection: Connection, why: str, *, beside_others: bool = False) -> None:
    """Raises NeedsStop while anybody else serves the instance, as far as we were told or the database knows."""
    names = hosts.others(connection, host_facts.known_id(place.data))
    if beside_others or names:
        raise NeedsStop(why + (f" ({', '.join(names[:MOST_NAMED])})" if names else ""))


def adopt(place: Place, *, beside_others: bool = False) -> None:
    """Bind a database and a folder together because the operator says so, even one that was moved.

    Raises NotThere, NeedsStop, OSError, Temporary.
    """
    _check_there(place)
    with migrate.refusals(place.url), migrate.locked(place.url, place.data) as connection:
        facts = gather(place, connection)
        if facts.is_filled:
            raise NotThere(_unfinished(place))
        migrate.begin_writing(connection)
        for words in moved_fence.removing(connection.dialect.name):
            connection.execute(text(words))
        connection.commit()
        _upgrade(place, connection, beside_others=beside_others)
        migrate.begin_writing(connection)
        connection.execute(text(f"DROP TABLE IF EXISTS {moved_away.name}"))
        _give(place, connection, facts.in_database or facts.in_folder or secrets.token_hex(16))


def _give(place: Place, connection: Connection, identifier: str) -> None:
    """The identifier in all three places; the database last, so that a half is made whole at the next start."""
    migrate.begin_writing(connection)
    files_of(place.folder).write_mark(identifier)
    write_mark(place.settings, identifier)
    notes = migrate.notes(connection)
    if not notes.compatible_since:
        notes = migrate.Notes(migrate.compatible_since(), "", __version__)
    connection.execute(instance.delete())
    proof = _proof(place.secret, identifier) if place.secret else ""
    row = {"id": 1, "identifier": identifier, "made": int(time.time()), "proof": proof}
    connection.execute(instance.insert().values(**row, **asdict(notes)))
    connection.commit()


def _proof(secret: bytes, identifier: str) -> str:
    """What only who has the instance's secrets can make; it tells nothing of them."""
    return hmac.digest(secret, f"secrets of instance {identifier}".encode(), hashlib.sha256).hex()


# ---------------------------------------------------------------------- looking


def look(place: Place, *, moved: bool = False) -> bool:
    """Whether the schema is this version's. Changes nothing. `moved`: also of a database that was moved away.

    Raises NotThere when the database or its folder is not there or does not belong to the other; OSError, Temporary.
    """
    _check_there(place)
    with migrate.refusals(place.url), migrate.reading(place.url) as connection:
        facts = gather(place, connection)
        problem = fault(place, replace(facts, moved_to="") if moved else facts)
        if problem:
            raise NotThere(problem)
        return migrate.is_served(connection)


def moved_to(connection: Connection) -> str:
    """Where a database was moved to (`store.moving`); empty: it was not."""
    if not inspect(connection).has_table(moved_away.name):
        return ""
    return str(connection.execute(select(moved_away.c.target)).scalar() or "")


_IS_MOVED = {
    "sqlite": text("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'moved_away'"),
    "postgresql": text("SELECT to_regclass('moved_away')"),
}


def moved_under(tx: Tx) -> str:
    """The same, for a program that serves it."""
    if tx.execute(_IS_MOVED[tx.dialect]).scalar() is None:
        return ""
    return str(tx.execute(select(moved_away.c.target)).scalar() or "")


def check_whole(place: Place, connection: Connection) -> None:
    """Raises NotThere for a database that was moved away, and for one that a move has not filled yet."""
    if target := moved_to(connection):
        raise NotThere(_moved(place, target))
    if inspect(connection).has_table(moving_in.name):
        raise NotThere(_unfinished(place))


def _moved(place: Place, target: str) -> str:
    return (
        f"the database {migrate.shown(place.url)} was moved to {target}: correct [database] url. To serve this older"
        f" state again, without what came since, `mailserver storage adopt {place.settings}`"
    )


def _unfinished(place: Place) -> str:
    return (
        f"a move to the database {migrate.shown(place.url)} has not ended: run the same `mailserver move` again,"
        " with the settings of before"
    )


def belongs(tx: Tx, folder: BlobFolder) -> bool:
    """Whether the database and the folder of large messages have one identifier now. Raises OSError."""
    known = tx.execute(select(instance.c.identifier)).scalar()
    return (known or "") == files_of(folder).read_mark()


def _check_there(place: Place) -> None:
    """Raises NotThere when the file of a SQLite database or the folder of large messages is not there; Temporary."""
    with migrate.refusals(place.url):
        parsed = make_url(place.url)
    path = Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None
    if path is not None and not path.exists():
        raise NotThere(
            f"{path}: the database is not there. Is its disk mounted? Only `mailserver init` makes one;"
            " mount the disk, or restore the file from a backup"
        )
    folder = files_of(place.folder).path
    if folder is not None and not folder.is_dir():
        raise NotThere(f"{folder}: the folder of large messages is not there. Is its disk mounted?")


def gather(place: Place, connection: Connection) -> Facts:
    """What both sides say. Raises NotThere when the database has no schema of ours, NewerSchema, OSError."""
    if not migrate.revisions(connection):
        raise NotThere(
            f"the database {migrate.shown(place.url)} is empty. Is [database] url right? Only `mailserver init` makes"
            f" one: for an instance without mail, `mailserver init --database URL {place.settings}`"
        )
    migrate.check_known(connection)
    known, proof = _known(connection)
    files = files_of(place.folder)
    marked = files.read_mark()
    # With an identifier on both sides they say it all, and a hundred files in object storage are long to ask for.
    names = [] if known and marked else sample(connection)
    return Facts(
        in_database=known,
        in_folder=marked,
        in_settings=read_mark(place.settings),
        proof=proof,
        contents=connection.execute(select(content.c.id).limit(1)).first() is not None,
        sampled=len(names),
        found=sum(map(files.is_there, names)),
        files=has_files(place.folder),
        moved_to=moved_to(connection),
        is_filled=inspect(connection).has_table(moving_in.name),
    )


def _known(connection: Connection) -> tuple[str, str]:
    """The identifier and the proof, as far as the schema has them."""
    looked = inspect(connection)
    if not looked.has_table(instance.name):
        return "", ""
    columns = {column["name"] for column in looked.get_columns(instance.name)}
    row = connection.execute(
        select(instance.c.identifier, instance.c.proof if "proof" in columns else literal(""))
    ).first()
    return (row[0], row[1]) if row is not None else ("", "")


def fault(place: Place, facts: Facts) -> str:
    """Why these do not belong together, and what to do; empty when they do, or provably may."""
    name, remedy = migrate.shown(place.url), f"`mailserver storage adopt {place.settings}` binds them together"
    database, folder = facts.in_database, facts.in_folder
    if facts.is_filled:
        return _unfinished(place)
    if facts.moved_to:
        return _moved(place, facts.moved_to)
    if database and folder and database != folder:
        return (
            f"the database {name} belongs to instance {database[:8]}, {place.folder} to instance {folder[:8]}:"
            " correct [database] url, or mount the right disk"
        )
    if database and not folder and not facts.is_empty:
        return f"{place.folder} has no file {MARK}: is its disk mounted? If its files were restored there, {remedy}"
    if folder and not database and not facts.is_empty:
        return (
            f"the database {name} has no identifier, and {place.folder} has one: correct [database] url;"
            f" if it is a backup of an older version, {remedy}"
        )
    if not database and not folder and not facts.is_proven:
        return (
            f"the database {name} does not name the files of {place.folder} ({facts.found} of {facts.sampled} looked"
            f" for are there): correct [database] url or mount the right disk; if both are right, {remedy}"
        )
    if place.secret and facts.proof and not hmac.compare_digest(facts.proof, _proof(place.secret, database)):
        return (
            f"the secrets of {place.settings} are not those of instance {database[:8]}: bring them from a host that"
            f" serves it, or from a backup; if they were made anew on purpose, {remedy}"
        )
    if facts.in_settings and facts.in_settings not in ("", database or folder) and not facts.is_empty:
        return (
            f"{place.settings} is the folder of instance {facts.in_settings[:8]}, its mail of instance"
            f" {(database or folder)[:8]}: correct [database] url; if both are right, {remedy}"
        )
    return ""


def sample(connection: Connection) -> list[str]:
    """Files that the oldest and the newest rows name."""
    names: dict[str, None] = {}
    for order in (blob.c.content_id, blob.c.content_id.desc()):
        chosen = select(blob.c.file).where(blob.c.file.is_not(None)).order_by(order).limit(SAMPLE)
        names.update(dict.fromkeys(row[0] for row in connection.execute(chosen)))
    return list(names)


def has_files(folder: BlobFolder) -> bool:
    """Whether there is any message in the folder."""
    return next(files_of(folder).names(), None) is not None
