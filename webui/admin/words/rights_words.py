"""Who was given which right, in words: rows of the record keep the letters of RFC 4314, and names of rights."""

from collections.abc import Mapping

from mailserver.texts.causes import Cause
from webui.page.context import Visit

NOBODY = frozenset(("nothing", "left", ""))
"""What rows say where no right is left."""


def box_holders(visit: Visit, cause: Cause) -> str:
    """`address: one read write; other read` as a sentence."""
    words = _box_words(visit)
    parts = []
    for one in str(cause.values["holders"]).split("; "):
        who, *rights = one.split(" ")
        told = ", ".join(words.get(right, right) for right in rights)
        parts.append(visit._("%(who)s peut %(what)s") % {"who": who, "what": told} if told else who)
    return f"{cause.values['address']}{visit._(' :')} {' ; '.join(parts)}"


def box_holder(visit: Visit, cause: Cause) -> str:
    """What somebody may do in a box now, and what they might before."""
    _, words = visit._, _box_words(visit)
    before, after = (
        ", ".join(words.get(str(word), str(word)) for word in cause.values[name] if word not in NOBODY)
        for name in ("before", "after")
    )
    said = _("%(place)s : %(who)s peut %(what)s") if after else _("%(place)s : %(who)s n’a plus de droit")
    text = said % {"place": cause.values["address"], "who": cause.values["who"], "what": after}
    return _("%(change)s (avant : %(before)s)") % {"change": text, "before": before} if before else text


def mailbox_rights(visit: Visit, cause: Cause) -> str:
    """Of a folder, an agenda or an address book."""
    _ = visit._
    place, who = str(cause.values["mailbox"]).removeprefix("/dav/ "), str(cause.values["who"])
    kept = str(cause.values["rights"][0]) if cause.values["rights"] else ""
    if kept in NOBODY:
        return _("%(place)s : %(who)s n’a plus de droit") % {"place": place, "who": who.removeprefix("-")}
    told = _shared_words(visit).get(kept) or _letters(visit, kept)
    text = (
        _("%(place)s : %(who)s ne peut pas %(what)s") if who.startswith("-") else _("%(place)s : %(who)s peut %(what)s")
    )
    return text % {"place": place, "who": who.removeprefix("-"), "what": told}


def _box_words(visit: Visit) -> Mapping[str, str]:
    _ = visit._
    return {"read": _("lire"), "write": _("classer"), "manage": _("gérer"), "send": _("écrire en son nom")}


def _shared_words(visit: Visit) -> Mapping[str, str]:
    """Of agendas and address books; none of these names is a set of letters as rows have them, which are in order."""
    _ = visit._
    return {"times": _("voir les disponibilités"), "read": _("lire"), "write": _("lire et modifier")}


def _letters(visit: Visit, rights: str) -> str:
    """Letters of rights, those that belong together as one word; what is none stands as it is."""
    _ = visit._
    known = (
        ("lr", _("lire")),
        ("sw", _("marquer")),
        ("ip", _("déposer")),
        ("te", _("supprimer")),
        ("kx", _("changer les dossiers")),
        ("a", _("donner des droits")),
    )
    if not set(rights) <= set("lrswipkxtea"):
        return rights
    return ", ".join(words for letters, words in known if set(letters) & set(rights))
