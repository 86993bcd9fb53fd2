"""Artifacts: what a model, an adapter or a dataset *is*, by content; what it is declared to be made from.

Stands below `targets`, which fingerprints the files that it really loads.
"""

from modelassay.artifacts.appraisal import lineage_findings
from modelassay.artifacts.claims import CHECKS
from modelassay.artifacts.declaration import resolve_lineage
from modelassay.artifacts.fingerprint import (
    FileDigests,
    FolderFingerprint,
    digest_file,
    fingerprint_folder,
)
from modelassay.artifacts.lineage import Ancestor, declared_artifacts, in_order, pedigree
from modelassay.artifacts.recipe import RecipeItem, recipe_items
from modelassay.artifacts.subjects import composition, folder_artifact, model_artifacts

__all__ = [
    "CHECKS",
    "Ancestor",
    "FileDigests",
    "FolderFingerprint",
    "RecipeItem",
    "composition",
    "declared_artifacts",
    "digest_file",
    "fingerprint_folder",
    "folder_artifact",
    "in_order",
    "lineage_findings",
    "model_artifacts",
    "pedigree",
    "recipe_items",
    "resolve_lineage",
]
