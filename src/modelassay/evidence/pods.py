"""A Kubernetes ``AdmissionReview`` in, what the pod would deploy out; and the answer back.

Format: ``admission.k8s.io/v1``, the API server's webhook protocol. Only what decides is read; whatever
is missing, unknown or ambiguous there is refused. Pure functions: no files, no network.

A pod says with annotations which evidence speaks for which folder of which of its volumes. That the pod's
containers see exactly this folder, and cannot write to it, is read from its volume mounts, not believed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import msgspec

from modelassay.errors import EvidenceError

LARGEST_REVIEW = 8 * 1024 * 1024
"""Bytes; an object in etcd is at most 1.5 MB, and a review holds it twice."""
PREFIX = "modelassay/"
EVIDENCE, MODEL, ADAPTERS = f"{PREFIX}evidence", f"{PREFIX}model", f"{PREFIX}adapters"
SOURCE = re.compile(r"pvc:[a-z0-9-]{1,63}/[a-z0-9.-]{1,253}|hostPath:/[^=]*", re.ASCII)
"""Which volume of a pod: a claim in a namespace, or a path of the node."""
_API_VERSION = "admission.k8s.io/v1"
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_WEIGHT = re.compile(r"\d{1,3}(\.\d{1,6})?")


class Mount(NamedTuple):
    """A folder of a volume."""

    volume: str
    path: str
    """Relative with ``/``; empty for the whole volume."""


class PodUse(msgspec.Struct, frozen=True, kw_only=True):
    """What one pod would deploy."""

    evidence: str
    """Name of the evidence folder."""
    model: Path
    """The folder as the webhook's own machine sees it."""
    adapters: tuple[tuple[Path, str], ...]
    """Folder and weight (decimal string, empty for the adapter's own) of each, in the order of loading."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a review that is answered."""

    uid: str
    kind: dict[str, str]
    operation: str
    subresource: str = msgspec.field(name="subResource", default="")
    namespace: str = ""
    object: dict[str, Any] | None = None
    old_object: dict[str, Any] | None = msgspec.field(name="oldObject", default=None)


def read_review(body: bytes) -> Request:
    """The request in an ``AdmissionReview``.

    Raises:
        EvidenceError: not a review that can be answered: malformed, too large, another version.
    """
    if len(body) > LARGEST_REVIEW:
        raise EvidenceError(f"an admission review of more than {LARGEST_REVIEW} bytes")
    try:
        plain = json.loads(body.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"not an admission review: {error}") from error
    if not isinstance(plain, dict) or plain.get("kind") != "AdmissionReview":
        raise EvidenceError("not an admission review")
    if plain.get("apiVersion") != _API_VERSION:
        raise EvidenceError(f"an admission review of version {plain.get('apiVersion')!r}", mend=_API_VERSION)
    try:
        request = msgspec.convert(plain.get("request"), Request)
    except msgspec.ValidationError as error:
        raise EvidenceError(f"not an admission review: {error}") from error
    if not 0 < len(request.uid) <= 253:
        raise EvidenceError("an admission review without uid")
    return request


def answer(uid: str, allowed: bool, message: str, warnings: tuple[str, ...] = ()) -> bytes:
    """The review that answers `uid`; `message` is what the user of the API sees on refusal."""
    status = {"code": 200 if allowed else 403, "message": message[:4096]}
    response: dict[str, Any] = {"uid": uid, "allowed": allowed, "status": status}
    if warnings:
        response["warnings"] = [warning[:256] for warning in warnings]
    return json.dumps({"apiVersion": _API_VERSION, "kind": "AdmissionReview", "response": response}).encode()


def changes_nothing(request: Request) -> bool:
    """Whether a pod that runs already is updated in nothing that decides what it loads.

    Refusing such an update would keep nothing out, and could keep a pod from being deleted.
    """
    if request.operation != "UPDATE" or not _is_pod(request) or not request.object or not request.old_object:
        return False
    new, old = request.object, request.old_object
    return "spec" in new and new["spec"] == old.get("spec") and _annotations(new) == _annotations(old)


def pod_use(request: Request, volumes: Mapping[str, Path]) -> PodUse:
    """What the pod in `request` would deploy.

    Args:
        request: as read.
        volumes: folder on this machine by source: ``pvc:NAMESPACE/CLAIM`` or ``hostPath:/PATH``.

    Raises:
        EvidenceError: not a pod, or one that does not say, or does not mount, exactly one audited model.
    """
    if not _is_pod(request):
        raise EvidenceError("only pods (v1) are admitted here", mend="set rules for pods alone")
    if request.operation not in {"CREATE", "UPDATE"} or request.object is None:
        raise EvidenceError(f"operation {request.operation!r} is not admitted here")
    pod = request.object
    given = _annotations(pod)
    unknown = sorted(set(given) - {EVIDENCE, MODEL, ADAPTERS})
    if unknown:
        raise EvidenceError(f"unknown annotation {unknown[0]!r}", mend=f"{EVIDENCE}, {MODEL}, {ADAPTERS}")
    missing = [name for name in (EVIDENCE, MODEL) if not isinstance(given.get(name), str)]
    if missing:
        raise EvidenceError(f"the pod has no annotation {missing[0]}", mend="name evidence and model")
    if not _NAME.fullmatch(given[EVIDENCE]):
        raise EvidenceError(f"{given[EVIDENCE]!r} is not the name of an evidence folder", where=EVIDENCE)
    model = _mount(given[MODEL], MODEL)
    adapters = [_adapter(text) for text in str(given.get(ADAPTERS, "")).split(",") if text.strip()]
    folders = _known_volumes(_mapping(pod, "spec"), request.namespace, volumes)
    used = {model, *(mount for mount, _ in adapters)}
    _check_mounts(_mapping(pod, "spec"), used, folders)
    return PodUse(
        evidence=given[EVIDENCE],
        model=folders[model.volume] / model.path,
        adapters=tuple((folders[mount.volume] / mount.path, weight) for mount, weight in adapters),
    )


