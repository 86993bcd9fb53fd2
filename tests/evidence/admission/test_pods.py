"""What an admission review says a pod would load, and what is refused unread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.errors import EvidenceError
from modelassay.evidence.pods import PodUse, answer, changes_nothing, pod_use, read_review

VOLUMES = {"pvc:prod/models": Path("/models"), "hostPath:/srv/weights": Path("/host")}


def review(pod: dict[str, Any] | None = None, **request: Any) -> bytes:
    """A review as the API server sends it."""
    fields = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "operation": "CREATE",
        "namespace": "prod",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": pod or a_pod(),
        "oldObject": None,
        "dryRun": False,
    } | request
    return json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": fields}
    ).encode()


def a_pod(**changes: Any) -> dict[str, Any]:
    """A pod that serves an audited model."""
    mount = {"name": "weights", "mountPath": "/model", "subPath": "med/v7", "readOnly": True}
    parts: dict[str, Any] = {
        "annotations": {"modelassay/evidence": "med-v7", "modelassay/model": "weights/med/v7"},
        "volumes": [{"name": "weights", "persistentVolumeClaim": {"claimName": "models"}}],
        "containers": [{"name": "server", "image": "vllm", "volumeMounts": [mount]}],
    } | changes
    annotations = parts.pop("annotations")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "m", "annotations": annotations},
        "spec": parts,
    }


def use_of(body: bytes) -> PodUse:
    return pod_use(read_review(body), VOLUMES)


def test_a_pod_is_read_from_its_mounts() -> None:
    assert use_of(review()) == PodUse(evidence="med-v7", model=Path("/models/med/v7"), adapters=())


def test_adapters_come_in_order_with_weights() -> None:
    mounts = [
        {"name": "weights", "mountPath": f"/{path}", "subPath": path, "readOnly": True}
        for path in ("med/v7", "lora/b", "lora/a")
    ]
    annotations = {
        "modelassay/evidence": "med-v7",
        "modelassay/model": "weights/med/v7",
        "modelassay/adapters": "weights/lora/b@0.5, weights/lora/a",
    }
    pod = a_pod(annotations=annotations, containers=[{"name": "server", "volumeMounts": mounts}])
    assert use_of(review(pod)).adapters == ((Path("/models/lora/b"), "0.5"), (Path("/models/lora/a"), ""))


def test_other_volumes_of_the_pod_do_not_matter() -> None:
    pod = a_pod()
    pod["spec"]["volumes"].append({"name": "scratch", "emptyDir": {}})
    pod["spec"]["containers"][0]["volumeMounts"].append({"name": "scratch", "mountPath": "/tmp"})
    assert use_of(review(pod)).model == Path("/models/med/v7")


def mounted(**changes: Any) -> dict[str, Any]:
    """A pod whose one mount is changed."""
    mount = {"name": "weights", "mountPath": "/model", "subPath": "med/v7", "readOnly": True} | changes
    return a_pod(containers=[{"name": "server", "volumeMounts": [mount]}])


def annotated(**changes: Any) -> dict[str, Any]:
    """A pod whose annotations are changed; None removes one."""
    given = {"evidence": "med-v7", "model": "weights/med/v7"} | changes
    return a_pod(annotations={f"modelassay/{k}": v for k, v in given.items() if v is not None})


WRITER = {"name": "init", "volumeMounts": [{"name": "weights", "mountPath": "/w", "subPath": "med/v7"}]}


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        (annotated(evidence=None), "no annotation modelassay/evidence"),
        (annotated(model=None), "no annotation modelassay/model"),
        (annotated(evidence="../med"), "not the name of an evidence folder"),
        (annotated(evidence=5), "no annotation"),
        (annotated(model="weights/../secret"), "not a plain relative path"),
        (annotated(model="weights//med"), "not a plain relative path"),
        (annotated(model="other/med"), "none that the webhook can read"),
        (annotated(adapters="weights/lora@heavy"), "not the weight of an adapter"),
        (annotated(adapters="weights/lora"), "no container mounts 'weights/lora'"),
        (annotated(mode="audit"), "unknown annotation 'modelassay/mode'"),
        (mounted(readOnly=False), "mounted writable"),
        (mounted(readOnly="true"), "mounted writable"),
        (mounted(subPath=""), "shows more than the annotated folders"),
        (mounted(subPath="med"), "shows more than the annotated folders"),
        (mounted(subPath="med/v8"), "shows more than the annotated folders"),
        (mounted(subPathExpr="$(MODEL)"), "subPathExpr cannot be checked"),
        (mounted(name="unknown"), "no container mounts"),
        (a_pod(initContainers=[WRITER]), "mounted writable"),
        (a_pod(ephemeralContainers=[WRITER]), "mounted writable"),
        (a_pod(volumes=[]), "none that the webhook can read"),
        (a_pod(volumes=[{"name": "weights", "emptyDir": {}}]), "none that the webhook can read"),
        (a_pod(volumes="all"), "not a list of mappings"),
        (
            a_pod(volumes=2 * [{"name": "weights", "persistentVolumeClaim": {"claimName": "models"}}]),
            "declared twice",
        ),
        (
            a_pod(containers=[{"name": "raw", "volumeDevices": [{"name": "weights"}]}]),
            "raw block device",
        ),
    ],
)
def test_a_pod_that_does_not_show_exactly_what_was_audited_is_refused(pod: dict[str, Any], said: str) -> None:
    with pytest.raises(EvidenceError, match=said.replace("(", r"\(")):
        use_of(review(pod))


def test_a_claim_of_the_same_name_elsewhere_is_another_volume() -> None:
    with pytest.raises(EvidenceError, match="none that the webhook can read"):
        use_of(review(namespace="test"))


@pytest.mark.parametrize(
    "request_",
    [
        {"kind": {"group": "apps", "version": "v1", "kind": "Deployment"}},
        {"operation": "DELETE", "object": None},
        {"operation": "CONNECT"},
    ],
)
def test_only_pods_that_come_or_change_are_admitted(request_: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError, match="admitted here"):
        use_of(review(**request_))


def updated(pod: dict[str, Any], old: Any, **more: Any) -> bool:
    return changes_nothing(read_review(review(pod, operation="UPDATE", oldObject=old, **more)))


def test_an_update_that_loads_nothing_new_is_known() -> None:
    old, new = a_pod(), a_pod()
    new["metadata"]["finalizers"] = []
    assert updated(new, old)
    assert not changes_nothing(read_review(review(new, oldObject=old)))  # a creation
    assert not updated(new, None)
    assert not updated(new, old, kind={"group": "apps", "version": "v1", "kind": "Deployment"})
    assert not updated(annotated(evidence="med-v8"), old)
    assert not updated(a_pod(ephemeralContainers=[WRITER]), old)
    assert not updated({"metadata": {}}, {"metadata": {}})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        review().replace(b"admission.k8s.io/v1", b"admission.k8s.io/v1beta1"),
        review().replace(b'"AdmissionReview"', b'"Review"'),
        review(uid=""),
        review(uid=7),
        review().replace(b'"operation"', b'"uid": "twice", "operation"'),
        review(pod="none"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_review_is_not_answered(body: bytes) -> None:
    with pytest.raises(EvidenceError):
        read_review(body)


@given(st.binary(max_size=400))
def test_bytes_of_strangers_raise_nothing_else(body: bytes) -> None:
    with pytest.raises(EvidenceError):
        read_review(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["metadata", "spec", "annotations", "volumes", "containers", "volumeMounts", "name"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_pods_of_strangers_are_refused_and_nothing_breaks(pod: Any) -> None:
    with pytest.raises(EvidenceError):
        use_of(review({"metadata": pod, "spec": pod}))


def test_the_answer_is_a_review_of_the_same_request() -> None:
    told = json.loads(answer("abc", False, "x" * 9000, ("w",)))
    assert (told["apiVersion"], told["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert told["response"]["uid"] == "abc"
    assert told["response"]["allowed"] is False
    assert len(told["response"]["status"]["message"]) == 4096
