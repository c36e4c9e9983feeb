"""The partition sets: what a run is a run of, and how keys are made."""

import hashlib
import re

import dagster as dg

SHARDS = dg.DynamicPartitionsDefinition(name="shards")
"""Shards of the collection, registered when the sources are looked at: `rafdb-train-00003`."""

FEID_SPLITS = dg.StaticPartitionsDefinition(["train"])
FEAB_SPLITS = dg.StaticPartitionsDefinition(["test"])

MODELS = dg.DynamicPartitionsDefinition(name="models")
"""Models that FEAB scores, registered by `model_key`."""


def model_key(model: str) -> str:
    """The partition key of a model: its name where it is a key already, else a readable form with a hash.

    `gpt-4o` → `gpt-4o`; `Qwen/Qwen2.5-VL` → `qwen-qwen2-5-vl-` and 6 hex digits, so that no two models share one.
    """
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]*", model):
        return model
    digest = hashlib.blake2b(model.encode(), digest_size=3).hexdigest()
    readable = re.sub(r"[^a-z0-9_]+", "-", model.lower()).strip("-_")
    return f"{readable or 'model'}-{digest}"
