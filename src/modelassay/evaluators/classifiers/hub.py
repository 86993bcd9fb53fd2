"""A classifier as a setting names it: found, fingerprinted, loaded when first asked, and asked in batches."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from modelassay.canonical import digest_of
from modelassay.errors import ConfigError, TargetError, did_you_mean
from modelassay.evaluators.classifiers.families import family_of
from modelassay.evaluators.classifiers.opened import OpenedModel
from modelassay.evaluators.classifiers.questions import Answer, Exchange, Family, FamilySettings, Question
from modelassay.weights.folders import ModelFiles, code_files, find_folder, local_folder, model_files
from modelassay.weights.opening import load_model, load_tokenizer, prepare_torch

_opened: WeakValueDictionary[tuple[str, ...], OpenedModel] = WeakValueDictionary()
_opening = threading.Lock()


class ClassifierSettings(FamilySettings, frozen=True, kw_only=True):
    """The setting ``classifier:`` written out; a string in its place is `model` alone."""

    model: str
    """Hub name or folder; after ``@`` a revision."""
    revision: str = ""
    """Commit, tag or branch on the hub; a commit pins the scores."""
    family: str = ""
    """How the model is asked, where its name does not tell (`modelassay.evaluators.classifiers.families`)."""
    threshold: float = 0.5
    """From this probability of a yes on, the answer is yes."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda:1``, …"""
    dtype: str = "auto"
    """``auto`` for that of the checkpoint, ``float32``, ``bfloat16``, ``float16``."""
    batch_size: int = 8
    """Most answers at once."""
    trust_remote_code: bool = False
    """Whether Python files that the model brings may be run on this machine."""


class HubClassifier:
    """A classifier model; nothing is fetched or loaded before `prepare` or `judge`.

    Args:
        settings: which model, and how it is asked.
        folder: where relative paths start.
        where: the setting, for errors.

    Raises:
        ConfigError: settings that cannot be used, or a model of no known family.
    """

    def __init__(self, settings: ClassifierSettings, *, folder: Path, where: str) -> None:
        self.settings = _checked(settings, folder, where)
        self._folder = folder
        self._where = where
        self._loading = threading.Lock()
        self._model: OpenedModel | None = None
        self._identity = ""
        found = local_folder(self.settings.model, folder)
        self.family: Family | None = self._family(found)

    @property
    def threshold(self) -> float:
        """From this probability on the answer is yes."""
        return self.settings.threshold

    @property
    def version(self) -> str:
        """Family and digest of the files and settings that decide judgements; settled by `prepare`."""
        family = self.family
        name = f"{family.name}{family.version}" if family else "unknown"
        return f"{name}+{self._identity.removeprefix('sha256:')[:12]}"

    def check(self, question: Question, evaluator: str) -> None:
        """Object if the classifier cannot answer `question`, as far as that is known without fetching it.

        Raises:
            ConfigError: it cannot.
        """
        if self.family is not None and question not in self.family.questions:
            able = ", ".join(sorted(self.family.questions))
            raise ConfigError(
                f"{self.settings.model} cannot answer what {evaluator} asks ({question})",
                where=self._where,
                mend=f"{self.family.name} answers: {able}; name a classifier that answers {question}",
            )

    async def prepare(self) -> None:
        """Load the model, which settles `version`.

        Raises:
            TargetError: it cannot be found, fetched or loaded.
            ConfigError: it is of no known family.
            UsageError: torch or transformers are absent.
        """
        await asyncio.to_thread(self._open)

    def judge(self, question: Question, exchanges: Sequence[Exchange]) -> list[Answer]:
        """An answer to `question` for each of `exchanges`.

        Raises:
            TargetError: the model cannot be loaded, or is not of its family.
        """
        opened = self._open()
        assert self.family is not None
        return self.family.judge(opened, question, exchanges) if exchanges else []

    def _open(self) -> OpenedModel:
        with self._loading:
            if self._model is None:
                self._model = self._load()
            return self._model

    def _load(self) -> OpenedModel:
        wanted, where = self.settings, self._where
        device = prepare_torch(threads=0, device=wanted.device, dtype=wanted.dtype, where=where)
        folder = find_folder(
            wanted.model,
            revision=wanted.revision,
            folder=self._folder,
            where=where,
            code=wanted.trust_remote_code,
        )
        self.family = self.family or self._family(folder)
        assert self.family is not None
        files = model_files(folder, where=where)
        own_code = self._own_code(folder)
        kind = getattr(self.family, "own_class", "") if own_code else ""
        kind = kind or self.family.model_class
        code = code_files(files).digest if own_code else ""
        key = (files.digest, code, str(folder), kind, wanted.dtype, device, str(wanted.batch_size))
        with _opening:
            opened = _opened.get(key)
            if opened is None:
                opened = self._read(files, kind, device, own_code=own_code)
                _opened[key] = opened
        self._identity = digest_of(
            {
                "weights": files.weights.digest,
                "config": files.config.digest,
                "tokenizer": files.tokenizer.digest,
                "code": code,
                "dtype": str(opened.model.dtype),
                "family": [self.family.name, self.family.version],
                "threshold": repr(wanted.threshold),
                "labels": dict(sorted(wanted.labels.items())),
                "reads": wanted.reads,
            }
        )
        return opened

    def _read(self, files: ModelFiles, kind: str, device: str, *, own_code: bool) -> OpenedModel:
        wanted, where = self.settings, self._where
        tokenizer = load_tokenizer(files, where=where)
        model = load_model(
            files, kind=kind, dtype=wanted.dtype, device=device, where=where, trust_remote_code=own_code
        )
        now = model_files(files.folder, where=where)
        if (now.digest, now.state) != (files.digest, files.state):
            raise TargetError(
                f"{files.folder} changed while it was being read",
                where=where,
                mend="wait until whatever writes it has finished",
            )
        return OpenedModel(model, tokenizer, batch_size=wanted.batch_size, where=where)

    def _own_code(self, folder: Path) -> bool:
        """Whether the model brings code of its own that it must be loaded with, and may be."""
        config = _config(folder, self._where)
        if not config.get("auto_map") or str(config.get("model_type", "")).lower() in ("t5", "bert", "llama"):
            return False
        if not self.settings.trust_remote_code:
            raise ConfigError(
                f"{self.settings.model} runs Python code of its own when it is loaded",
                where=f"{self._where}: trust_remote_code",
                mend="read that code, pin its revision and write trust_remote_code: true, or give a folder "
                "with a model of a standard architecture",
            )
        return True

    def _family(self, folder: Path | None) -> Family | None:
        config = _config(folder, self._where) if folder else None
        wanted = self.settings
        return family_of(wanted.model, wanted.family, wanted, config, where=self._where)


