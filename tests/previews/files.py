"""Small office files, made by hand as their programs write them."""

import io
import zipfile
from collections.abc import Mapping

import openpyxl
from PIL import Image

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_ODF = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"), ("style", "style"),
        ("fo", "xsl-fo-compatible"), ("presentation", "presentation"),
    )
) + ' xmlns:xlink="http://www.w3.org/1999/xlink"'  # fmt: skip


def packed(members: Mapping[str, str | bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A container of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def picture() -> bytes:
    """A PNG that browsers show."""
    file = io.BytesIO()
    Image.new("RGB", (40, 20), "#1c4f8f").save(file, "PNG")
    return file.getvalue()


def docx(body: str, before: str = "") -> bytes:
    """A document with this XML in its body, and before it all."""
    return packed(
        {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" '
            'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
            f'Type="{_RELATION}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/document.xml": f"{before}<w:document {_W}><w:body>{body}</w:body></w:document>",
        }
    )


def word(text: str, style: str = "") -> str:
    """A paragraph of a document."""
    return f"<w:p><w:r><w:rPr>{style}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def added(octets: bytes, members: Mapping[str, str | bytes]) -> bytes:
    """A container with more members."""
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        return packed({**{name: archive.read(name) for name in archive.namelist()}, **members})


def xlsx(rows: list[list[object]], title: str = "Notes", *, hidden: object = None) -> bytes:
    """A workbook of one sheet; `hidden`: and of another one, with this in it, that Excel does not show."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    if hidden is not None:
        bis = book.create_sheet("Bis")
        bis.sheet_state = "hidden"
        bis.append([hidden])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def odf(kind: str, body: str, styles: str = "", more: Mapping[str, bytes] | None = None, manifest: str = "") -> bytes:
    """OpenDocument: `kind` is `text`, `spreadsheet` or `presentation`."""
    return packed(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "META-INF/manifest.xml": manifest,
            "content.xml": f"<office:document-content {_ODF}>"
            f"<office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
            **(more or {}),
        }
    )


def pptx(*slides: tuple[str, list[str]]) -> bytes:
    """A presentation: titles, and lines below them."""
    a = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    p = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    numbers = range(1, len(slides) + 1)
    ids = "".join(f'<p:sldId id="{255 + n}" xmlns:r="{_RELATION}" r:id="r{n}"/>' for n in numbers)
    links = "".join(f'<Relationship Id="r{n}" Target="slides/slide{n}.xml"/>' for n in numbers)
    members = {
        "ppt/presentation.xml": f"<p:presentation {p}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>',
    }
    for number, (title, lines) in enumerate(slides, 1):
        place = '<p:nvSpPr><p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr>'
        shapes = f"<p:sp>{place}<p:txBody>{_drawn(title)}</p:txBody></p:sp>"
        shapes += "".join(f"<p:sp><p:txBody>{_drawn(line)}</p:txBody></p:sp>" for line in lines)
        members[f"ppt/slides/slide{number}.xml"] = (
            f"<p:sld {p} {a}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
        )
    return packed(members)


def _drawn(text: str) -> str:
    return f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>"
