"""Octets to text, whatever the label says.

Names come from hostile mail, so they are looked up in a fixed table and never reach `codecs.lookup`,
which remembers every name it was ever asked for.
"""

import codecs
import encodings.aliases
import re

_NOT_TEXT = {
    "base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec",
    "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "charmap", "palmos",
}  # fmt: skip

# What senders mean rather than what they say: each is the superset that browsers use for the label
# (WHATWG Encoding, "names and labels").
_MEANT = {
    "ascii": "cp1252",
    "latin_1": "cp1252",
    "iso8859_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}

_MORE_NAMES = {
    "unicode11utf7": "utf_7",
    "ksc56011987": "cp949",
    "ksc5601": "cp949",
    "xsjis": "cp932",
    "windows31j": "cp932",
    "xgbk": "gb18030",
    "xeucjp": "euc_jp",
    "xbig5": "big5hkscs",
    "macintosh": "mac_roman",
    "xmacroman": "mac_roman",
    "xmaccyrillic": "mac_cyrillic",
    "iso88598i": "iso8859_8",
    "iso88598e": "iso8859_8",
    "utf8mb4": "utf_8",
    "unicode": "utf_16",
    "ansi": "cp1252",
    "default": "cp1252",
    "xuserdefined": "cp1252",
}

_SQUEEZE = re.compile(r"[^a-z0-9]+")


def _table() -> dict[str, str]:
    names: dict[str, str] = {}
    known = set(encodings.aliases.aliases.values()) | {"utf_8", "cp874", "cp1252", "cp1254", "gb18030", "koi8_u"}
    for codec in known - _NOT_TEXT:
        try:
            codecs.lookup(codec)
        except LookupError:
            continue
        names[_SQUEEZE.sub("", codec)] = _MEANT.get(codec, codec)
    for alias, codec in encodings.aliases.aliases.items():
        if codec not in _NOT_TEXT:
            names.setdefault(_SQUEEZE.sub("", alias), _MEANT.get(codec, codec))
    for number in range(1250, 1259):
        names[f"windows{number}"] = f"cp{number}"
    names.update(_MORE_NAMES)
    return names


_CODECS = _table()


def codec(name: str) -> str | None:
    """The codec a charset label means; None when nobody knows it."""
    return _CODECS.get(_SQUEEZE.sub("", name[:64].lower()))


def decode(octets: bytes, name: str) -> str:
    """The text of the octets. Never raises: what the charset does not allow becomes U+FFFD."""
    if octets.isascii() and not _escapes(name):
        return octets.decode("ascii")
    lower = name.lower()
    if lower == "utf-8" or lower == "utf8":
        return octets.decode("utf-8", "replace")
    meant = codec(lower)
    if meant is None or lower == "us-ascii" or lower == "ascii":
        return guess(octets)
    if b"\n" in octets and meant.startswith("utf_16"):
        # A body labelled UTF-16 that has lines of octets is something else, mislabelled.
        sample = octets[:200]
        if sample.count(b"\0") * 4 < len(sample):
            return guess(octets)
    try:
        return octets.decode(meant, "replace")
    except (UnicodeError, LookupError):
        return guess(octets)


def _escapes(name: str) -> bool:
    """True for the charsets in which ASCII octets may mean something else."""
    return name[:3].lower() in ("iso", "utf", "hz-", "csi", "uni", "ibm", "hz") and (codec(name) or "").startswith(
        ("iso2022", "utf_7", "utf_16", "utf_32", "hz", "cp037", "cp500", "cp424", "cp875", "cp1026", "cp1140", "cp273")
    )


def guess(octets: bytes) -> str:
    """Unlabelled octets: UTF-8 if they are that, Windows-1252 otherwise."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")
