"""What surrounds every mail page: the folders with their counts, the space used, what has just been done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from mailserver.store import mailboxes
from mailserver.store.access import Reach
from mailserver.store.mailboxes import INBOX, SEPARATOR, Mailbox
from webui.forms import positive
from webui.language import Language
from webui.rail import Application, applications
from webui.visit import COMPLETE, Services, Visit

DRAFTS, SENT, JUNK, TRASH, ARCHIVE = "\\Drafts", "\\Sent", "\\Junk", "\\Trash", "\\Archive"
_ORDER = ("", DRAFTS, SENT, ARCHIVE, JUNK, TRASH)
_ICONS = {DRAFTS: "pencil", SENT: "send", ARCHIVE: "archive", JUNK: "flame", TRASH: "trash-2"}
UNDO_SECONDS = 300
NEARLY_FULL = 0.95


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox as the pages name it."""

    id: int
    title: str
    path: str
    """With the folders above it, for lists of choices."""
    icon: str
    use: str
    depth: int
    count: int
    """Unread messages; in Drafts, all of them; in Trash and Sent none."""
    counted: str
    current: bool
    colour: str = ""
    open: bool = True
    """One may put something into it."""

    @property
    def outgoing(self) -> bool:
        """True where the person is the author and recipients matter."""
        return self.use in (SENT, DRAFTS)

    @property
    def own(self) -> bool:
        """True for a folder the person made."""
        return not self.use and self.icon == "folder"


@dataclass(frozen=True, slots=True)
class Frame:
    """The surroundings of a page."""

    folders: tuple[Folder, ...]
    rail: tuple[Application, ...]
    space: str
    used: int
    quota: int
    query: str = ""
    done: str = ""
    undo: str = ""
    shortage: str = ""
    renewal: str = ""
    """The password has to be renewed soon: by when."""
    closing: str = ""
    """The account will be closed: when."""
    departure: int = 0
    """A letter that has just been sent and can still be called back."""
    draft: int = 0
    """What it would be again."""
    shared: tuple[Folder, ...] = ()
    """Mailboxes of others, where a page shows them."""

    def folder(self, mailbox_id: int) -> Folder:
        """The folder of a mailbox that is in the list."""
        return next(folder for folder in (*self.folders, *self.shared) if folder.id == mailbox_id)

    def use(self, special_use: str) -> Folder | None:
        """The folder of a special use."""
        return next((folder for folder in self.folders if folder.use == special_use), None)


def surround(
    visit: Visit, boxes: Sequence[Mailbox], current: int = 0, query: str = "", shared: Sequence[Reach] = ()
) -> Frame:
    """The frame of a page about the mailbox `current`, 0 for none; `shared`: of others, to be shown beside."""
    language = visit.language
    folders = sorted((folder(visit, box, current) for box in boxes), key=_rank)
    used, quota = sum(box.octets for box in boxes), visit.principal.quota_bytes
    if quota:
        space = visit._("%(used)s utilisés sur %(quota)s") % {
            "used": language.size(used),
            "quota": language.size(quota),
        }
    else:
        space = visit._("%(used)s utilisés") % {"used": language.size(used)}
    shortage = ""
    if quota and used >= quota:
        shortage = visit._("Votre boîte est pleine : vous ne recevez plus de messages.")
    elif quota and used >= quota * NEARLY_FULL:
        shortage = visit._("Votre boîte est presque pleine.")
    renewal = ""
    if visit.renew_before:
        renewal = visit._("Votre mot de passe est à renouveler avant le %(date)s.") % {
            "date": language.plain_date(visit.renew_before)
        }
    closing = ""
    if visit.session.close_at:
        closing = visit._("Votre compte sera fermé le %(date)s.") % {
            "date": language.plain_date(visit.session.close_at)
        }
    return Frame(
        tuple(folders),
        applications(visit) if visit.interface == COMPLETE else (),
        space,
        used,
        quota,
        query,
        announcement(visit),
        visit.query("annuler"),
        shortage,
        renewal,
        closing,
        positive(visit.query("envoi")),
        positive(visit.query("brouillon")),
        tuple(_shared(visit, reach, current) for reach in shared),
    )


