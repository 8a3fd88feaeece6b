"""Looks an instance over and says, for each finding, what to do about it. Changes nothing."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from directory.lists.rosters import ListSettings
from mailserver.delivery.lists import exposed_lists
from mailserver.foundation import instance_lock
from mailserver.foundation.changes import Changes
from mailserver.foundation.network import ports
from mailserver.foundation.settings import Settings, SettingsError, secret_variable
from mailserver.model.clock import SystemClock
from mailserver.model.errors import NewerSchema, NotThere, Temporary
from mailserver.notices.push import vapid
from mailserver.operations.health import disk_space, file_permissions
from mailserver.operations.health.blocklists import examine_blocklists
from mailserver.operations.health.certificates import examine_certificates
from mailserver.operations.health.findings import Finding, Grade
from mailserver.operations.health.holidays import examine_holidays
from mailserver.operations.health.hosts import examine_hosts
from mailserver.operations.health.instance import place_of
from mailserver.operations.health.moves import examine_moves
from mailserver.operations.health.published import examine_dns
from mailserver.operations.health.restore_trial import examine_backups
from mailserver.operations.health.running import examine_running
from mailserver.operations.health.signing import examine_signing
from mailserver.operations.health.smarthosts import examine_smarthosts
from mailserver.previews import office_program
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import folder_of
from mailserver.store.upkeep import condition, opening
from mailserver.store.upkeep.condition import Condition
from mailserver.texts.text import Text, Untranslated

QUICK_SECONDS = 5.0
"""For a look at the pages of a database."""
FILES_NAMED = 8
MAX_LISTS = 50
"""Named one by one."""
SECRETS = ("hmac", "ldap-admin")


def examine(settings: Settings, *, dns_too: bool = True) -> Iterator[Finding]:
    """Every finding, most fundamental first."""
    looks: list[Callable[[Settings], Iterator[Finding]]] = [
        _secrets,
        examine_signing,
        _files,
        examine_certificates,
        _database,
        _disks,
        _previews,
        _stored,
        examine_hosts,
        examine_backups,
        examine_moves,
        _ports,
        examine_running,
        _ldap,
        _lists,
        examine_holidays,
    ]
    if dns_too:
        looks += [examine_dns, examine_blocklists, examine_smarthosts]
    yield Finding(
        "settings",
        Grade.OK,
        Text("{directory} sert {domains}", directory=settings.directory, domains=", ".join(settings.domains)),
    )
    for look in looks:
        yield from look(settings)


def _secrets(settings: Settings) -> Iterator[Finding]:
    pushed = (vapid.FILE,) if (settings.secrets / vapid.FILE).exists() else ()
    relays = sorted({relay.password_file for relay in settings.outbound.relays} - {""})
    file = f"dkim-{settings.dkim_selector}.pem"
    signing = (file,) if settings.has_secret(file) else ()
    for name in (*SECRETS, *signing, *pushed, *relays):
        path = settings.secrets / name
        is_given = secret_variable(name) in os.environ
        try:
            settings.secret(name)
            mode = 0 if is_given else stat.S_IMODE(path.stat().st_mode)
        except (SettingsError, OSError) as error:
            yield Finding(
                "secrets",
                Grade.PROBLEM,
                Untranslated(str(error)),
                Text("restaurez-le d’une sauvegarde de l’instance"),
            )
            continue
        if mode & 0o077:
            yield Finding(
                "secrets",
                Grade.PROBLEM,
                Text("d’autres peuvent lire {path}", path=path),
                Untranslated(f"chmod 600 {path}"),
            )
        else:
            yield Finding(
                "secrets",
                Grade.OK,
                Text("seul son propriétaire peut lire {name}", name=name),
            )


def _files(settings: Settings) -> Iterator[Finding]:
    """Secrets apart, which are looked at one by one."""
    secrets = settings.secrets
    found = [(path, mode) for path, mode in file_permissions.too_open(settings.directory) if path.parent != secrets]
    if not found:
        text = Text("les fichiers ne sont lisibles que par leur propriétaire")
        yield Finding("files", Grade.OK, text)
        return
    names = ", ".join(str(path.relative_to(settings.directory)) for path, _ in found[:FILES_NAMED])
    more = "" if len(found) <= FILES_NAMED else " …"
    key_is_open = any(path == settings.private_key and mode & 0o007 for path, mode in found)
    yield Finding(
        "files",
        Grade.PROBLEM if key_is_open else Grade.WARNING,
        Text("ouverts à d’autres ({count}) : {names}{more}", count=len(found), names=names, more=more),
        Untranslated(f"chmod -R go= {settings.directory}"),
    )


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        current = opening.look(place_of(settings))
    except (NotThere, NewerSchema) as error:
        # It says itself what to do.
        yield Finding("database", Grade.PROBLEM, Untranslated(str(error)))
        return
    except (Temporary, OSError) as error:
        yield Finding(
            "database",
            Grade.PROBLEM,
            Untranslated(str(error)),
            Text("vérifiez [database] url et que la base tourne"),
        )
        return
    if current:
        yield Finding("database", Grade.OK, Text("joignable, schéma à jour"))
    else:
        yield Finding(
            "database",
            Grade.WARNING,
            Text("le schéma est plus ancien que cette version"),
            Text("`mailserver serve` le met à jour"),
        )


def _disks(settings: Settings) -> Iterator[Finding]:
    for full in disk_space.full(settings):
        where = full.folder
        yield Finding(
            "disk",
            Grade.PROBLEM if full.is_over else Grade.WARNING,
            Text(
                "{where} : {percent} % pris, il reste {free} Mio",
                where=where,
                free=full.free >> 20,
                percent=full.percent,
            ),
            Text("libérez de la place sur ce disque"),
        )


def _previews(settings: Settings) -> Iterator[Finding]:
    program = settings.previews.libreoffice
    if not program:
        return
    match office_program.lack(Path(program)):
        case office_program.Lack.PROGRAM:
            missing = Text("LibreOffice n’est pas à {program} : ses fichiers ne sont pas montrés", program=program)
            packages = "libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui"
            yield Finding("previews", Grade.PROBLEM, missing, Untranslated(f"apt-get install {packages}"))
        case office_program.Lack.CONFINEMENT:
            open_ = Text("LibreOffice ne peut pas être isolé sur cette machine : il n’est pas lancé")
            yield Finding(
                "previews", Grade.PROBLEM, open_, Text("il faut Linux 5.13 avec Landlock, sur x86_64 ou aarch64")
            )
        case None:
            yield Finding("previews", Grade.OK, Text("LibreOffice est là, et peut être isolé"))


def _stored(settings: Settings) -> Iterator[Finding]:
    """What the database says of itself, as far as a look of some seconds can tell."""
    try:
        if not opening.look(place_of(settings)):
            return
        store = Store(
            settings.database_url, settings.data, SystemClock(), Changes(), read_only=True, blobs=folder_of(settings)
        )
        try:
            state = store.read_now(condition.look, seconds=QUICK_SECONDS)
        finally:
            store.close()
    except (Temporary, OSError) as error:
        if not isinstance(error, NotThere):
            yield Finding("database", Grade.PROBLEM, Untranslated(str(error)))
        return
    yield from _pages(settings, state)
    if state.damaged:
        yield Finding(
            "messages",
            Grade.PROBLEM,
            Text("{damaged} messages sont abîmés ou perdus", damaged=state.damaged),
            Text("restaurez-les d’une sauvegarde"),
        )
    if state.stop is not None:
        yield Finding(
            "upkeep",
            Grade.PROBLEM,
            Text(
                "le ramassage s’est arrêté : {refused} ({kind}) à la fois, c’est trop",
                refused=state.stop.refused,
                kind=state.stop.kind.value,
            ),
            Untranslated(f"mailserver storage allow-collection {settings.directory}"),
        )
    if state.doubt is not None:
        yield Finding(
            "upkeep",
            Grade.WARNING,
            Text("l’horloge a sauté : l’entretien attend encore {hours} h", hours=state.doubt.left // 3600),
            Untranslated(f"mailserver storage believe-clock {settings.directory}"),
        )


def _pages(settings: Settings, state: Condition) -> Iterator[Finding]:
    deep = Untranslated(f"mailserver check --deep {settings.directory}")
    if state.faults is None:
        yield Finding(
            "database",
            Grade.OK,
            Text("pages et messages n’ont pas tous été regardés (--deep le fait)"),
        )
        return
    for fault in state.faults:
        yield Finding("database", Grade.PROBLEM, fault, deep)
    if not state.faults:
        yield Finding(
            "database",
            Grade.OK,
            Text("pages bien formées ; les messages n’ont pas été lus (--deep le fait)"),
        )


def _ports(settings: Settings) -> Iterator[Finding]:
    if instance_lock.is_served(settings.directory):
        yield Finding("ports", Grade.OK, Text("l’instance tourne"))
        return
    try:
        ports.check_free(settings.listen)
    except ports.NoRight as problem:
        yield Finding(
            "ports",
            Grade.WARNING,
            Untranslated(str(problem)),
            Text("`systemctl enable --now mailserver.socket mailserver.service` : systemd les ouvre pour le service"),
        )
    except ports.CannotServe as problem:
        yield Finding(
            "ports",
            Grade.PROBLEM,
            Untranslated(str(problem)),
            Text("arrêtez l’autre serveur ou changez [listen]"),
        )
    else:
        yield Finding(
            "ports",
            Grade.OK,
            Text("tous les ports sont libres (l’instance ne tourne pas)"),
        )


def _ldap(settings: Settings) -> Iterator[Finding]:
    if settings.ldap is None:
        yield Finding("directory", Grade.OK, Text("l’annuaire embarqué est utilisé"))
        return
    from directory.ldap.probe import probe

    problem = probe(settings)
    if problem:
        yield Finding(
            "directory",
            Grade.PROBLEM,
            Untranslated(problem),
            Text("vérifiez [ldap] url, bind_dn et password_file"),
        )
    else:
        yield Finding("directory", Grade.OK, Text("{url} répond", url=settings.ldap.url))


def _lists(settings: Settings) -> Iterator[Finding]:
    """Lists that take mail from outside for people whom a rule keeps from it."""
    try:
        if settings.ldap is not None or not opening.look(place_of(settings)):
            return
        store = Store(
            settings.database_url, settings.data, SystemClock(), Changes(), read_only=True, blobs=folder_of(settings)
        )
        try:
            found = store.read_now(exposed_lists.exposed, ListSettings.of(settings))
        finally:
            store.close()
    except (Temporary, OSError):
        return  # the look at the database has said so
    for one in found[:MAX_LISTS]:
        count = sum(one.members.values())
        who = " ".join(population.value for population in one.members)
        yield Finding(
            "lists",
            Grade.WARNING,
            Text(
                "{address} accepte les messages de l’extérieur, et une règle en protège {count} membres ({who}) : "
                "ils ne les reçoivent pas",
                address=one.address,
                count=count,
                who=who,
            ),
            Untranslated(f"mailserver list set {settings.directory} {one.address} --writers house"),
        )
    if len(found) > MAX_LISTS:
        more = len(found) - MAX_LISTS
        yield Finding("lists", Grade.WARNING, Text("et {more} autres listes", more=more))
