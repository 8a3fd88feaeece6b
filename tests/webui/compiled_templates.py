"""Templates are compiled once by each process of tests, not once by each of its hundreds of houses."""

from collections import defaultdict
from types import CodeType

from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

from webui.http.assets import Assets
from webui.page import rendering
from webui.page.language import Language

_make = rendering.environment


class _Compiled(BytecodeCache):
    """Templates that this process has compiled: one house after the other shows the same ones."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._known[bucket.key, bucket.checksum] = bucket.code


_compiled: defaultdict[str, _Compiled] = defaultdict(_Compiled)
"""By language: what a filter makes of a constant is compiled, too."""


def environment(language: Language, site: rendering.Site, assets: Assets) -> Environment:
    """What a `House` makes its pages with."""
    made = _make(language, site, assets)
    made.bytecode_cache = _compiled[language.code]
    return made
