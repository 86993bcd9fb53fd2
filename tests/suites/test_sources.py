"""Every public source: its definition, and its adapter over real files and over the official form."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from modelassay.config.plan import DatasetReference
from modelassay.errors import DatasetError, UnknownNameError
from modelassay.records import Sample, sample_id
from modelassay.suites import Source, Suite, open_suite, source, sources
from modelassay.suites.files import read_rows

ROWS = {
    "advbench": 520,
    "ailuminate_demo": 1100,
    "bbq": 3600 + 1200,
    "bipia_indirect": 3 * (50 + 100),
    "crows_pairs": 1508,
    "bold": 3204 + 1984 + 10195 + 7657 + 639 - 5,  # five openings are blank
    "cosafe": 1290,
    "cyberseceval_mitre_frr": 750,
    "cyberseceval_prompt_injection": 251,
    "decodingtrust_toxicity": 2392,
    "do_not_answer": 939,
    "giskard_injections": 35,
    "harmbench": 400,
    "jailbreakbench": 200,
    "malicious_instruct": 100,
    "model_written_evals": 2 * (1600 + 1020),
    "multijail": 308 * 10,
    "realguardrails": 239 + 200,
    "realtoxicityprompts": 700,
    "simplesafetytests": 100,
    "strongreject": 313,
    "tensor_trust_extraction": 570,
    "tensor_trust_hijacking": 776,
    "toxigen": 1860,
    "trustllm_adversarial_facts": 209,
    "trustllm_disparagement": 810,
    "trustllm_jailbreak": 1398,
    "trustllm_privacy": 560,
    "trustllm_sycophancy": 419,
    "truthfulqa": 817,
    "truthfulqa_choice": 483,
    "winogender": 720,
    "xstest": 450,
}
"""Rows of the data folder's files, as its README counts them."""
REPEATS = {
    "bold": 1372,
    "crows_pairs": 1,
    "cyberseceval_prompt_injection": 5,
    "do_not_answer": 1,
    "model_written_evals": 2 * 54,
    "multijail": 2,
    "realguardrails": 2,
    "realtoxicityprompts": 77,
    "toxigen": 153,
    "trustllm_sycophancy": 5,
}
"""Rows whose content stands there before."""
NOT_AT_HAND = {"or_bench", "salad_bench", "wildguardtest"}


def opened(name: str, data_dir: Path, cache: Path) -> Suite:
    return open_suite(
        DatasetReference(use=name), folder=cache, data_dir=data_dir, cache_dir=cache, seed=1, offline=True
    )


@pytest.mark.parametrize("known", sources(), ids=lambda known: known.name)
def test_definition(known: Source) -> None:
    assert all((known.title, known.asks, known.licence, known.citation))
    assert urlsplit(known.homepage).scheme == "https"
    assert known.files or known.trimmed
    assert len(known.locations) == len(known.files)
    for file in known.files:
        assert file.location is not None
        revision = file.location.revision
        assert revision == "main" or (len(revision) == 40 and int(revision, 16))
        # A file without a commit cannot promise its bytes; one with known bytes names its commit.
        assert not file.sha256 or (len(file.sha256) == 64 and revision != "main")
    names = [file.name for file in (*known.files, *known.trimmed)]
    assert all(name.count("/") >= 1 and ".." not in name for name in names)


def test_names_are_unique_sorted_and_suggested() -> None:
    names = [known.name for known in sources()]
    assert names == sorted(set(names))
    assert set(names) == set(ROWS) | NOT_AT_HAND
    assert source("xstest").name == "xstest"
    with pytest.raises(UnknownNameError, match="did you mean 'strongreject'"):
        source("strong_reject")


def test_labelled_halves_are_no_suites() -> None:
    assert not [
        file.name for known in sources() for file in (*known.files, *known.trimmed) if "label" in file.name
    ]


@pytest.mark.parametrize("name", sorted(ROWS))
def test_adapter_over_the_real_file(name: str, data_dir: Path, tmp_path: Path) -> None:
    suite = opened(name, data_dir, tmp_path)
    known = source(name)
    trimmed = any("trimmed" in warning for warning in suite.warnings)
    assert len(suite.samples) == ROWS[name] - REPEATS.get(name, 0) == suite.pin.rows
    assert len({sample.id for sample in suite.samples}) == len(suite.samples)
    for sample in suite.samples:
        assert sample.id == sample_id(
            sample.messages,
            reference=sample.reference,
            context=sample.context,
            choices=sample.choices,
        )
        assert sample.messages[-1].role == "user"
        assert sample.messages[-1].content.strip()
        assert all(value.strip() for value in sample.tags.values())
        assert all(name in sample.tags for name in known.tags) or trimmed
    assert suite.pin.licence == known.licence
    assert opened(name, data_dir, tmp_path).pin == suite.pin


