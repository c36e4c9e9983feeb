"""How long a look at large sources takes, the first time and when nothing changed, and how much memory.

Run: `make bench NAME=sources` (QUICK=1: a tenth), or `python benchmarks/sources/bench.py`. An Aff-Wild2 of 2,000,000
frames and an AffectNet of 290,000 images in both editions are built once in SEKE_BENCH_SCRATCH (else a temporary
folder, removed at the end), about 4 million files. Every look is a process of its own; its memory is what the system
says it had at most. The first look is fingerprint, scan and dealing, as the job does it; the second is the fingerprint,
which is the same. The floor is `os.walk` over the same folders in the same run. A label list that is refused is timed
beside them. The last line is one JSON object.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from synthetic import Built, build_all

QUICK = os.environ.get("QUICK", "") not in ("", "0")
FRAMES, PHOTOS, LINES = (200_000, 29_000, 1_000_000) if QUICK else (2_000_000, 290_000, 10_000_000)


def main() -> None:
    """Build, look twice, tell."""
    scratch = os.environ.get("SEKE_BENCH_SCRATCH")
    with nullcontext(scratch) if scratch else tempfile.TemporaryDirectory(prefix="seke_bench_") as folder:
        started = time.perf_counter()
        collections = build_all(Path(folder), FRAMES, PHOTOS)
        print(f"built or found {sum(one.images for one in collections):,} images in {_since(started):.1f} s")
        looks = [_look_twice(one) for one in collections]
        refused = _told("refuse", str(_endless_list(Path(folder))), "")
    print(f"a list of {LINES:,} lines: {refused['said']} in {refused['s']:.2f} s, {refused['peak_mib']} MiB")
    print(json.dumps(_summary(looks)))


def _look_twice(one: Built) -> dict[str, Any]:
    floor = _told("walk", str(one.root), one.kind)
    first = _told("first", str(one.root), one.kind)
    second = _told("second", str(one.root), one.kind)
    if first["fingerprint"] != second["fingerprint"]:
        raise SystemExit(f"the fingerprint of {one.name} changed though nothing did")
    print(
        f"{one.name}: {first['rows']:,} rows of {one.images:,} images; first look {first['s']:.2f} s "
        f"(scan {first['scan_s']:.2f}, deal {first['deal_s']:.2f}), {first['peak_mib']} MiB; "
        f"second {second['s']:.2f} s, {second['peak_mib']} MiB; os.walk {floor['s']:.2f} s"
    )
    return {"images": one.images, "first": first, "second": second, "floor": floor}


def _summary(looks: list[dict[str, Any]]) -> dict[str, float]:
    first, second, floor = (sum(look[which]["s"] for look in looks) for which in ("first", "second", "floor"))
    return {
        "first_scan_s": round(first, 2),
        "second_scan_s": round(second, 2),
        "peak_mib": max(look[which]["peak_mib"] for look in looks for which in ("first", "second")),
        "images": sum(look["images"] for look in looks),
        "times_faster": round(first / second, 1),
        "floor_s": round(floor, 2),
        "ratio_to_floor": round(first / floor, 2),
        "second_to_floor": round(second / floor, 2),
    }


def _told(what: str, *arguments: str) -> dict[str, Any]:
    """What a process of this file says of its one step."""
    done = subprocess.run([sys.executable, __file__, what, *arguments], check=True, stdout=subprocess.PIPE)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _first(root: str, kind: str) -> dict[str, Any]:
    from seke_pipeline.sources import deal, fingerprint, scan

    settings = _settings(root, kind)
    started = time.perf_counter()
    mark = fingerprint(settings)
    marked = time.perf_counter()
    rows = scan(settings)
    scanned = time.perf_counter()
    dealt = deal(rows, None, 1_000)
    return {
        "s": _since(started),
        "scan_s": scanned - marked,
        "deal_s": _since(scanned),
        "rows": dealt.height,
        "fingerprint": mark,
    }


def _second(root: str, kind: str) -> dict[str, Any]:
    from seke_pipeline.sources import fingerprint

    settings = _settings(root, kind)
    started = time.perf_counter()
    mark = fingerprint(settings)
    return {"s": _since(started), "fingerprint": mark}


def _walk(root: str, _: str) -> dict[str, Any]:
    started = time.perf_counter()
    for _place, _folders, _files in os.walk(root):
        pass
    return {"s": _since(started)}


def _refuse(file: str, _: str) -> dict[str, Any]:
    from seke_pipeline.sources.errors import SourceError
    from seke_pipeline.sources.label_file import read_lines

    started = time.perf_counter()
    try:
        said = f"{read_lines(Path(file)).height:,} lines read"
    except SourceError as error:
        said = error.problem.removeprefix(f"The label file {file} ")
    return {"s": _since(started), "said": said}


STEPS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "first": _first,
    "second": _second,
    "walk": _walk,
    "refuse": _refuse,
}


def _settings(root: str, kind: str) -> Any:
    from seke_pipeline.sources import SourceSettings

    every = {"every_frame": 1} if kind == "affwild2" else {}
    return SourceSettings.model_validate({"name": kind, "kind": kind, "root": root, **every})


def _endless_list(scratch: Path) -> Path:
    file = scratch / f"lines_{LINES}.txt"
    if not file.exists():
        with file.open("w") as lines:
            for start in range(0, LINES, 10_000):
                lines.write("".join(f"train_{n:08}.jpg {n % 7 + 1}\n" for n in range(start, start + 10_000)))
    return file


def _since(started: float) -> float:
    return time.perf_counter() - started


def _peak_mib() -> int:
    """The most memory this process had; getrusage would count that of its parent."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps({**STEPS[sys.argv[1]](*sys.argv[2:4]), "peak_mib": _peak_mib()}))
    else:
        main()
