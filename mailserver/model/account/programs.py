"""Kinds of programs that people log in with: the door says which, and of a browser what it says of itself.

Names are our own words: nothing that a stranger's program said is kept or shown as it is (RFC 9110 section 10.1.5).
"""

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
WEB, MAIL, AGENDA, ADDRESSES = "web", "mail", "agenda", "addresses"
_DOORS = {"web": WEB, "dav": AGENDA, "ldap": ADDRESSES}
"""All others are those of mail programs."""


def browser(agent: str) -> tuple[str, str]:
    """A browser and its system; empty where they are not known."""
    return _first(_BROWSERS, agent), _first(_SYSTEMS, agent)


def kind(service: str, agent: str = "") -> str:
    """What logs in: `Firefox Windows`, `web` for a browser that is not known, `mail` for any mail program."""
    door = _DOORS.get(service, MAIL)
    return (" ".join(filter(None, browser(agent))) or WEB) if door == WEB else door


def is_browser(program: str) -> bool:
    """Whether a kind is one of browsers."""
    return program not in (MAIL, AGENDA, ADDRESSES)


def _first(known: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for sign, name in known if sign in agent), "")
