"""What a file is read as, by the ending of its name and, for old formats, by how it begins. Pure."""

from collections.abc import Mapping

DOCUMENTS: Mapping[str, str] = {
    **dict.fromkeys(("docx", "docm", "dotx", "dotm"), "docx"),
    **dict.fromkeys(("xlsx", "xlsm", "xltx", "xltm"), "xlsx"),
    **dict.fromkeys(("pptx", "pptm", "ppsx", "potx"), "pptx"),
    **dict.fromkeys(("odt", "ods", "odp", "ott", "ots", "otp"), "odf"),
    "pdf": "pdf",
}
"""Endings of documents that a process of our own reads (`child`), and as what."""
OLD: Mapping[str, str] = {
    **dict.fromkeys(("doc", "dot"), "doc"),
    **dict.fromkeys(("xls", "xlt"), "xls"),
    **dict.fromkeys(("ppt", "pps", "pot"), "ppt"),
    "rtf": "rtf",
}
"""The same of those that LibreOffice reads, where operators have it (`office_program`)."""
TEXTS = frozenset(("txt", "text", "csv", "tsv", "md", "htm", "html", "xml", "json", "vcf", "ics", "log"))
"""Endings of files that are text, whatever type the program that sent them says: many say
"application/octet-stream", and of a CSV file Windows says "application/vnd.ms-excel"."""
TEXT = "text"
MESSAGE = "eml"
"""The ending of a saved message."""
NEW: Mapping[str, str] = {"doc": "docx", "xls": "xlsx", "ppt": "pptx", "rtf": "docx"}
"""The format that came after one of OLD, which says all that it says."""
_LOOKED_AT = 4096


def ending(name: str) -> str:
    """What stands behind the last point of a name; empty where there is none."""
    return name.rpartition(".")[2].strip().lower() if "." in name else ""


def kind_of_old(kind: str, octets: bytes) -> str:
    """What a file with an ending of OLD is: many a program writes the new format, or a table as text, under it."""
    if octets.startswith(b"PK\x03\x04"):
        return NEW[kind]
    start = octets[:_LOOKED_AT]
    is_text = start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in start
    return TEXT if is_text and not start.startswith(b"{\\rt") else kind


def decoded(octets: bytes) -> str:
    """Text of which nobody says in which characters it is written."""
    if octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return octets.decode("utf-16", "replace")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")