def test_counts_agree_with_the_notes_beside_the_data(data_dir: Path) -> None:
    """The digests built in are those that the data folder states for its verbatim copies."""
    checked = 0
    for known in sources():
        for file in known.files:
            folder, _, name = file.name.partition("/")
            notes = data_dir / folder / "SOURCE.json"
            stated = json.loads(notes.read_text())["files"].get(name) if notes.is_file() else None
            if stated and file.sha256:
                assert (stated["sha256"], stated["bytes"]) == (file.sha256, file.bytes), file.name
                checked += 1
    assert checked >= 15


def test_xstest_pairs_safe_prompts_with_their_contrasts(data_dir: Path, tmp_path: Path) -> None:
    suite = opened("xstest", data_dir, tmp_path)
    assert Counter(sample.kind for sample in suite.samples) == {"benign": 250, "harmful": 200}
    pairs: dict[str, list[Sample]] = {}
    for sample in suite.samples:
        if sample.cluster:
            pairs.setdefault(sample.cluster, []).append(sample)
    assert len(pairs) == 200
    assert all({sample.kind for sample in pair} == {"benign", "harmful"} for pair in pairs.values())
    focuses = [{sample.tags.get("focus") for sample in pair} for pair in pairs.values()]
    assert sum(len(focus) == 1 for focus in focuses) >= 199


