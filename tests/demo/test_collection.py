import csv
import hashlib
import re
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from seke_pipeline.demo import DemoSettings, draw_collection
from seke_pipeline.demo.bp4d import SUBJECTS
from seke_pipeline.demo.collection import TRUTH_SCHEMA, pictures_of
from seke_pipeline.demo.errors import DemoError
from seke_pipeline.demo.settings import AnnotatorSettings

SMALL = DemoSettings(rafdb_train=60, rafdb_test=12, bp4d_subjects=3, bp4d_frames=5, picture_px=160)
TINY = SMALL.model_copy(update={"rafdb_train": 2, "rafdb_test": 1, "bp4d_subjects": 1, "bp4d_frames": 2})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    draw_collection(root, SMALL)
    return root


def tree(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_rafdb_layout(root: Path) -> None:
    lines = (root / "rafdb/basic/EmoLabel/list_patition_label.txt").read_bytes().decode("ascii").split("\n")
    names = [f"train_{n:05d}.jpg" for n in range(1, 61)] + [f"test_{n:04d}.jpg" for n in range(1, 13)]
    assert lines.pop() == ""
    assert [line.split(" ")[0] for line in lines] == names
    assert {line.split(" ")[1] for line in lines} == set("1234567")
    assert sorted(path.name for path in (root / "rafdb/basic/Image/original").iterdir()) == sorted(names)


def test_rafdb_codes_are_its_own(root: Path) -> None:
    code = {
        "surprise": "1",
        "fear": "2",
        "disgust": "3",
        "happiness": "4",
        "sadness": "5",
        "anger": "6",
        "neutral": "7",
    }
    listed = (root / "rafdb/basic/EmoLabel/list_patition_label.txt").read_text().splitlines()
    truth = pl.read_parquet(root / "truth.parquet").filter(source="rafdb")
    drawn = {Path(path).name: code[word] for path, word in truth.select("path", "expression").iter_rows()}
    assert len(drawn) == 68
    assert drawn.items() <= dict(line.split(" ") for line in listed).items()


def test_every_kind_of_hard_file(root: Path) -> None:
    def data(name: str) -> bytes:
        return (root / "rafdb/basic/Image/original" / name).read_bytes()

    assert Image.open(BytesIO(data("train_00012.jpg"))).size == (240, 240)  # several people
    assert Image.open(BytesIO(data("train_00024.jpg"))).size == (160, 160)  # a landscape
    with Image.open(BytesIO(data("train_00036.jpg"))) as cut, pytest.raises(OSError, match="truncated"):
        cut.load()
    assert data("train_00048.jpg") == b""
    assert data("train_00060.jpg") == b"404: the picture is no longer here\n"
    truth = set(pl.read_parquet(root / "truth.parquet").filter(source="rafdb")["path"])
    hard = [f"basic/Image/original/train_{n:05d}.jpg" for n in (12, 24, 36, 48, 60)]
    assert [path in truth for path in hard] == [True, False, False, False, False]


def test_the_labelled_person_is_the_largest(root: Path) -> None:
    dlib = pytest.importorskip("dlib")
    np = pytest.importorskip("numpy")
    with Image.open(root / "rafdb/basic/Image/original/train_00012.jpg") as group:
        picture = np.asarray(group.resize((480, 480)))
    boxes = sorted(dlib.get_frontal_face_detector()(picture, 1), key=lambda box: box.width())
    assert len(boxes) == 3
    assert boxes[-1].width() > 1.4 * boxes[-2].width()
    assert abs((boxes[-1].left() + boxes[-1].right()) / 2 - 240) < 30


def test_bp4d_layout(root: Path) -> None:
    base = root / "bp4d"
    frames = {}
    for file in sorted((base / "AUCoding/AU_OCC").iterdir()):
        subject, task = file.stem.split("_")
        header, *rows = csv.reader(file.read_text().splitlines())
        assert ",".join(header) == "0,1,2,4,6,7,10,11,12,14,15,16,17,22,23,24"
        assert {cell for row in rows for cell in row[1:]} <= {"0", "1", "9"}
        pictures = sorted((base / subject / task).iterdir(), key=lambda path: int(path.stem))
        assert [int(row[0]) for row in rows] == [int(path.stem) for path in pictures]
        frames[file.name] = [path.name for path in pictures]
    assert {name: len(files) for name, files in frames.items()} == {
        "F001_T1.csv": 2, "F001_T2.csv": 3, "M001_T3.csv": 2, "M001_T4.csv": 3, "F002_T5.csv": 2, "F002_T7.csv": 3,
    }  # fmt: skip
    names = [name for files in frames.values() for name in files]
    assert any(re.fullmatch(r"0\d{3}\.jpg", name) for name in names)
    assert any(re.fullmatch(r"\d{3}\.jpg", name) for name in names)


def test_bp4d_cells_are_the_truth_or_unknown(root: Path) -> None:
    truth = pl.read_parquet(root / "truth.parquet").filter(source="bp4d")
    rows = dict(zip(truth["path"], truth.iter_rows(named=True), strict=True))
    cells = []
    for file in (root / "bp4d/AUCoding/AU_OCC").iterdir():
        folder = file.stem.replace("_", "/")
        for row in csv.DictReader(file.read_text().splitlines()):
            picture = next(path for path in rows if path.startswith(folder) and int(Path(path).stem) == int(row["0"]))
            for au in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24):
                cells.append((row[str(au)], str(int(rows[picture][f"au{au:02d}"]))))
    told = [(cell, true) for cell, true in cells if cell != "9"]
    assert len(cells) == 15 * 12
    assert 0 < len(cells) - len(told) < 15
    assert all(cell == true for cell, true in told)


