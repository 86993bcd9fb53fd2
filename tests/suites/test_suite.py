"""Opening, pinning and merging datasets."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from modelassay.canonical import canonical_json
from modelassay.config.plan import DatasetReference
from modelassay.errors import DatasetError, UnknownNameError
from modelassay.records import SampleKind
from modelassay.suites import Dataset, Suite, merge, open_suite, overlaps, pin_digest


def write_rows(path: Path, count: int = 30) -> Path:
    rows = [
        {"prompt": f"Question {n}", "kind": "benign", "category": f"c{n % 3}", "n": n} for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def opened(
    folder: Path, use: str, *, data_dir: Path | None = None, seed: int = 1, **settings: object
) -> Suite:
    reference = DatasetReference(use=use, **settings)  # type: ignore[arg-type]
    return open_suite(
        reference, folder=folder, data_dir=data_dir, cache_dir=folder / "cache", seed=seed, offline=True
    )


def test_pin_is_the_digest_of_canonical_lines(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl")
    suite = opened(tmp_path, "rows.jsonl")
    lines = b"".join(canonical_json(sample) + b"\n" for sample in suite.samples)
    assert suite.pin.digest == "sha256:" + hashlib.sha256(lines).hexdigest()
    assert (suite.name, suite.pin.rows, suite.pin.source) == ("rows", 30, "rows.jsonl")


def test_right_pin_opens_and_stays_right_under_a_limit(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl")
    whole = opened(tmp_path, "rows.jsonl").pin.digest
    part = opened(tmp_path, f"rows.jsonl@{whole}", limit=9)
    assert part.pin.rows == 9
    assert opened(tmp_path, f"rows.jsonl@{part.pin.digest}", limit=9).pin == part.pin
    with pytest.raises(DatasetError, match="differs"):
        opened(tmp_path, f"rows.jsonl@{part.pin.digest}", limit=10)


def test_pin_does_not_depend_on_the_file_name_or_form(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl")
    shutil.copy(path, tmp_path / "other.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert opened(tmp_path, "other.jsonl").pin.digest == opened(tmp_path, "rows.jsonl").pin.digest
    assert Dataset.from_records(rows).pin.digest == opened(tmp_path, "rows.jsonl").pin.digest


@pytest.mark.parametrize("target", [b"Question 17", b'"c1"', b'"benign"'])
def test_one_changed_byte_stops_the_audit(tmp_path: Path, target: bytes) -> None:
    path = write_rows(tmp_path / "rows.jsonl")
    pin = opened(tmp_path, "rows.jsonl").pin.digest
    data = path.read_bytes()
    changed = target.replace(b"17", b"71").replace(b"c1", b"c9").replace(b"benign", b"harmful")
    path.write_bytes(data.replace(target, changed, 1))
    with pytest.raises(DatasetError) as caught:
        opened(tmp_path, f"rows.jsonl@{pin}")
    file_digest = hashlib.sha256(path.read_bytes()).hexdigest()
    now = opened(tmp_path, "rows.jsonl").pin.digest
    assert f"expected {pin}" in caught.value.what
    assert f"found {now}" in caught.value.what
    assert file_digest in caught.value.what


@pytest.mark.parametrize("pin", ["sha256:abc", "sha256:" + "G" * 64, "sha256:"])
def test_malformed_pin_is_named(tmp_path: Path, pin: str) -> None:
    write_rows(tmp_path / "rows.jsonl")
    with pytest.raises(DatasetError, match="64 lower-case hexadecimal"):
        opened(tmp_path, f"rows.jsonl@{pin}")


def test_changed_byte_of_a_published_file_is_named(tmp_path: Path, data_dir: Path) -> None:
    name = Path("harmbench/harmbench_behaviors_text_all.csv")
    copy = tmp_path / "data" / name
    copy.parent.mkdir(parents=True)
    data = bytearray((data_dir / name).read_bytes())
    data[5000] ^= 1
    copy.write_bytes(data)
    with pytest.raises(DatasetError, match="at least one byte of the file was changed") as caught:
        opened(tmp_path, "harmbench", data_dir=tmp_path / "data")
    assert caught.value.where == str(copy)


def test_unknown_name_suggests(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'harmbench'"):
        opened(tmp_path, "harmbemch")


def test_missing_file_suggests_its_sibling(tmp_path: Path) -> None:
    write_rows(tmp_path / "prompts.jsonl")
    with pytest.raises(DatasetError, match=r"did you mean 'prompts.jsonl'"):
        opened(tmp_path, "promts.jsonl")


def test_existing_file_of_unknown_form_says_which_forms_there_are(tmp_path: Path) -> None:
    (tmp_path / "prompts.xlsx").write_bytes(b"PK")
    with pytest.raises(DatasetError, match=r"format \.xlsx is not known"):
        opened(tmp_path, "prompts.xlsx")


def test_columns_do_not_apply_to_known_datasets(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="columns is for files"):
        opened(tmp_path, "harmbench", columns={"prompt": "Behavior"})
    with pytest.raises(DatasetError, match="kind is for files"):
        opened(tmp_path, "starter", kind="benign")


def test_relative_paths_start_at_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plans" / "data").mkdir(parents=True)
    write_rows(tmp_path / "plans" / "data" / "rows.jsonl")
    monkeypatch.chdir(tmp_path)
    assert len(opened(tmp_path / "plans", "data/rows.jsonl").samples) == 30


def test_a_limit_is_drawn_from_the_kinds_that_are_asked(tmp_path: Path) -> None:
    rows = [{"prompt": f"{kind} {n}", "kind": kind} for kind in ("harmful", "benign") for n in range(30)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def kinds_of(*kinds: SampleKind, limit: int = 20) -> Counter[str]:
        reference = DatasetReference(use="rows.jsonl", limit=limit)
        suite = open_suite(reference, folder=tmp_path, data_dir=None, cache_dir=tmp_path, seed=1, kinds=kinds)
        assert suite.pin.rows == len(suite.samples)
        return Counter(sample.kind for sample in suite.samples)

    assert kinds_of("harmful") == {"harmful": 20}
    assert kinds_of() == kinds_of("harmful", "benign") == {"harmful": 10, "benign": 10}
    assert kinds_of("harmful", limit=0) == {"harmful": 30, "benign": 30}, (
        "what is asked of all is told apart later"
    )


def test_merge_tags_the_dataset_and_asks_shared_content_once() -> None:
    first = Dataset.from_records(
        [{"prompt": "a"}, {"prompt": "b", "dataset": "own"}], kind="harmful", name="one"
    ).suite
    second = Dataset.from_records(
        [
            {"prompt": "b", "kind": "benign"},
            {"prompt": "a", "kind": "harmful"},
            {"prompt": "c", "kind": "benign"},
        ],
        name="two",
    ).suite
    merged = merge([first, second])
    assert [(s.messages[0].content, s.tags["dataset"]) for s in merged] == [
        ("a", "one"),
        ("b", "own"),
        ("c", "two"),
    ]
    assert merged[1].kind == "harmful"
    assert overlaps([first, second]) == ("2 of two also in one, asked once under one (1 with another kind)",)
    assert overlaps([first]) == ()


def test_an_attack_that_had_its_way_stays_one_beside_the_same_plain_request() -> None:
    plain: dict[str, object] = {"prompt": "a", "kind": "harmful"}
    known: dict[str, object] = {
        **plain,
        "attacked": {"sample": "s", "attack": "manual", "family": "manual", "request": "a"},
        "tags": {"found_on": "2026-10-01"},
    }
    one = Dataset.from_records([plain, {"prompt": "b", "kind": "harmful"}], name="one").suite
    kept = Dataset.from_records([known], name="kept").suite
    for order in ([one, kept], [kept, one]):
        (item,) = (sample for sample in merge(order) if sample.messages[0].content == "a")
        assert item.attacked is not None
        assert (item.tags["found_on"], item.tags["dataset"]) == ("2026-10-01", "kept")
    assert overlaps([one, kept]) == (
        "1 of kept also in one, asked once under kept, as the attack that it is kept as",
    )
    assert overlaps([kept, one]) == ("1 of one also in kept, asked once under kept",)
    for rows in ([plain, known], [known, plain]):
        (sample,) = Dataset.from_records(rows, name="one file").suite.samples
        assert sample.attacked is not None
        assert sample.tags["found_on"] == "2026-10-01"


def test_digest_depends_on_order_and_on_every_sample() -> None:
    data = Dataset.from_records([{"prompt": "a"}, {"prompt": "b"}], kind="benign")
    assert pin_digest(data.samples) != pin_digest(data.samples[::-1])
    assert pin_digest(data.samples) != pin_digest(data.samples[:1])


def test_starter_is_found_by_name(tmp_path: Path) -> None:
    suite = opened(tmp_path, "starter", limit=24)
    assert suite.name == "starter"
    assert len(suite.samples) == 24


@pytest.mark.slow
def test_reading_holds_no_second_copy_of_the_file(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for n in range(15_000):
            file.write(
                json.dumps({"prompt": f"Question {n} " + "word " * 60, "category": f"c{n % 12}"}) + "\n"
            )
    size = path.stat().st_size
    tracemalloc.start()
    try:
        data = Dataset.from_file(path, kind="benign")
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data) == 15_000
    # Reading holds rows one at a time: the peak is what stays, and no copy of the file besides.
    assert peak - kept < size
    assert kept < 4 * size


def test_a_pin_says_what_was_chosen_of_how_many_and_which_categories_were_left_out(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl")
    part = opened(tmp_path, "rows.jsonl", where={"category": "c1"}, limit=4).pin
    assert (part.rows, part.whole, part.where) == (4, 30, {"category": "c1"})
    assert part.left_out == {"c0": 10, "c2": 10}
    assert opened(tmp_path, "rows.jsonl", limit=9).pin.left_out == {}


@pytest.mark.parametrize("stem", ["harmbench", "HarmBench", "starter"])
def test_a_file_of_ones_own_does_not_pass_for_a_known_dataset(tmp_path: Path, stem: str) -> None:
    write_rows(tmp_path / f"{stem}.jsonl")
    suite = opened(tmp_path, f"{stem}.jsonl")
    assert suite.name == suite.pin.name == f"{stem} (own file)"
