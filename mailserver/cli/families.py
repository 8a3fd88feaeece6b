"""Every command family: its name, what `--help` says of it, where it is. Imported is the one that is asked for."""

from collections.abc import Callable

import typer

from mailserver.cli.on_demand import Families
from mailserver.texts.command_line import _

families = Families()


@families.add(
    "init",
    _(
        "Créer une instance : réglages, clés, autorité et certificat, base de données. Ne demande "
        "rien.\n\n"
        "Avec --database et un DIR dont les réglages nomment déjà cette base, et qui n’a pas de "
        "courrier, seulement la base."
    ),
)
def _init() -> Callable[..., None]:
    from mailserver.cli.service.init import init

    return init


@families.add("serve", _("Ouvrir toutes les portes et servir jusqu’à Ctrl-C."))
def _serve() -> Callable[..., None]:
    from mailserver.cli.service.serve import serve

    return serve


@families.add(
    "restart",
    _("Remplacer les processus qui servent par ceux du programme installé, sans qu’aucune connexion soit refusée."),
)
def _restart() -> Callable[..., None]:
    from mailserver.cli.service.restart import restart

    return restart


@families.add(
    "import",
    _(
        "Créer et mettre à jour des personnes d’après un export, après avoir montré ce qui change "
        "; annulable pendant un jour.\n\n"
        "Colonnes de people.csv : given_name, surname et role (teacher, staff, pupil, secretariat, "
        "admin) sont exigées ;\n"
        "birth_date, numen, ine, uai, discipline, login, password, recovery_address, title, "
        "functions, classes, groups et\n"
        "hidden peuvent y être. Une cellule vide ne dit rien.\n\n"
        "L’AAF se reconnaît à son contenu. Un export complet des personnels et des élèves ferme "
        "les comptes de ceux qui manquent,\n"
        "après `accounts.leaver_days` ; un delta change ce qu’il nomme.\n\n"
        "Un import interrompu reprend quand on le relance. Importer deux fois un fichier ne change "
        "rien.\n\n"
        "Codes de retour : 0 fait ; 1 des lignes ont été refusées, ou trop de personnes "
        "partiraient (le rapport dit lesquelles) ; 2 un fichier\n"
        "ne peut pas servir, et rien n’a été écrit."
    ),
)
def _import() -> Callable[..., None]:
    from mailserver.cli.imports.run import import_people

    return import_people


@families.add("filters", _("Montrer les filtres de messages d’un compte (scripts Sieve), ou les arrêter."))
def _filters() -> Callable[..., None]:
    from mailserver.cli.mail.filters import filters

    return filters


@families.add(
    "peers", _("Montrer ce que les serveurs les plus actifs ont apporté sur le port smtp depuis une heure ou deux.")
)
def _peers() -> Callable[..., None]:
    from mailserver.cli.outgoing.peers import peers

    return peers


@families.add(
    "trace",
    _(
        "Montrer ce que sont devenus des messages, du plus récent au plus ancien : chaque étape avec son heure, sa "
        "cause et la réponse de l’autre serveur, et ce qui attend encore. Code de retour 1 : rien n’est trouvé."
    ),
)
def _trace() -> Callable[..., None]:
    from mailserver.cli.mail.tracing import trace

    return trace


@families.add(
    "recover",
    _(
        "Montrer les messages qu’une personne a supprimés définitivement et qui sont encore gardés, ou les "
        "remettre où ils étaient (--all).\n\n"
        "Code de retour 1 : la boîte n’a pas assez de place pour tous."
    ),
)
def _recover() -> Callable[..., None]:
    from mailserver.cli.backups.recover import recover

    return recover


@families.add(
    "backup",
    _(
        "Sauvegarder l’instance pendant qu’elle sert, chiffrée, puis relire ce qui a été sauvé. Code de "
        "retour 1 : la sauvegarde n’est pas bonne.\n\n"
        "Seul ce qui est nouveau est écrit. La première fois, --init crée la sauvegarde."
    ),
)
def _backup() -> Callable[..., None]:
    from mailserver.cli.backups.backup import backup

    return backup


@families.add(
    "export",
    _(
        "Écrire tout ce qu’un compte contient dans un fichier zip : courrier, agendas, contacts, "
        "profil. Les comptes fermés aussi.\n\n"
        "Code de retour 1 : des messages sont abîmés dans le stockage ; le fichier les nomme et "
        "contient tous les autres."
    ),
)
def _export() -> Callable[..., None]:
    from mailserver.cli.accounts.export import export

    return export


@families.add(
    "move",
    _(
        "Déplacer une instance vers PostgreSQL et un stockage d’objets ou un dossier partagé, ou en revenir.\n\n"
        "Lancée pendant que le service tourne, la commande apporte tout ce qui est là ; arrêtez alors le service et "
        "relancez-la :\n"
        "elle apporte le reste, compare tout et change les réglages. Interrompue, elle reprend. Ce qui est quitté "
        "reste tel quel,\n"
        "marqué comme déplacé. Code de retour 1 : le déplacement n’est pas terminé."
    ),
)
def _move() -> Callable[..., None]:
    from mailserver.cli.service.move import move

    return move


@families.add(
    "restore",
    _(
        "Restaurer une instance entière dans un dossier vide (et une base PostgreSQL vide) ; ou, avec --account ou "
        "--mailing-list, une partie d’une sauvegarde dans l’instance DIR, qui peut être servie.\n\n"
        "De l’entière, ce qui attendait dans la file de sortie est retenu : c’est peut-être déjà parti. D’un compte "
        "revient ce qui n’y est plus, à côté de ce qui est là : rien n’est remplacé, et son titulaire l’apprend ; "
        "interrompue, la restauration se recommence. Code de retour 1 : tout n’a pas pu revenir."
    ),
)
def _restore() -> Callable[..., None]:
    from mailserver.cli.backups.restore import restore

    return restore


