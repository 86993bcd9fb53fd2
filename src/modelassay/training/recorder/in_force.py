"""Settings and code in force while training goes on, by digest: a change is an event that names the new one.

Records of steps name the same digests, so that a change of which every event is taken out is missed
(`assessment.in_force`). Settings of a process that resumes a run are held against those that were in force
last in the same rank, not against the manifest, which has those of the run's first process for ever: else a
return to them would be no change, and what was told long ago would be told again. They are kept in a file
beside the record, since events of a process that was killed may not be written up yet when the next one
begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from modelassay.canonical import Digest, digest_of
from modelassay.training.importers.lines import flattened
from modelassay.training.recorder.surroundings import code_digests, library_versions, without_secrets

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder


class InForce:
    """What was said last of settings and of code.

    Args:
        rank: which of the processes that record together this is, once that is known.
    """

    def __init__(self, recorder: RunRecorder, rank: Callable[[], int]) -> None:
        self._recorder, self._rank = recorder, rank
        self._configuration: dict[str, str] | None = None
        self._code: dict[str, str] = {}
        self.digests: tuple[Digest | None, Digest | None] = (None, None)
        """Of settings and of code; None of what was never said."""

    def configuration(self, settings: Mapping[str, Any], step: int | None) -> None:
        """See `RunRecorder.configuration`."""
        recorder = self._recorder
        found = without_secrets(flattened(dict(settings)))
        said, self._configuration = self._configuration, found
        if said == found:
            return
        self.digests = (digest_of(found), self.digests[1])
        before = self._first(found, step) if said is None else said
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
        if not recorder.is_foreign:  # once it is told: who is killed in between tells it again
            recorder.place.keep_settings(self._rank(), found)

    def _first(self, found: dict[str, str], step: int | None) -> Mapping[str, str]:
        """Say what is in force as this process begins, and give what was before it.

        The event names that by digest, so that it is known what changes are told against. Where nothing was
        kept it names none, and changes are told against the manifest.
        """
        recorder = self._recorder
        recorder.describe(configuration={**found, **recorder.manifest.configuration})
        kept = recorder.place.kept_settings(self._rank())
        body: dict[str, Any] = {"digest": str(self.digests[0]), "libraries": library_versions()}
        if kept is not None:
            body["before"] = str(digest_of(kept))
        recorder.event("configuration", step=step, **body)
        if kept is not None:
            return kept
        earlier = recorder.place.manifest()
        return earlier.configuration if earlier is not None else found

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
