"""Is everything there that somebody else would need to train the candidate again?

Ten items. Each is *present* (bound to bytes that were read here, or a statement complete in itself, such as a
full commit hash), *declared* (named, but neither read nor pinned), or *missing*. Present means that the item
is at hand, not that training again would give the same weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from modelassay.artifacts.claims import claim
from modelassay.records import Finding, HashedPath, Lineage

ItemState = Literal["present", "declared", "missing"]

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_EXACT_VERSION = re.compile(r"v?\d+(\.\d+)+([.+\-]?[A-Za-z0-9.]+)*")


class RecipeItem(NamedTuple):
    """One thing that training again needs."""

    name: str
    state: ItemState
    mend: str
    """What would make it present."""


def recipe_items(lineage: Lineage) -> tuple[RecipeItem, ...]:
    """The ten items, in a fixed order."""
    return tuple(_items(lineage))


def recipe_finding(lineage: Lineage) -> Finding:
    """How many of the items are there, and what would complete them."""
    items = recipe_items(lineage)
    names = {
        state: [i.name for i in items if i.state == state] for state in ("present", "declared", "missing")
    }
    counts = {state: len(found) for state, found in names.items()}
    statement = f"{counts['present']} of {len(items)} items for training the candidate again are there"
    if names["declared"]:
        statement += f"; declared but neither read nor pinned here: {', '.join(names['declared'])}"
    if names["missing"]:
        statement += f"; missing: {', '.join(names['missing'])}"
    wanting = [item.mend for item in items if item.state != "present"]
    statement += f". To complete it: {'; '.join(wanting[:4])}." if wanting else "."
    read = [str(found.digest) for found in _read_here(lineage)]
    if counts["missing"]:
        return claim("recipe", "not_assessable", "medium", statement, values=counts)
    if counts["declared"]:
        return claim("recipe", "not_shown", "medium", statement, values=counts)
    return claim("recipe", "shown_fine", "none", statement, values=counts, rests_on=read)


def _items(lineage: Lineage) -> Iterator[RecipeItem]:
    declared = lineage.declared
    recipe, environment = declared.recipe, declared.recipe.environment
    code = recipe.code
    pinned = bool(code.repository and _COMMIT.fullmatch(code.commit.lower()))
    yield RecipeItem(
        "code",
        "present" if pinned else "declared" if code.repository or code.commit else "missing",
        "give repository and full commit hash of the training code",
    )
    yield _file("configuration", recipe.configuration, lineage)
    yield _statement("seeds", recipe.seeds, "list the seeds that were set")
    yield _file("environment lock", environment.lock, lineage)
    yield _statement("hardware", environment.hardware, "say on what accelerators it ran")
    exact = all(_EXACT_VERSION.fullmatch(version) for version in environment.frameworks.values())
    yield RecipeItem(
        "framework versions",
        ("present" if exact else "declared") if environment.frameworks else "missing",
        "give exact versions of the frameworks",
    )
    yield _statement("data order", recipe.data_order, "say how examples were ordered, packed and mixed")
    yield _statement("command", recipe.command, "give the command that started the training")
    data = [(entry.digest, entry.path in lineage.hashed) for entry in declared.training_data]
    yield _bound("training data", data, "give a path or a digest for every dataset")
    models = [*([declared.base] if declared.base else []), *declared.adapters]
    origins = [(entry.digest, bool(entry.digest)) for entry in models]
    yield _bound("base model", origins, "give the digest of the base model and of every adapter")


def _file(name: str, text: str, lineage: Lineage) -> RecipeItem:
    """A path that was read here, a digest of something that was not, or nothing."""
    state: ItemState = "present" if text in lineage.hashed else "declared" if text else "missing"
    return RecipeItem(name, state, f"give the file of the {name} as a path")


def _statement(name: str, value: object, mend: str) -> RecipeItem:
    return RecipeItem(name, "present" if value else "missing", mend)


def _bound(name: str, entries: Sequence[tuple[str, bool]], mend: str) -> RecipeItem:
    """Present when every entry is bound to content, declared when every one at least is named."""
    state: ItemState = "missing"
    if entries:
        state = "present" if all(read for _, read in entries) else "declared"
    return RecipeItem(name, state, mend)


def _read_here(lineage: Lineage) -> Iterator[HashedPath]:
    recipe = lineage.declared.recipe
    for path in (recipe.configuration, recipe.environment.lock):
        if path in lineage.hashed:
            yield lineage.hashed[path]
