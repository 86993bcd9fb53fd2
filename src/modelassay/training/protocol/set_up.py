"""Settings, code, libraries and data that were in force over a segment, and where a replay had others.

A replay says something against a record only where it was set up as the record says. What only says where
files go, how often something is written, how a run is called, or which ports, hosts and processes serve it
is left out; so is what either side takes from a path of its machine, the script that starts training, which a
replay has its own of, and how long training goes on where the learning rate is constant. Data are held by the
digest of their rows and the seed of their order: fingerprints of libraries differ for the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelassay.errors import EvidenceError
from modelassay.records import RunDataset, RunEvent
from modelassay.training.importers.lines import flattened
from modelassay.training.recorder.batches import DIGESTS, FIRST
from modelassay.training.recorder.model_settings import ADAPTERS, BASE, settings_of_adapter
from modelassay.training.recorder.surroundings import HIDDEN
from modelassay.training.run import Run
from modelassay.training.stretches import processes_of

MOST_NAMED = 5
"""Differences that are named at most."""

_OUTPUT = frozenset(
    ("output_dir", "default_local_dir", "logging_dir", "run_name", "experiment_name", "project",
     "project_name", "report_to", "disable_tqdm", "push_to_hub", "overwrite_output_dir",
     "resume_from_checkpoint", "resume_from_path", "resume_mode", "resume_step", "local_rank", "logger",
     "dataloader_num_workers", "dataloader_pin_memory", "dataloader_persistent_workers",
     "dataloader_prefetch_factor", "vllm_group_port", "test_freq", "val_before_train")
)  # fmt: skip
_OUTPUT_BEGINNINGS = ("save_", "logging_", "log_", "hub_", "trackio_", "wandb_", "swanlab_", "mlflow_",
                      "ddp_", "vllm_server_")  # fmt: skip
"""Of settings by which training does not differ; by the last part of their dotted names."""
_LENGTH = frozenset(
    ("max_steps", "num_train_epochs", "num_epochs", "total_epochs", "total_training_steps", "num_episodes",
     "max_num_steps", "max_num_epochs")
)  # fmt: skip
_SCHEDULES = frozenset(
    ("lr_scheduler_type", "lr_scheduler", "lr_schedule", "lr_warmup_style", "warmup_style")
)
_SCRIPT = "training script"
_PATHS = ("/", "~", "./", "../")
_OWN_LIBRARY = "modelassay"
_NOTHING = frozenset(("", "null", "none"))


@dataclass(frozen=True)
class SetUp:
    """What was in force; each by name."""

    settings: Mapping[str, str]
    code: Mapping[str, str]
    libraries: Mapping[str, str]


def other_set_up(recorded: Run, replayed: Run, after: int, last: int) -> tuple[str, ...]:
    """What `replayed` was set up with otherwise than `recorded` in the steps `after` + 1 to `last`, in words.

    What the record does not say is held against nothing; a replay that does not say it either way is named.
    """
    sides = [(set_up_of(run, after), set_up_of(run, last - 1)) for run in (recorded, replayed)]
    (theirs, theirs_later), (mine, mine_later) = sides
    found = [
        *_other_data(recorded, replayed),
        *_other_batches(recorded, replayed, after, last),
        *_differences(theirs, mine),
        *_differences(theirs_later, mine_later),
    ]
    named = list(dict.fromkeys(found))
    left = len(named) - MOST_NAMED
    return (*named[:MOST_NAMED], *((f"{left} more",) if left > 0 else ()))


def set_up_of(run: Run, step: int) -> SetUp:
    """What was in force once `step` had been taken, before the next: the manifest, and what events changed.

    Of steps that were taken twice, what the processes told that came last.
    """
    manifest, world = run.manifest, processes_of(run)
    weights = {f"reward_weights.{each.name}": f"{each.weight}" for each in manifest.rewards if each.weight}
    settings = {**weights, **manifest.configuration}
    code, libraries = dict(manifest.code), dict(manifest.libraries)
    for event in run.events():
        if event.step > step or event.rank % world:
            continue
        if event.kind == "configuration.changed":
            _take_setting(event, settings)
        elif event.kind == "configuration":
            libraries.update(_texts(event.body.get("libraries")))
        elif event.kind == "code":
            if whole := _texts(event.body.get("digests")):
                code = dict(whole)
            code.update(_texts(event.body.get("changed")))
    return SetUp(settings, code, libraries)


def _take_setting(event: RunEvent, settings: dict[str, str]) -> None:
    name, value = event.body.get("setting"), event.body.get("new")
    if isinstance(name, str) and isinstance(value, str):
        settings[name] = value


def _texts(told: object) -> dict[str, str]:
    pairs = told.items() if isinstance(told, Mapping) else ()
    return {name: value for name, value in pairs if isinstance(name, str) and isinstance(value, str)}


def _other_data(recorded: Run, replayed: Run) -> Iterator[str]:
    """Data of the record that the replay was not given; which of several stretches had them nothing tells."""
    theirs, mine = recorded.datasets(), replayed.datasets()
    if theirs and not mine:
        yield "the replay names no data, and the record does"
        return
    for name in dict.fromkeys(each.name for each in theirs):
        given = [each for each in theirs if each.name == name]
        others = [each for each in mine if each.name == name]
        if not others and given[0].role == "eval":
            continue  # a replay need not evaluate
        if not any(_same_data(each, other) for each in given for other in others or mine):
            yield (
                f"data set {name[:80]} is {_of_data(given[-1])} in the record and "
                f"{_of_data(others[-1]) if others else 'not there'} in the replay"
            )


def _same_data(one: RunDataset, other: RunDataset) -> bool:
    """Whether nothing that is known of both says that they are other rows, or in another order."""
    if one.name != other.name and one.digest is None:
        return False
    known = (
        (one.digest, other.digest),
        (one.rows, other.rows),
        (_seed(one), _seed(other)),
    )
    return all(a == b for a, b in known if a not in (None, "") and b not in (None, ""))


def _other_batches(recorded: Run, replayed: Run, after: int, last: int) -> Iterator[str]:
    """Steps in which both sides say what they were trained on, and not the same."""
    if processes_of(recorded) != processes_of(replayed):
        return
    theirs, mine = _batches(recorded), _batches(replayed)
    steps = [step for step in sorted(theirs) if after < step <= last and step in mine]
    if other := [step for step in steps if theirs[step] != mine[step]]:
        yield f"{len(other):,} of {len(steps):,} steps had other batches, step {other[0]} the first"


def _batches(run: Run) -> dict[int, dict[int, object]]:
    """Digests of batches by step and by process; of steps that were taken twice, the later ones."""
    world, found = processes_of(run), dict[int, dict[int, object]]()
    for event in sorted(run.events(), key=lambda each: each.rank):
        first, digests = event.body.get(FIRST), event.body.get(DIGESTS)
        if event.kind == "note" and isinstance(first, int) and isinstance(digests, list):
            for place, digest in enumerate(digests):
                found.setdefault(first + place, {})[event.rank % world] = digest
    return found


def _seed(data: RunDataset) -> str:
    return data.order.partition(";")[0]


def _of_data(data: RunDataset) -> str:
    rows = "" if data.rows is None else f"{data.rows:,} rows"
    said = [each for each in (rows, (data.digest or "")[:20], _seed(data)) if each]
    return " ".join(said) or "of unknown rows"


def _differences(theirs: SetUp, mine: SetUp) -> Iterator[str]:
    length_matters = not (_is_constant(theirs.settings) and _is_constant(mine.settings))
    local = _local(theirs.settings) | _local(mine.settings)
    local |= _of_one_side(theirs.settings, mine.settings)
    sides = (_of_training(each.settings, length_matters, local) for each in (theirs, mine))
    yield from _other("setting", *sides)
    yield from _other("code", *(_of_code(each.code) for each in (theirs, mine)))
    for name in sorted(theirs.libraries.keys() & mine.libraries.keys() - {_OWN_LIBRARY}):
        yield from _told(name, theirs.libraries[name], mine.libraries[name])


def _of_one_side(theirs: Mapping[str, str], mine: Mapping[str, str]) -> set[str]:
    """Names of settings of the model that one side says nothing of: recorders have not always told them.

    A base has several identities, of which each is told where it is known; adapters are told whole or not.
    """
    found = {name for name in theirs.keys() ^ mine.keys() if name.startswith(f"{BASE}.")}
    adapters = [{name for name in each if name.partition(".")[0] == ADAPTERS} for each in (theirs, mine)]
    return found if all(adapters) else found.union(*adapters)


def _other(what: str, theirs: Mapping[str, str], mine: Mapping[str, str]) -> Iterator[str]:
    if theirs and not mine:
        yield f"the replay names no {what}, and the record does"
    elif theirs:
        for name in sorted(theirs.keys() | mine.keys()):
            yield from _told(name, theirs.get(name, ""), mine.get(name, ""))


def _told(name: str, theirs: str, mine: str) -> Iterator[str]:
    if theirs != mine and HIDDEN not in (theirs, mine):
        yield f"{name[:80]} is {_short(theirs)} in the record and {_short(mine)} in the replay"


def _short(value: str) -> str:
    return value[:40] or "not there"


def _local(settings: Mapping[str, str]) -> set[str]:
    """Names of settings whose value is a path of the machine: the same thing has another name elsewhere."""
    return {name for name, value in settings.items() if value.startswith(_PATHS)}


def _of_training(settings: Mapping[str, str], length_matters: bool, local: set[str]) -> dict[str, str]:
    """Settings that say how training goes, but for the names in `local`; one without a value is none."""
    return {
        name: value
        for name, value in settings.items()
        if value.strip().lower() not in _NOTHING
        and name not in local
        and not _is_output(last := name.rpartition(".")[2].lower())
        and (length_matters or last not in _LENGTH)
    }


def of_training(setting: str) -> bool:
    """Whether training may go otherwise by a setting of this name; how long it goes on is not meant."""
    last = setting.rpartition(".")[2].lower()
    return not _is_output(last) and last not in _LENGTH


def _is_output(name: str) -> bool:
    return name in _OUTPUT or name.startswith(_OUTPUT_BEGINNINGS)


def other_adapter(claimed: Path, reached: Path) -> tuple[str, ...]:
    """Settings of the adapters of two checkpoints that are not the same; none where either has no adapter.

    The record of a run of an earlier version says nothing of them.
    """
    theirs, mine = _adapter(claimed), _adapter(reached)
    if not (theirs and mine):
        return ()
    return tuple(_other("setting of adapters", theirs, mine))


def _adapter(folder: Path) -> dict[str, str]:
    try:
        config = json.loads((folder / "adapter_config.json").read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EvidenceError(f"adapter_config.json cannot be read: {error}", where=str(folder)) from error
    settings = flattened({ADAPTERS: settings_of_adapter(config)})
    return {name: value for name, value in settings.items() if value.strip().lower() not in _NOTHING}


def _is_constant(settings: Mapping[str, str]) -> bool:
    said = _schedules(settings.items())
    return bool(said) and said == {"constant"}


def _schedules(settings: Iterable[tuple[str, str]]) -> set[str]:
    return {value.lower() for name, value in settings if name.rpartition(".")[2].lower() in _SCHEDULES}


def _of_code(code: Mapping[str, str]) -> dict[str, str]:
    """Code that shapes or rewards rollouts: all but the script, and the commit of its folder."""
    return {
        name: digest for name, digest in code.items() if digest and not name.startswith((_SCRIPT, "git "))
    }