def open_classifier(given: Any, *, folder: Path, where: str) -> HubClassifier:
    """The classifier that a setting names; one that is open already is taken as it is.

    Raises:
        ConfigError: a wrong setting, or a model of no known family.
    """
    if isinstance(given, HubClassifier):
        return given
    plain = {"model": given} if isinstance(given, str) else given
    if not isinstance(plain, Mapping):
        raise ConfigError(
            "a classifier is a hub name, a folder or a mapping", where=where, mend="such as allenai/wildguard"
        )
    known = ClassifierSettings.__struct_fields__
    for key in plain:
        if key not in known:
            raise ConfigError(f"unknown setting {key!r}", where=where, mend=did_you_mean(str(key), known))
    try:
        settings = msgspec.convert(dict(plain), ClassifierSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where=where, mend=f"settings: {', '.join(known)}") from error
    return HubClassifier(settings, folder=folder, where=where)


def _checked(settings: ClassifierSettings, folder: Path, where: str) -> ClassifierSettings:
    """`settings` with the revision apart from the name.

    Raises:
        ConfigError: a threshold, a batch size or a revision that cannot be.
    """
    if not 0 < settings.threshold < 1:
        raise ConfigError(
            f"the threshold is {settings.threshold}", where=f"{where}: threshold", mend="between 0 and 1"
        )
    if settings.batch_size < 1:
        raise ConfigError("a batch needs an answer", where=f"{where}: batch_size", mend="8 is usual")
    if local_folder(settings.model, folder) is not None:
        if settings.revision:
            raise ConfigError(
                f"{settings.model} is a folder, which has no revisions",
                where=f"{where}: revision",
                mend="leave it out",
            )
        return settings
    name, _, after = settings.model.partition("@")
    if after and settings.revision:
        raise ConfigError("two revisions are named", where=where, mend="leave one out")
    revision = after or settings.revision
    if not revision:
        warnings.warn(
            f"{where}: {name} names no revision, so its owner can change the scores; write {name}@COMMIT",
            stacklevel=2,
        )
    return msgspec.structs.replace(settings, model=name, revision=revision)


def _config(folder: Path, where: str) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise TargetError(f"config.json is damaged: {error}", where=str(path)) from error