def test_harmbench_context_stands_before_the_behaviour(data_dir: Path, tmp_path: Path) -> None:
    suite = opened("harmbench", data_dir, tmp_path)
    by_name = {sample.tags["behaviour"]: sample for sample in suite.samples}
    with (data_dir / "harmbench/harmbench_behaviors_text_all.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            prompt = by_name[row["BehaviorID"]].messages[0].content
            assert prompt.endswith(row["Behavior"])
            assert prompt.startswith(row["ContextString"])
            assert (row["ContextString"] == "") == (prompt == row["Behavior"])


def test_bbq_reference_is_the_right_answer_and_templates_cluster(data_dir: Path, tmp_path: Path) -> None:
    suite = opened("bbq", data_dir, tmp_path)
    full = [sample for sample in suite.samples if sample.cluster]
    assert len(full) == 3600
    assert len({sample.cluster for sample in full}) == 146
    for sample in full:
        assert f". {sample.reference}\n" in sample.messages[0].content + "\n"
        if sample.tags["condition"] == "ambig":
            letter = sample.messages[0].content.split(f". {sample.reference}\n")[0][-1]
            assert sample.tags["answer_groups"].split(" | ")["ABC".index(letter)] == "unknown"


def test_multijail_asks_each_request_in_ten_languages(data_dir: Path, tmp_path: Path) -> None:
    suite = opened("multijail", data_dir, tmp_path)
    clusters = Counter(sample.cluster for sample in suite.samples)
    assert len(clusters) == 308
    # One request was translated like another one in two languages.
    assert sorted(clusters.values())[:2] == [8, 10]
    assert len({sample.tags["language"] for sample in suite.samples}) == 10


def test_winogender_reference_is_one_of_the_two(data_dir: Path, tmp_path: Path) -> None:
    for sample in opened("winogender", data_dir, tmp_path).samples:
        assert sample.reference in sample.messages[0].content.rsplit("\n\n", 1)[1]


LANGUAGES = ("en", "zh", "it", "vi", "ar", "ko", "th", "bn", "sw", "jv")

OFFICIAL = {
    "do_not_answer": [
        {
            "id": "0",
            "risk_area": "Information Hazards",
            "types_of_harm": "Privacy",
            "specific_harms": "Leaks",
            "question": "What is the phone number of the reader?",
            "GPT4_response": "No.",
        }
    ],
    "jailbreakbench": [
        {
            "Index": "0",
            "Goal": "Write a rude review",
            "Target": "Sure",
            "Behavior": "Rudeness",
            "Category": "Harassment",
            "Source": "Original",
        }
    ],
    "or_bench": [{"prompt": "How do I kill weeds?", "category": "violence"}],
    "truthfulqa": [
        {
            "Type": "Adversarial",
            "Category": "Misconceptions",
            "Question": "Is the moon made of cheese?",
            "Best Answer": "No",
            "Correct Answers": "No; It is rock",
            "Incorrect Answers": "Yes",
            "Source": "here",
        }
    ],
    "salad_bench": [
        {
            "qid": 0,
            "question": "How is a rumour spread?",
            "source": "here",
            "1-category": "O3",
            "2-category": "O10",
            "3-category": "O33",
        }
    ],
    "wildguardtest": [
        {
            "prompt": "Tell me a secret",
            "adversarial": adversarial,
            "response": None,
            "prompt_harm_label": label,
            "subcategory": "privacy",
        }
        for adversarial, label in ((True, "harmful"), (False, "unharmful"), (False, None))
    ],
    "toxigen": [{"text": r"- they are kind\n- they are here\n-"}],
    "realtoxicityprompts": [
        {"challenging": False, "prompt": {"text": "The day was", "toxicity": 0.1}, "continuation": {}},
        {"challenging": True, "prompt": {"text": "The night was", "toxicity": None}, "continuation": {}},
    ],
    "multijail": [
        {"id": "1", "source": "here", "tags": "['Theft', 'Fraud']"}
        | {language: f"Question in {language}" for language in LANGUAGES}
    ],
}
"""Rows with the columns that the official files are documented to have, in mild words."""


@pytest.mark.parametrize("name", sorted(OFFICIAL))
def test_adapter_of_the_official_form(name: str) -> None:
    known = source(name)
    for file in known.files:
        for row in OFFICIAL[name]:
            made = list(file.adapt(row))
            assert made
            for sample in made:
                assert sample.messages[-1].content
                assert set(known.tags) <= set(sample.tags)


def test_official_kinds() -> None:
    kinds = [
        sample.kind
        for row in OFFICIAL["wildguardtest"]
        for sample in source("wildguardtest").files[0].adapt(row)
    ]
    assert kinds == ["harmful", "benign", "borderline"]
    hard, toxic = source("or_bench").files
    (row,) = OFFICIAL["or_bench"]
    assert [sample.kind for file in (hard, toxic) for sample in file.adapt(row)] == ["benign", "harmful"]
    harmful, benign = source("jailbreakbench").files
    (row,) = OFFICIAL["jailbreakbench"]
    pair = [sample for file in (harmful, benign) for sample in file.adapt(row)]
    assert [sample.kind for sample in pair] == ["harmful", "benign"]
    assert pair[0].cluster == pair[1].cluster == "jailbreakbench/0"


def test_wildguardtest_is_read_from_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    file = tmp_path / "wildguardtest" / "wildguard_test.parquet"
    file.parent.mkdir()
    rows = [dict(row, prompt=f"Question {n}") for n, row in enumerate(OFFICIAL["wildguardtest"])]
    parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    suite = opened("wildguardtest", tmp_path, tmp_path / "cache")
    assert [sample.tags["adversarial"] for sample in suite.samples] == ["true", "false", "false"]


def test_changed_form_upstream_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "or_bench"
    folder.mkdir()
    (folder / "or-bench-toxic.csv").write_text("question,category\nWhy?,x\n")
    toxic = source("or_bench").files[1]
    with pytest.raises(DatasetError, match=r"no column 'prompt'.*not the published form") as caught:
        list(toxic.placed(folder / "or-bench-toxic.csv"))
    assert caught.value.where == f"{folder / 'or-bench-toxic.csv'}:2"


def test_cosafe_drops_an_answer_at_the_end(data_dir: Path, tmp_path: Path) -> None:
    ends = Counter(
        row.values["messages"][-1]["role"] for row in read_rows(data_dir / "cosafe" / "cosafe.jsonl")
    )
    assert ends["assistant"] == 1
    suite = opened("cosafe", data_dir, tmp_path)
    assert {sample.messages[-1].role for sample in suite.samples} == {"user"}
    assert {len(sample.messages) for sample in suite.samples} == {5}


def test_bbq_names_the_answer_that_the_stereotype_would_have(data_dir: Path, tmp_path: Path) -> None:
    rows = opened("bbq", data_dir, tmp_path).samples
    named = [sample for sample in rows if sample.tags.get("biased")]
    assert len(named) > 3400
    for sample in named:
        options = {choice.label: choice.text for choice in sample.choices}
        assert set(options) == {"A", "B", "C"}
        assert sample.tags["unknown"] != sample.tags["biased"]
        if sample.tags["condition"] == "ambig":
            assert options[sample.tags["unknown"]] == sample.reference
    # The young are said to be careless: asked who was, the young answer is the biased one, asked who was not,
    # the old one.
    zoomer = [
        s for s in named if "an easy grade" in s.messages[0].content and "Zoomer" in s.messages[0].content
    ]
    told = {
        (s.tags["polarity"], next(c.text for c in s.choices if c.label == s.tags["biased"])) for s in zoomer
    }
    assert told == {("neg", "The Zoomer"), ("nonneg", "The Gen-Xer")}


def test_both_orders_of_a_self_report_are_put(data_dir: Path, tmp_path: Path) -> None:
    pairs: dict[tuple[str, frozenset[str]], list[Sample]] = {}
    for sample in opened("model_written_evals", data_dir, tmp_path).samples:
        options = frozenset(choice.text for choice in sample.choices)
        pairs.setdefault((sample.cluster, options), []).append(sample)
    for first, second in pairs.values():
        assert {first.tags["order"], second.tags["order"]} == {"given", "swapped"}
        for trait in ("matching", "not_matching"):
            named = {
                next(c.text for c in sample.choices if c.label == sample.tags[trait])
                for sample in (first, second)
            }
            assert len(named) == 1
        assert [c.text for c in first.choices] == [c.text for c in second.choices][::-1]


def test_preferences_turned_round_belong_together(data_dir: Path, tmp_path: Path) -> None:
    rows = [s for s in opened("trustllm_sycophancy", data_dir, tmp_path).samples if s.cluster]
    sizes = Counter(Counter(sample.cluster for sample in rows).values())
    assert sizes[2] > 100
    for sample in rows:
        stated = sample.choices[int(sample.tags["stated"]) - 1].text
        assert f'I prefer "{stated}"' in sample.messages[0].content
