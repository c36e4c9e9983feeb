from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seke_pipeline.demo import Annotator, AnnotatorSettings
from seke_pipeline.demo.affect import Affect, feel
from seke_pipeline.demo.face import Figure, draw_picture, pose_alone, take_view
from seke_pipeline.demo.person import meet_person
from seke_pipeline.demo.reader import Reader, open_reader
from seke_pipeline.demo.training import fit
from seke_pipeline.emotion.labels import Expression

READER_FACES = 200


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("eyes")


@pytest.fixture(scope="session")
def reader(cache: Path) -> Reader:
    return open_reader(cache, READER_FACES, fit)


@pytest.fixture
def annotator(cache: Path, reader: Reader) -> Iterator[Callable[..., Annotator]]:
    """Build annotators that share the fitted eyes."""

    def build(**settings: float) -> Annotator:
        return Annotator(AnnotatorSettings(reader_faces=READER_FACES, **settings), cache)

    yield build


def crop_of(expression: Expression, seed: int) -> tuple[Image.Image, Affect]:
    """A face crop as the pipeline makes it: a square around dlib's box with 30 % of room."""
    rng = np.random.default_rng([99, seed])
    affect, head = feel(expression, rng), pose_alone(rng, 320)
    picture = draw_picture([Figure(meet_person(rng), affect, head)], take_view(rng), 320, rng)
    half, middle = 1.66 * head.unit_px * rng.uniform(0.93, 1.07), head.y + 0.27 * head.unit_px
    box = (head.x - half, middle - half, head.x + half, middle + half)
    return picture.transform((224, 224), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC), affect