async def surroundings(services: Services, visit: Visit) -> Frame:
    """The frame of a page that is about no mailbox."""
    return surround(visit, await services.store.read(mailboxes.listing, visit.account_id))


def _shared(visit: Visit, reach: Reach, current: int) -> Folder:
    """A mailbox of somebody else: named after them, then as they see it."""
    label = reach.name.split(SEPARATOR)[1]
    own = folder(visit, reach.box, current)
    path = f"{label} › {own.path}"
    return replace(own, title=path, path=path, icon="users", depth=0, open="i" in reach.rights)


def _rank(folder: Folder) -> tuple[int, str]:
    if folder.own:
        return len(_ORDER), folder.path.casefold()
    return _ORDER.index(folder.use), ""


def folder(visit: Visit, box: Mailbox, current: int) -> Folder:
    """A mailbox as its owner's pages name it."""
    language = visit.language
    use = box.special_use if box.special_use in _ORDER else ""
    inbox = box.name == INBOX
    levels = box.name.split(SEPARATOR)
    title = inbox_title(language) if inbox else (special_title(language, use) if use else levels[-1])
    icon = "inbox" if inbox else _ICONS.get(use, "folder")
    count = box.messages if use == DRAFTS else 0 if use in (TRASH, SENT) else box.unseen
    counted = (
        language.texts.ngettext("brouillon", "brouillons", count)
        if use == DRAFTS
        else language.texts.ngettext("non lu", "non lus", count)
    )
    path = title if inbox or use else " › ".join(levels)
    depth = 0 if inbox or use else len(levels) - 1
    return Folder(
        box.id, title, path, icon, use, depth, count, counted, box.id == current, visit.preferences.colour(box.id)
    )


def inbox_title(language: Language) -> str:
    return language.texts.gettext("Boîte de réception")


def special_title(language: Language, use: str) -> str:
    """Name of a folder of special use in the reader's language (RFC 6154 leaves it to the client)."""
    _ = language.texts.gettext
    return {
        DRAFTS: _("Brouillons"),
        SENT: _("Envoyés"),
        JUNK: _("Indésirables"),
        TRASH: _("Corbeille"),
        ARCHIVE: _("Archives"),
    }[use]


# ---------------------------------------------------------------------- what has just been done


def done(what: str, count: int = 0, undo: str = "", where: int = 0) -> dict[str, str | int]:
    """Parameters of the address that an action redirects to: what the next page says at its top."""
    return {"fait": what, "n": count, "vers": where, "annuler": undo, "_at": "annonce"}


