"""A MIME entity that somebody wrote by hand, with none but fields of MIME in its header: nothing else can be said in
ours."""

import re

_FIELD = re.compile(rb"^[!-9;-~]++:[^\n]*+\n(?:[ \t][^\n]*+\n)*+", re.MULTILINE)


def entity(text: str) -> bytes:
    """The octets of an entity, with its header, the blank line behind it, and CRLF at line ends."""
    octets = re.sub(rb"\r\n|\r|\n", b"\r\n", text.replace("\0", "").encode("utf-8", "replace"))
    header, blank, body = octets.partition(b"\r\n\r\n")
    if octets.startswith(b"\r\n"):
        header, blank, body = b"", b"\r\n", octets[2:]
    fields = [field for field in _FIELD.findall(header + b"\r\n") if field[:8].lower() == b"content-"]
    return b"".join(fields) + b"\r\n" + (body if blank else b"")
