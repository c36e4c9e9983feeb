"""Growth: 50 images join a collection of 10,000. What is touched, asked to run, and asked of the VLLM?

The collection is a folder of small drawn faces, repeated under other names until there are enough; the whole main
job runs on it with the stand-in annotator, asked once per face. `IMAGES=1000` makes it smaller. The last line is
one JSON object.
"""

import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from seke_pipeline.automation import new_shards
from seke_pipeline.demo import DemoSettings, draw_collection
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.main_job import look_at_collection, run_main_job
from seke_pipeline.resources.progress import LogMeters
from seke_pipeline.resources.settings import CollectionSettings, Settings
from seke_pipeline.sources import SourceSettings
from seke_pipeline.vision import VisionSettings

IMAGES = int(os.environ.get("IMAGES", "10000"))
ADDED = 50


def main() -> None:
    """Build, run, grow, run again, and say what was touched."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch, dg.DagsterInstance.ephemeral() as instance:
        print(json.dumps(measure(Path(scratch), instance)))


def measure(folder: Path, instance: dg.DagsterInstance) -> dict[str, float]:
    """The figures of one growth."""
    faces = drawn_faces(folder / "drawn")
    photos = folder / "photos"
    photos.mkdir()
    fill(photos, faces, range(IMAGES))
    settings = settings_of(folder)
    started = time.monotonic()
    first = run_main_job(settings, instance, LogMeters(), lambda _: None)
    first_s = time.monotonic() - started
    print(f"{IMAGES} images: {len(first.ran)} runs in {first_s:.0f} s")
    before, answered = written(settings), answers(settings)

    fill(photos, faces, range(IMAGES, IMAGES + ADDED))
    versions = look_at_collection(settings, instance)
    requests = [one for one in new_shards(dg.build_sensor_context(instance=instance)) if isinstance(one, dg.RunRequest)]
    print(f"{ADDED} more: the sensor asks for {[one.partition_key for one in requests]}")
    started = time.monotonic()
    second = run_main_job(settings, instance, LogMeters(), lambda _: None)
    touched = sorted(name for name, at in written(settings).items() if before.get(name) != at)
    print(
        f"second run: {len(second.ran)} runs in {time.monotonic() - started:.0f} s; shard partitions written: {touched}"
    )
    third = run_main_job(settings, instance, LogMeters(), lambda _: None)
    return {
        "images": IMAGES,
        "added": ADDED,
        "shards": len(versions),
        "shards_touched": len({name.partition("/")[2] for name in touched}),
        "runs_asked_for": len(requests),
        "answers_before": answered,
        "answers_asked_for_the_added": answers(settings) - answered,
        "runs_of_an_unchanged_collection": len(third.ran),
    }


def drawn_faces(folder: Path) -> list[Path]:
    """Some drawn faces, small so that the detector is quick."""
    settings = DemoSettings(rafdb_train=1, rafdb_test=1, bp4d_subjects=4, bp4d_frames=5, picture_px=160)
    draw_collection(folder, settings)
    return sorted((folder / "bp4d").rglob("*.jpg"))


def fill(folder: Path, faces: list[Path], numbers: Iterable[int]) -> None:
    """Put numbered images there."""
    for number in numbers:
        shutil.copy(faces[number % len(faces)], folder / f"{number:06d}.jpg")


def settings_of(folder: Path) -> Settings:
    """One folder source, asked one question a face."""
    return Settings(
        lake=folder / "lake",
        sources=(SourceSettings(name="mine", kind="folder", root=folder / "photos"),),
        collection=CollectionSettings(shard_size=1000),
        vision=VisionSettings(detector="dlib_hog"),
        method=MethodSettings(rounds=(("plain",),), samples_per_arm=1),
    )


def written(settings: Settings) -> dict[str, int]:
    """Table and shard → when its Parquet file was put in place."""
    parts = settings.lake.glob("*/shard=*/part.parquet")
    return {f"{part.parts[-3]}/{part.parts[-2]}": part.stat().st_mtime_ns for part in parts}


def answers(settings: Settings) -> int:
    """Answers that the journals hold."""
    return sum(path.read_bytes().count(b"\n") for path in (settings.lake / "journal").glob("mine-*.jsonl"))


if __name__ == "__main__":
    main()
