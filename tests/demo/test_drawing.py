import numpy as np
import pytest

from seke_pipeline.demo.affect import Affect, feel
from seke_pipeline.demo.draw import Head, curve, stroke
from seke_pipeline.demo.face import Figure, View, draw_picture, pose_alone, take_view
from seke_pipeline.demo.person import meet_person
from seke_pipeline.emotion.labels import AUS, EXPRESSIONS, Labels

STILL = View(light=-1.2, contrast=0.4, background=(206, 214, 220), blur_px=0.0, noise=0.0)


def drawn(active: tuple[int, ...] = (), one_sided: int = 0) -> np.ndarray:
    """One person, frontal, with these action units at full strength; as grey levels."""
    affect = Affect(Labels(), {au: float(au in active) for au in AUS}, one_sided)
    figure = Figure(meet_person(np.random.default_rng(4)), affect, Head(160, 160, 80))
    return np.asarray(draw_picture([figure], STILL, 320, np.random.default_rng(0)).convert("L"), dtype=float)


def test_the_same_seed_draws_the_same_picture() -> None:
    def picture(seed: int) -> bytes:
        rng = np.random.default_rng(seed)
        figure = Figure(meet_person(rng), feel("fear", rng), pose_alone(rng, 256))
        return draw_picture([figure], take_view(rng), 256, rng).tobytes()

    assert picture(1) == picture(1)
    assert picture(1) != picture(2)


BROW, EYES, NOSE, MOUTH = (80, 135), (135, 185), (130, 200), (190, 300)


@pytest.mark.parametrize(
    ("au", "rows"),
    [
        (1, BROW), (2, BROW), (4, (90, 160)), (5, EYES), (6, EYES), (7, EYES), (9, (110, 230)), (10, (180, 240)),
        (12, (180, 250)), (14, (180, 260)), (15, MOUTH), (17, MOUTH), (20, MOUTH), (23, MOUTH), (24, MOUTH),
        (25, MOUTH),
    ],
)  # fmt: skip
def test_every_action_unit_moves_its_part_of_the_face(au: int, rows: tuple[int, int]) -> None:
    change = np.abs(drawn((au,)) - drawn())
    there = change[rows[0] : rows[1]].sum()
    assert (change > 12).sum() > 60
    assert there > 0.75 * change.sum()


def test_the_jaw_drops_only_where_the_lips_part() -> None:
    closed, parted = np.abs(drawn((26,)) - drawn()), np.abs(drawn((25, 26)) - drawn((25,)))
    assert closed[200:300].mean() < 0.2 * parted[200:300].mean()


@pytest.mark.parametrize(("side", "still", "moved"), [(1, slice(0, 150), slice(170, 320))])
def test_one_sided_action_units(side: int, still: slice, moved: slice) -> None:
    both, one = np.abs(drawn((14,)) - drawn()), np.abs(drawn((14,), side) - drawn())
    assert one[:, still].sum() < 0.3 * both[:, still].sum()
    assert one[:, moved].sum() > 0.9 * both[:, moved].sum()


def test_a_detector_finds_the_faces() -> None:
    dlib = pytest.importorskip("dlib")
    detector = dlib.get_frontal_face_detector()
    rng = np.random.default_rng(21)
    found = 0
    for index in range(48):
        head = pose_alone(rng, 256)
        figure = Figure(meet_person(rng), feel(EXPRESSIONS[index % 8], rng), head)
        boxes = detector(np.asarray(draw_picture([figure], take_view(rng), 256, rng)), 0)
        centres = [(box.left() + box.right()) / 2 - head.x for box in boxes]
        found += len(centres) == 1 and abs(centres[0]) < 0.5 * head.unit_px
    assert found >= 46


def test_curves_pass_through_their_points_and_strokes_taper() -> None:
    points = [(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]
    line = curve(points)
    assert line.shape == (13, 2)
    assert line[[0, 6, 12]].tolist() == [[0, 0], [1, 1], [2, 0]]
    assert curve(points, closed=True).shape == (18, 2)
    outline = stroke(np.array([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)]), 0.5, start=0.2, end=0.4)
    assert np.allclose(outline, [(0, 0.05), (1, 0.25), (2, 0.1), (2, -0.1), (1, -0.25), (0, -0.05)])