def announcement(visit: Visit) -> str:
    """The sentence for what the address says was done; only our own words, never the address's."""
    count = min(positive(visit.query("n")), 999_999)
    _ = visit._
    ngettext = visit.language.texts.ngettext
    sentences = {
        "supprimer": ngettext("%(n)s message mis à la corbeille.", "%(n)s messages mis à la corbeille.", count),
        "effacer": ngettext("%(n)s message effacé.", "%(n)s messages effacés.", count),
        "archiver": ngettext("%(n)s message archivé.", "%(n)s messages archivés.", count),
        "indesirable": ngettext(
            "%(n)s message signalé comme indésirable.", "%(n)s messages signalés comme indésirables.", count
        ),
        "desirable": ngettext(
            "%(n)s message remis dans la boîte de réception.",
            "%(n)s messages remis dans la boîte de réception.",
            count,
        ),
        "deplacer": ngettext("%(n)s message déplacé.", "%(n)s messages déplacés.", count),
        "lu": ngettext("%(n)s message marqué comme lu.", "%(n)s messages marqués comme lus.", count),
        "nonlu": ngettext("%(n)s message marqué comme non lu.", "%(n)s messages marqués comme non lus.", count),
        "plussuivre": ngettext("%(n)s message n’est plus suivi.", "%(n)s messages ne sont plus suivis.", count),
        "copier": ngettext("%(n)s message copié.", "%(n)s messages copiés.", count),
        "reporter": ngettext(
            "%(n)s message reporté : il reviendra en son temps.",
            "%(n)s messages reportés : ils reviendront en leur temps.",
            count,
        ),
        "etiqueter": ngettext("%(n)s message étiqueté.", "%(n)s messages étiquetés.", count),
        "desetiqueter": ngettext("Étiquette retirée de %(n)s message.", "Étiquette retirée de %(n)s messages.", count),
        "demasquer": ngettext(
            "%(n)s conversation n’est plus masquée.", "%(n)s conversations ne sont plus masquées.", count
        ),
        "quand": _("Choisissez un moment à venir pour reporter ces messages."),
        "quelle-etiquette": _("Choisissez une étiquette dans la liste."),
        "suivre": ngettext("%(n)s message suivi.", "%(n)s messages suivis.", count),
        "annuler": ngettext("%(n)s message remis à sa place.", "%(n)s messages remis à leur place.", count),
        "rien": _("Aucun message n’était coché : rien n’a changé."),
        "ou": _("Choisissez un dossier dans la liste « Déplacer vers »."),
        "tard": _("Il est trop tard pour annuler."),
        "envoye": _("Message envoyé."),
        "brouillon": _("Brouillon enregistré."),
        "part": ngettext("Envoi dans %(n)s seconde.", "Envoi dans %(n)s secondes.", count),
        "programme": _("Envoi programmé."),
        "rappele": _("Envoi annulé : votre message est de nouveau un brouillon."),
        "parti": _("Il est trop tard : le message est parti."),
        "ecriture": _("Signatures et modèles enregistrés."),
        "abandon": _("Brouillon mis à la corbeille."),
        "cree": _("Dossier créé."),
        "renomme": _("Dossier renommé."),
        "dossier": _("Dossier supprimé."),
        "dossier-lu": ngettext("%(n)s message marqué comme lu.", "%(n)s messages marqués comme lus.", count),
        "partage": _("Partage enregistré."),
        "partage-retire": _("Partage retiré."),
        "reglages": _("Réglages enregistrés."),
        "recherche-gardee": _("Recherche gardée : elle est à côté de vos dossiers."),
        "recherche-oubliee": _("Recherche retirée."),
        "recherche-refusee": _(
            "Cette recherche n’a pas pu être gardée : il y en a déjà trop, ou le nom ne convient pas."
        ),
        "recherches-effacees": _("Vos dernières recherches sont oubliées."),
        "liste-faite": _("Liste créée."),
        "liste-gardee": _("Liste enregistrée."),
        "liste-supprimee": _("Liste supprimée."),
        "contact-garde": _("Fiche enregistrée."),
        "contact-supprime": _("Fiche supprimée."),
        "groupe-garde": _("Groupe enregistré."),
        "carnet-garde": _("Carnet enregistré."),
        "carnet-supprime": _("Carnet supprimé avec ses contacts."),
        "boite-remise": _("Boîte remise : ses titulaires sont à jour."),
        "fusion": _("Fiches réunies en une seule."),
        "message-accepte": _("Message envoyé à la liste."),
        "message-refuse": _("Message refusé. Son auteur est prévenu s’il est de l’académie."),
        "session": _("Session fermée."),
        "sessions": _("Vos autres sessions sont fermées, sur tous vos appareils."),
        "revoque": _("Mot de passe d’application révoqué."),
        "simple": _("Double authentification désactivée."),
        "secours": ngettext(
            "Code de secours accepté. Il vous en reste %(n)s.",
            "Code de secours accepté. Il vous en reste %(n)s.",
            count,
        ),
        "compte-suspendu": _("Ce compte est suspendu : il ne peut pas recevoir de code."),
        "motdepasse": _("Mot de passe changé. Vos autres sessions sont fermées."),
        "secours-envoye": _("Un code a été envoyé à cette adresse. Saisissez-le ci-dessous."),
        "secours-bon": _("Adresse de secours enregistrée."),
        "secours-retire": _("Adresse de secours retirée."),
        "retrouve": _("Votre texte est là : relisez-le, puis envoyez-le."),
        "fichiers": _("Votre texte est là. Ajoutez de nouveau vos pièces jointes, relisez-le, puis envoyez-le."),
    }
    sentence = sentences.get(visit.query("fait"), "")
    return sentence % {"n": visit.language.number(count)} if sentence else ""


def query_string(**parameters: str | int) -> str:
    """Parameters of an address; empty ones are left out."""
    return urlencode({name: value for name, value in parameters.items() if value not in ("", 0)})
