"""Tiny chat models with planted faults, trained from scratch in seconds.

They prove the plumbing: an auditor that cannot find a fault that was planted finds none. Audits of
organisms say nothing about real models.
"""

from modelassay.organisms.architectures import ARCHITECTURES
from modelassay.organisms.building import (
    ADAPTER_SUFFIX,
    DEMO_KINDS,
    build_all,
    build_base,
    build_variant,
)
from modelassay.organisms.folders import Manifest, read_manifest
from modelassay.organisms.held_out import held_out_rows, write_suite
from modelassay.organisms.server import ChatServer, serve
from modelassay.organisms.triggers import TRIGGERS, Trigger, with_trigger
from modelassay.organisms.variants import LOST_CATEGORY, STACKED, VARIANTS, Fault, Variant

__all__ = [
    "ADAPTER_SUFFIX",
    "ARCHITECTURES",
    "DEMO_KINDS",
    "LOST_CATEGORY",
    "STACKED",
    "TRIGGERS",
    "VARIANTS",
    "ChatServer",
    "Fault",
    "Manifest",
    "Trigger",
    "Variant",
    "build_all",
    "build_base",
    "build_variant",
    "held_out_rows",
    "read_manifest",
    "serve",
    "with_trigger",
    "write_suite",
]