def _is_pod(request: Request) -> bool:
    kind = request.kind
    return (kind.get("group"), kind.get("version"), kind.get("kind")) == ("", "v1", "Pod")


def _annotations(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the pod's annotations that speak of evidence."""
    annotations = _mapping(_mapping(pod, "metadata"), "annotations")
    return {name: text for name, text in annotations.items() if name.startswith(PREFIX)}


def _known_volumes(spec: Mapping[str, Any], namespace: str, volumes: Mapping[str, Path]) -> dict[str, Path]:
    """Folder on this machine by the pod's own name of each volume that is known here."""
    found: dict[str, Path] = {}
    names: set[str] = set()
    for volume in _list(spec, "volumes"):
        name = volume.get("name")
        if not isinstance(name, str) or name in names:
            raise EvidenceError(f"volume {name!r} is declared twice or has no name")
        names.add(name)
        claim = _mapping(volume, "persistentVolumeClaim").get("claimName")
        host = _mapping(volume, "hostPath").get("path")
        source = f"pvc:{namespace}/{claim}" if claim else f"hostPath:{host}" if host else ""
        if source in volumes:
            found[name] = volumes[source]
    return found


def _check_mounts(spec: Mapping[str, Any], used: set[Mount], folders: Mapping[str, Path]) -> None:
    """Each container that sees a known volume sees audited folders of it alone, and cannot write there."""
    for mount in used:
        if mount.volume not in folders:
            raise EvidenceError(
                f"volume {mount.volume!r} of the pod is none that the webhook can read",
                mend="start the webhook with --volume for its claim or path",
            )
    seen: set[Mount] = set()
    for container, mounted in _mounts(spec):
        if mounted.get("name") not in folders:
            continue
        shown = Mount(mounted["name"], _relative(mounted.get("subPath") or "", f"{container}: subPath"))
        if mounted.get("subPathExpr"):
            raise EvidenceError("subPathExpr cannot be checked", where=container, mend="write subPath")
        if mounted.get("readOnly") is not True:
            raise EvidenceError(
                f"volume {shown.volume!r} is mounted writable", where=container, mend="set readOnly: true"
            )
        if shown not in used:
            raise EvidenceError(
                f"the mount of {'/'.join(filter(None, shown))!r} shows more than the annotated folders",
                where=container,
                mend="mount each annotated folder alone, with subPath",
            )
        seen.add(shown)
    for mount in sorted(used - seen):
        raise EvidenceError(
            f"no container mounts {'/'.join(filter(None, mount))!r}", mend="mount it, with subPath"
        )


def _mounts(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for group in ("initContainers", "containers", "ephemeralContainers"):
        for container in _list(spec, group):
            if _list(container, "volumeDevices"):
                raise EvidenceError("a raw block device cannot be checked", where=str(container.get("name")))
            for mounted in _list(container, "volumeMounts"):
                yield str(container.get("name")), mounted


def _adapter(text: str) -> tuple[Mount, str]:
    path, at, weight = text.strip().rpartition("@")
    if not at:
        path, weight = weight, ""
    elif not _WEIGHT.fullmatch(weight):
        raise EvidenceError(
            f"{weight!r} is not the weight of an adapter", where=ADAPTERS, mend="such as @0.5"
        )
    return _mount(path, ADAPTERS), weight


def _mount(text: str, where: str) -> Mount:
    volume, _, path = text.strip().partition("/")
    if not _NAME.fullmatch(volume):
        raise EvidenceError(f"{text!r} is not VOLUME or VOLUME/PATH", where=where)
    return Mount(volume, _relative(path, where))


def _relative(path: Any, where: str) -> str:
    """`path` when it is relative, plain and in one form only."""
    if not isinstance(path, str):
        raise EvidenceError("a path that is not text", where=where)
    parts = PurePosixPath(path).parts
    plain = path == "" or path == "/".join(parts)
    if not plain or path.startswith("/") or any(part in {".", ".."} for part in parts) or "\0" in path:
        raise EvidenceError(f"{path!r} is not a plain relative path", where=where)
    return path


def _mapping(holder: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = holder.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise EvidenceError(f"{key} is not a mapping")
    return value


def _list(holder: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise EvidenceError(f"{key} is not a list of mappings")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found
