"""A strict reader of IMAP values, so that tests see what a client sees: it accepts nothing but the grammar."""

Value = str | int | None | list["Value"]


def read(octets: bytes) -> Value:
    """The one parenthesised value these octets are. Raises ValueError on anything RFC 3501 does not allow."""
    text = octets.decode("ascii")
    value, at = _value(text, 0)
    if at != len(text):
        raise ValueError(f"left over: {text[at:]!r}")
    return value


def _value(text: str, at: int) -> tuple[Value, int]:
    if text.startswith("NIL", at):
        return None, at + 3
    if text[at] == '"':
        return _quoted(text, at + 1)
    if text[at] == "(":
        return _list(text, at + 1)
    end = at
    while end < len(text) and text[end].isdigit():
        end += 1
    return int(text[at:end]), end


def _quoted(text: str, at: int) -> tuple[str, int]:
    out = []
    while text[at] != '"':
        if text[at] in "\r\n\0":
            raise ValueError("control character in a quoted string")
        if text[at] == "\\":
            at += 1
            if text[at] not in '"\\':
                raise ValueError("bad escape")
        out.append(text[at])
        at += 1
    return "".join(out), at + 1


def _list(text: str, at: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    while text[at] != ")":
        if items and text[at] == " ":
            at += 1
        elif items and not (text[at] == "(" and isinstance(items[-1], list)):
            raise ValueError(f"no space before {text[at:]!r}")  # only (a)(b) go without
        value, at = _value(text, at)
        items.append(value)
    return items, at + 1


def check_envelope(value: Value) -> None:
    """RFC 3501 section 9 `envelope`."""
    assert isinstance(value, list)
    assert len(value) == 10
    for position, field in enumerate(value):
        if 2 <= position <= 7:
            assert field is None or (isinstance(field, list) and field)
            for address in field or []:
                assert isinstance(address, list)
                assert len(address) == 4
                assert all(part is None or isinstance(part, str) for part in address)
        else:
            assert field is None or isinstance(field, str)


def check_body(value: Value, *, extended: bool, depth: int = 0) -> None:
    """RFC 3501 section 9 `body`."""
    assert depth <= 200
    assert isinstance(value, list)
    if isinstance(value[0], list):
        parts = [item for item in value if isinstance(item, list)]
        count = next(index for index, item in enumerate(value) if not isinstance(item, list))
        for part in parts[:count]:
            check_body(part, extended=extended, depth=depth + 1)
        rest = value[count:]
        assert isinstance(rest[0], str)
        assert rest[0]
        if extended:
            assert len(rest) == 5
            _check_parameters(rest[1])
            _check_extension(rest[2:])
        else:
            assert len(rest) == 1
        return
    kind, subtype, parameters, content_id, description, encoding, octets, *rest = value
    assert kind
    assert isinstance(kind, str)
    assert subtype
    assert isinstance(subtype, str)
    _check_parameters(parameters)
    assert content_id is None or isinstance(content_id, str)
    assert description is None or isinstance(description, str)
    assert encoding
    assert isinstance(encoding, str)
    assert isinstance(octets, int)
    if kind == "text":
        assert isinstance(rest.pop(0), int)
    elif kind == "message" and subtype == "rfc822":
        check_envelope(rest.pop(0))
        check_body(rest.pop(0), extended=extended, depth=depth + 1)
        assert isinstance(rest.pop(0), int)
    if extended:
        assert len(rest) == 4
        assert rest[0] is None or isinstance(rest[0], str)
        _check_extension(rest[1:])
    else:
        assert not rest


def _check_parameters(value: Value) -> None:
    if value is not None:
        assert isinstance(value, list)
        assert value
        assert len(value) % 2 == 0
        assert all(isinstance(item, str) for item in value)


def _check_extension(rest: list[Value]) -> None:
    disposition, language, location = rest
    if disposition is not None:
        assert isinstance(disposition, list)
        name, parameters = disposition
        assert isinstance(name, str)
        _check_parameters(parameters)
    assert language is None or isinstance(language, (str, list))
    assert location is None or isinstance(location, str)
