"""How a file can be looked at here, by the type it claims and its ending; what it is shows when it is opened. Pure."""

from collections.abc import Mapping

from mailserver.mime import Part
from mailserver.previews import office_program

IMAGE, PDF, TEXT, OFFICE, PAGES, SOUND, VIDEO, EVENTS, CARDS, MESSAGE = (
    "image", "pdf", "texte", "bureau", "pages", "son", "video", "agenda", "fiches", "message"
)  # fmt: skip
_FAMILIES: Mapping[str, str] = {
    "document": "docx odt ott doc rtf docm pages",
    "tableur": "xlsx ods csv tsv xls xlsm numbers",
    "diaporama": "pptx odp ppt pps ppsx pptm key",
    "image": "png jpg jpeg gif bmp webp avif svg heic tif tiff",
    "son": "mp3 m4a ogg oga opus wav flac aac",
    "video": "mp4 m4v webm ogv mov avi mkv",
    "archive": "zip rar 7z gz tar tgz bz2 xz",
    "texte": "txt md log tex json yaml yml toml ini cfg conf py js ts css java c h cpp cs go rs php rb sql xml sh srt",
    "agenda": "ics",
    "fiches": "vcf vcard",
    "message": "eml",
    "pdf": "pdf",
}
_FAMILY = {ending: family for family, endings in _FAMILIES.items() for ending in endings.split()}
CONVERTERS: Mapping[str, str] = {
    "docx": "docx", "xlsx": "xlsx", "pptx": "pptx", "csv": "csv", "tsv": "csv",
    "odt": "odf", "ott": "odf", "ods": "odf", "odp": "odf",
}  # fmt: skip
"""The kinds of `mailserver.previews`, by ending."""
MEDIA: Mapping[str, str] = {
    "mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac", "ogg": "audio/ogg", "oga": "audio/ogg",
    "opus": "audio/ogg", "wav": "audio/wav", "flac": "audio/flac",
    "mp4": "video/mp4", "m4v": "video/mp4", "mov": "video/mp4", "webm": "video/webm", "ogv": "video/ogg",
}  # fmt: skip
"""What browsers are told of sound and video: a type of ours, never the sender's."""
_NOT_SHOWN = frozenset({"svg", "heic", "tif", "tiff"})
_OFFICE_XML = "application/vnd.openxmlformats-officedocument."
_OASIS = "application/vnd.oasis.opendocument."
_ENDINGS: Mapping[str, str] = {
    "application/pdf": "pdf", "image/jpg": "jpg", "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif",
    "image/bmp": "bmp", "image/webp": "webp", "image/avif": "avif", "image/svg+xml": "svg",
    f"{_OFFICE_XML}wordprocessingml.document": "docx", f"{_OFFICE_XML}spreadsheetml.sheet": "xlsx",
    f"{_OFFICE_XML}presentationml.presentation": "pptx",
    f"{_OASIS}text": "odt", f"{_OASIS}spreadsheet": "ods", f"{_OASIS}presentation": "odp",
    "application/msword": "doc", "application/vnd.ms-excel": "xls", "application/vnd.ms-powerpoint": "ppt",
    "application/rtf": "rtf", "text/rtf": "rtf", "text/csv": "csv", "text/tab-separated-values": "tsv",
    "text/markdown": "md", "text/calendar": "ics",
    "text/vcard": "vcf", "text/x-vcard": "vcf", "text/directory": "vcf",
    "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/mp4": "m4a", "audio/x-m4a": "m4a", "audio/aac": "aac",
    "audio/ogg": "ogg", "audio/opus": "opus", "audio/wav": "wav", "audio/x-wav": "wav", "audio/flac": "flac",
    "video/mp4": "mp4", "video/webm": "webm", "video/ogg": "ogv", "video/quicktime": "mov", "application/zip": "zip",
}  # fmt: skip
"""The ending that stands for a type. Programs that do not know a type say `application/octet-stream`, `text/plain`, or
that of Excel for every table: then the name counts."""
_BY_NAME = frozenset({"", "application/zip", "application/vnd.ms-excel", "text/plain", "application/octet-stream"})


def ending(part: Part) -> str:
    """What a file is by its type, or by its name where the type says nothing; empty for what nobody knows."""
    named = part.filename.rpartition(".")[2].lower() if "." in part.filename else ""
    if part.is_message:
        return "eml"
    if part.type not in _BY_NAME and part.type in _ENDINGS:
        return _ENDINGS[part.type]
    if named in _FAMILY and part.type != "text/html":
        return named
    return "txt" if part.type == "text/plain" else _ENDINGS.get(part.type, "")


def family(part: Part) -> str:
    """What people would call it; empty for a file of its own kind."""
    return _FAMILY.get(ending(part), "")


def kind(part: Part, *, as_pages: bool = False) -> str:
    """How it is shown here; empty: it can only be saved. `as_pages`: there is a program that makes PDF of old files."""
    found = ending(part)
    if found in CONVERTERS:
        return OFFICE
    if found in office_program.KINDS:
        return PAGES if as_pages else ""
    if found in MEDIA:
        return SOUND if MEDIA[found].startswith("audio/") else VIDEO
    called = _FAMILY.get(found, "")
    shown = called in (IMAGE, PDF, TEXT, EVENTS, CARDS) or (called == MESSAGE and part.is_message)
    return called if shown and found not in _NOT_SHOWN else ""
