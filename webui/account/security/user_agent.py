"""A browser in words, from what it says of itself: enough to recognise one's own devices."""

from mailserver.model.account import programs
from webui.page.context import Guest


def in_words(guest: Guest, agent: str) -> str:
    """`Firefox sous Windows`; nothing of what a stranger's browser said is shown as it is."""
    browser, system = programs.browser(agent)
    if browser and system:
        return guest._("%(browser)s sous %(system)s") % {"browser": browser, "system": system}
    return browser or system or guest._("Navigateur inconnu")
