"""Whether the hosts that serve an instance agree, and whether the database takes their connections."""

from collections.abc import Iterator, Sequence

from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Database, Settings
from mailserver.model.clock import SystemClock
from mailserver.model.errors import Temporary
from mailserver.operations.health.findings import Finding, Grade
from mailserver.operations.health.instance import place_of
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import folder_of
from mailserver.store.upkeep import host_facts, hosts, opening
from mailserver.store.upkeep.hosts import Host, Seen
from mailserver.texts.text import Text

MOST_TOLD = 20
OTHERS = 10
"""Connections that commands, backups and an administrator may need beside those that serve."""


def examine_hosts(settings: Settings) -> Iterator[Finding]:
    """What this host would say of itself, beside what those that serve say. Nothing where one database file is."""
    try:
        if not opening.look(place_of(settings)):
            return
        store = Store(
            settings.database_url,
            settings.data,
            SystemClock(),
            Changes(),
            readers=1,
            writers=1,
            read_only=True,
            blobs=folder_of(settings),
        )
        try:
            seen, most = store.read_now(hosts.all_of), store.read_now(hosts.most_connections)
        finally:
            store.close()
    except (Temporary, OSError):
        return  # the look at the database has said so
    yield from compare(host_facts.describe(settings, "", 0), seen, settings.database)
    if most:
        yield from count_connections(seen, most)


def compare(here: Host, seen: Sequence[Seen], bounds: Database) -> Iterator[Finding]:
    """One line for each host that disagrees or is gone; one for all if none does."""
    faults = [finding for one in seen[:MOST_TOLD] for finding in _faults(here, one, bounds)]
    yield from faults
    if seen and not faults:
        names = ", ".join(sorted({one.host.name for one in seen}))
        yield Finding("hosts", Grade.OK, Text("{names} : d’accord", names=names))


def _faults(here: Host, one: Seen, bounds: Database) -> Iterator[Finding]:
    name = one.host.name
    if one.is_gone:
        yield Finding(
            "hosts",
            Grade.WARNING,
            Text("{name} ne donne plus signe de vie depuis {seconds} s", name=name, seconds=one.silent),
            Text("remettez-le en service, ou attendez : au bout d’un mois il est oublié"),
        )
        return
    skew = one.skew / 1000
    if abs(skew) >= bounds.clock_warning:
        yield Finding(
            "hosts",
            Grade.PROBLEM if abs(skew) >= bounds.clock_fault else Grade.WARNING,
            Text("l’horloge de {name} s’écarte de {seconds} s de celle de la base", name=name, seconds=round(skew)),
            Text("mettez les horloges à l’heure (chrony, systemd-timesyncd)"),
        )
    if (one.host.version, one.host.schema) != (here.version, here.schema):
        yield Finding(
            "hosts",
            Grade.WARNING,
            Text(
                "{name} sert avec la version {theirs}, ici c’est la {ours}",
                name=name,
                theirs=one.host.version,
                ours=here.version,
            ),
        )
    others = sorted(
        section
        for section in here.settings.keys() & one.host.settings.keys()
        if here.settings[section] != one.host.settings[section]
    )
    if others:
        yield Finding(
            "hosts",
            Grade.PROBLEM,
            Text("{name} a d’autres réglages qu’ici : {sections}", name=name, sections=", ".join(others)),
            Text("donnez à chaque hôte les mêmes réglages et les mêmes secrets, puis redémarrez"),
        )


def count_connections(seen: Sequence[Seen], most: int) -> Iterator[Finding]:
    """What every host may open at once, against what the server takes.

    While one restarts its processes of before serve their clients to the end.
    """
    each = [one.host.connections for one in seen if not one.is_gone]
    wanted = sum(each) + max(each, default=0) + OTHERS
    text = Text("{wanted} connexions au plus ; PostgreSQL en accepte {most}", wanted=wanted, most=most)
    if wanted <= most:
        yield Finding("database", Grade.OK, text)
    else:
        yield Finding(
            "database",
            Grade.WARNING,
            text,
            Text("augmentez max_connections, ou baissez workers, [database] readers et writers"),
        )
