"""Reports: pure functions of a finished audit's record.

`view` arranges the record, the renderers draw it: `html`, `markdown`, `junit`, `machine` (JSON). They
know nothing of the store, the models or the gate; read `view` first.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelassay import plugins
from modelassay.errors import UnknownNameError
from modelassay.protocols import Renderer


def renderer_for(path: str) -> Renderer:
    """The renderer that the suffix of `path` chooses; the longest suffix, where several fit.

    Raises:
        UnknownNameError: no installed renderer writes such files.
    """
    renderers = list(all_renderers())
    fitting = [renderer for renderer in renderers if path.endswith(renderer.suffix)]
    if not fitting:
        raise UnknownNameError("report format", path, (f"*{r.suffix}" for r in renderers))
    return max(fitting, key=lambda renderer: len(renderer.suffix))


def all_renderers() -> Iterable[Renderer]:
    """Every installed renderer."""
    for name in plugins.names("renderers"):
        yield plugins.load("renderers", name)()
