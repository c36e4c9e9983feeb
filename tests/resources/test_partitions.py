"""Partition keys of models: a key stays itself, any other name becomes one that no other model shares."""

import re

import pytest

from seke_pipeline.resources.partitions import model_key


@pytest.mark.parametrize("model", ["gpt-4o", "demo-annotator", "llava_7b"])
def test_a_name_that_is_a_key_stays(model: str) -> None:
    assert model_key(model) == model


def test_other_names_become_keys_and_stay_apart() -> None:
    keys = [model_key(name) for name in ("Qwen/Qwen2.5-VL", "qwen/qwen2.5-vl", "../../etc", "gpt-4.1", "模型")]

    assert all(re.fullmatch(r"[a-z0-9][a-z0-9_-]*", key) for key in keys)
    assert len(set(keys)) == len(keys)
    assert keys[0].startswith("qwen-qwen2-5-vl-")
