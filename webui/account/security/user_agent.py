"""A browser in words, from what it says of itself (RFC 9110 section 10.1.5): enough to recognise one's own devices."""

from webui.page.context import Guest

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Chromium", "Chromium"),
    ("Safari", "Safari"),
)
"""The first that is found: most browsers name others, too."""
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def in_words(guest: Guest, agent: str) -> str:
    """`Firefox sous Windows`; nothing of what a stranger's browser said is shown as it is."""
    browser = _first(_BROWSERS, agent)
    system = _first(_SYSTEMS, agent)
    if browser and system:
        return guest._("%(browser)s sous %(system)s") % {"browser": browser, "system": system}
    return browser or system or guest._("Navigateur inconnu")


def _first(known: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for sign, name in known if sign in agent), "")
