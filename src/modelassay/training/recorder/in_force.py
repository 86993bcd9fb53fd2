"""Settings and code in force while training goes on, by digest: a change is an event that names the new one.

Records of steps name the same digests, so that a change of which every event is taken out is missed
(`assessment.in_force`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelassay.canonical import Digest, digest_of
from modelassay.training.importers.lines import flattened
from modelassay.training.recorder.surroundings import code_digests, library_versions, without_secrets

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder


class InForce:
    """What was said last of settings and of code."""

    def __init__(self, recorder: RunRecorder) -> None:
        self._recorder = recorder
        self._configuration: dict[str, str] | None = None
        self._code: dict[str, str] = {}
        self.digests: tuple[Digest | None, Digest | None] = (None, None)
        """Of settings and of code; None of what was never said."""

    def configuration(self, settings: Mapping[str, Any], step: int | None) -> None:
        """See `RunRecorder.configuration`."""
        recorder = self._recorder
        found = without_secrets(flattened(dict(settings)))
        before, self._configuration = self._configuration, found
        if before == found:
            return
        self.digests = (digest_of(found), self.digests[1])
        if before is None:
            recorder.describe(configuration={**found, **recorder.manifest.configuration})
            recorder.event(
                "configuration", step=step, digest=str(self.digests[0]), libraries=library_versions()
            )
            earlier = recorder.place.manifest()
            before = earlier.configuration if earlier is not None else found
        for name in sorted(before.keys() | found.keys()):
            if before.get(name) != found.get(name):
                recorder.event(
                    "configuration.changed",
                    step=step,
                    setting=name,
                    old=before.get(name, ""),
                    new=found.get(name, ""),
                    digest=str(self.digests[0]),
                )

    def code(self, named: Mapping[str, Any], versions: Mapping[str, str], step: int | None) -> None:
        """See `RunRecorder.code`."""
        recorder = self._recorder
        found = {**code_digests(named), **versions}
        if found == self._code:
            return
        changed = {name: each for name, each in found.items() if self._code.get(name) != each}
        first, self._code = not self._code, found
        self.digests = (self.digests[0], digest_of(found))
        if first:
            recorder.describe(code={**found, **recorder.manifest.code})
        body: dict[str, Any] = {"digests" if first else "changed": changed}
        recorder.event("code", step=step, digest=str(self.digests[1]), **body)