def test_truth_is_complete_and_typed(root: Path) -> None:
    truth = pl.read_parquet(root / "truth.parquet")
    assert truth.schema == TRUTH_SCHEMA
    assert truth.null_count().sum_horizontal().item() == 0
    assert dict(truth["source"].value_counts().iter_rows()) == {"rafdb": 68, "bp4d": 15}
    assert all((root / source / path).is_file() for source, path in truth.select("source", "path").iter_rows())


def test_the_photograph_is_real(root: Path) -> None:
    with Image.open(root / "photos/astronaut.png") as photograph:
        assert (photograph.format, photograph.size) == ("PNG", (512, 512))


def test_subjects_are_bp4ds() -> None:
    assert sorted(SUBJECTS) == [f"F{n:03d}" for n in range(1, 24)] + [f"M{n:03d}" for n in range(1, 19)]
    assert SUBJECTS[:4] == ("F001", "M001", "F002", "M002")


def test_the_same_settings_draw_the_same_bytes_once(tmp_path: Path) -> None:
    calls: list[int] = []
    for name in ("one", "two", "two"):
        draw_collection(tmp_path / name, TINY, lambda: calls.append(1))
    assert len(calls) == 2 * pictures_of(TINY) == 12
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_other_settings_are_drawn_anew(tmp_path: Path) -> None:
    draw_collection(tmp_path, TINY)
    before = tree(tmp_path)
    draw_collection(tmp_path, TINY.model_copy(update={"noise": AnnotatorSettings(seed=5)}))
    assert tree(tmp_path) == before  # the annotator's errors are not drawn
    draw_collection(tmp_path, TINY.model_copy(update={"seed": 1, "photographs": False}))
    after = tree(tmp_path)
    picture = "rafdb/basic/Image/original/train_00001.jpg"
    assert after[picture] != before[picture]
    assert "photos/astronaut.png" not in after


def test_a_collection_left_half_drawn_is_drawn_anew(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop() -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        draw_collection(tmp_path / "a", TINY, stop)
    draw_collection(tmp_path / "a", TINY)
    draw_collection(tmp_path / "b", TINY)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_files_of_others_are_never_removed(tmp_path: Path) -> None:
    (tmp_path / "rafdb").mkdir()
    (tmp_path / "rafdb/mine.jpg").write_bytes(b"mine")
    with pytest.raises(DemoError, match=r"was not drawn .* Cure: choose another folder"):
        draw_collection(tmp_path, TINY)
    assert tree(tmp_path) == {"rafdb/mine.jpg": hashlib.sha256(b"mine").hexdigest()}
