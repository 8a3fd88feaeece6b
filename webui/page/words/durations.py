"""How long before something, in words."""

from webui.page.language import Language


def before(language: Language, minutes: int) -> str:
    """`15 minutes avant`."""
    ngettext = language.texts.ngettext
    if not minutes:
        return language.texts.gettext("à l’heure dite")
    if minutes % (24 * 60) == 0:
        days = minutes // (24 * 60)
        return ngettext("%(n)s jour avant", "%(n)s jours avant", days) % {"n": days}
    if minutes % 60 == 0:
        return ngettext("%(n)s heure avant", "%(n)s heures avant", minutes // 60) % {"n": minutes // 60}
    return ngettext("%(n)s minute avant", "%(n)s minutes avant", minutes) % {"n": minutes}