@families.add(
    "upgrade",
    _("Mettre la base à jour pour la version installée ; dire avant ce que cela fait, ou revenir en arrière."),
)
def _upgrade() -> Callable[..., None]:
    from mailserver.cli.service.upgrade import upgrade

    return upgrade


@families.add("migrate", _("La même commande que upgrade."))
def _migrate() -> Callable[..., None]:
    return _upgrade()


@families.add(
    "check",
    _(
        "Passer en revue réglages, secrets, TLS, base de données, ports, annuaire et DNS. Code de "
        "retour 1 : il faut corriger quelque chose.\n\n"
        "Ne change rien. --repair le fait : les compteurs et l’index de recherche sont refaits "
        "d’après les messages, des fichiers\n"
        "reviennent de la quarantaine, les messages abîmés ou perdus sont marqués ; rien n’est "
        "jeté. Le serveur peut tourner pendant ce temps."
    ),
)
def _check() -> Callable[..., None]:
    from mailserver.cli.service.check import check

    return check


@families.add(
    "dns",
    _(
        "Écrire les enregistrements DNS à publier : MX, SPF, DKIM, DMARC, MTA-STS, TLS-RPT, DANE, SRV, autoconfig.\n\n"
        "Ne demande rien à personne ; `mailserver check` compare avec ce qui est publié."
    ),
)
def _dns() -> Callable[..., None]:
    from mailserver.cli.service.zone import dns

    return dns


@families.add(
    "job", _("Exécuter un travail de la console. Code de retour 1 : ce travail n’est pas à faire."), hidden=True
)
def _job() -> Callable[..., None]:
    from mailserver.cli.imports.job import job

    return job


@families.add("imports", _("Ce que les imports ont fait ; en annuler un."))
def _imports() -> typer.Typer:
    from mailserver.cli.imports import history

    return history.app


@families.add("account", _("Les comptes des personnes."))
def _account() -> typer.Typer:
    from mailserver.cli.accounts import account, change, states

    for verb in (
        states.suspend,
        states.resume,
        states.close,
        states.delete,
        states.keep,
        states.restore,
        states.erase,
        change.change,
        change.hide,
        change.unhide,
        change.quota,
    ):
        account.app.command()(verb)
    return account.app


@families.add("list", _("Listes de diffusion et boîtes fonctionnelles."))
def _list() -> typer.Typer:
    from mailserver.cli.lists import archives, bounces, functional_boxes, lists, moderation, reading

    app = typer.Typer(no_args_is_help=True)
    app.command()(lists.create)
    app.command()(reading.show)
    app.command()(lists.members)
    app.command("set")(lists.set_)
    app.command()(lists.delete)
    app.command()(reading.preview)
    app.command("held")(moderation.held_)
    app.command()(bounces.bounces)
    app.command()(archives.archive)
    app.command()(moderation.approve)
    app.command()(moderation.reject)
    app.command()(functional_boxes.holders)
    app.command()(functional_boxes.acts)
    return app


@families.add("bulletins", _("Annonces et maintenance de l’interface web."))
def _bulletins() -> typer.Typer:
    from mailserver.cli import bulletins

    return bulletins.app


@families.add("quiet", _("Droit à la déconnexion : les heures de repos."))
def _quiet() -> typer.Typer:
    from mailserver.cli import quiet

    return quiet.app


@families.add("rules", _("Qui peut écrire à qui ; le frein d’urgence."))
def _rules() -> typer.Typer:
    from mailserver.cli.mail import rules

    return rules.app


@families.add("mailings", _("Envois en nombre : qui les reçoit, les approuver, les arrêter, les annuler."))
def _mailings() -> typer.Typer:
    from mailserver.cli.mail import mailings

    return mailings.app


@families.add("sending", _("Qui envoie beaucoup, ce qui est retenu, qui peut envoyer plus."))
def _sending() -> typer.Typer:
    from mailserver.cli.outgoing import sending

    return sending.app


@families.add("queue", _("Le courrier qui part."))
def _queue() -> typer.Typer:
    from mailserver.cli.outgoing import outgoing_queue, queue_route

    outgoing_queue.app.command("route")(queue_route.route)
    return outgoing_queue.app


@families.add("junk", _("Le filtre des indésirables, et les messages infectés qui sont retenus."))
def _junk() -> typer.Typer:
    from mailserver.cli.mail import junk

    return junk.app


@families.add("withdraw", _("Retirer un message de toutes les boîtes, ou l’y remettre."))
def _withdraw() -> typer.Typer:
    from mailserver.cli.mail import withdraw

    return withdraw.app


@families.add("reports", _("Ce que d’autres serveurs disent de notre courrier (DMARC, TLS-RPT)."))
def _reports() -> typer.Typer:
    from mailserver.cli.outgoing import reports, tls_report

    reports.app.command()(tls_report.tls)
    return reports.app


@families.add("storage", _("Ce qu’un opérateur décide du courrier conservé et de son entretien."))
def _storage() -> typer.Typer:
    from mailserver.cli import storage

    return storage.app


@families.add("certificate", _("Les certificats du service ; en obtenir un par ACME."))
def _certificate() -> typer.Typer:
    from mailserver.cli.service import certificate

    return certificate.app


@families.add("dkim", _("Les clés qui signent le courrier : en faire, les remplacer, les retirer."))
def _dkim() -> typer.Typer:
    from mailserver.cli.outgoing import dkim

    return dkim.app
