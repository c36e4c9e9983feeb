"""Who is drawn: the traits that stay the same in every picture of one person.

What lives here: `Person` and how one is drawn by lot. Add a trait here and use it in `face.py` or `features.py`;
what changes with the moment (expression, pose, light) stays out.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from seke_pipeline.demo.draw import Colour, blend

Hair = Literal["short", "side", "long", "bun", "curly", "bald"]

SKINS: tuple[Colour, ...] = (
    (246, 214, 190), (238, 198, 168), (228, 184, 150), (214, 166, 130),
    (198, 146, 108), (178, 126, 92), (156, 106, 76), (136, 92, 68),
)  # fmt: skip
HAIRS: tuple[Colour, ...] = ((34, 28, 28), (54, 38, 30), (92, 60, 38), (140, 94, 52), (196, 158, 98), (150, 148, 150))
IRISES: tuple[Colour, ...] = ((74, 46, 28), (96, 66, 38), (82, 96, 60), (70, 104, 128), (92, 110, 122))
CLOTHES: tuple[Colour, ...] = (
    (66, 88, 120), (120, 66, 70), (70, 108, 92), (88, 84, 96), (196, 186, 172), (150, 120, 84), (52, 56, 66),
)  # fmt: skip
STYLES: tuple[Hair, ...] = ("short", "side", "long", "bun", "curly", "bald")


@dataclass(frozen=True)
class Person:
    """One invented person. Sizes are factors around 1, offsets are in head units, shares are 0…1."""

    skin: Colour
    hair: Colour
    iris: Colour
    clothes: Colour
    style: Hair
    aspect: float
    jaw: float
    chin: float
    brow_thickness: float
    brow_offset: float
    eye_size: float
    eye_gap: float
    eye_slant: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lip_fullness: float
    lip_tint: float
    age: float
    stubble: float

    @property
    def brow(self) -> Colour:
        """Colour of the brows and lashes: the hair's, but never paler than the skin allows."""
        dark = blend(self.hair, (30, 22, 20), 0.45)
        return blend(dark, self.skin, 0.08)

    @property
    def lips(self) -> Colour:
        """Colour of the lips."""
        return blend(self.skin, (166, 62, 66), 0.38 + 0.3 * self.lip_tint)


def meet_person(rng: np.random.Generator) -> Person:
    """Draw a person by lot."""
    skin = int(rng.integers(len(SKINS)))
    fair = skin < 4
    hair = int(rng.choice(len(HAIRS), p=(0.2, 0.25, 0.2, 0.14, 0.12, 0.09) if fair else (0.5, 0.3, 0.1, 0, 0, 0.1)))
    style = STYLES[int(rng.choice(len(STYLES), p=(0.24, 0.2, 0.22, 0.14, 0.14, 0.06)))]
    bearded = style in ("short", "side", "curly", "bald") and rng.random() < 0.3

    def around(centre: float, spread: float) -> float:
        return float(centre + spread * np.clip(rng.standard_normal(), -2, 2))

    return Person(
        skin=SKINS[skin],
        hair=HAIRS[hair],
        iris=IRISES[int(rng.integers(len(IRISES)) if fair else rng.integers(2))],
        clothes=CLOTHES[int(rng.integers(len(CLOTHES)))],
        style=style,
        aspect=around(1.0, 0.035),
        jaw=around(1.0, 0.05),
        chin=around(1.0, 0.03),
        brow_thickness=around(1.0, 0.16),
        brow_offset=around(0.0, 0.015),
        eye_size=around(1.0, 0.05),
        eye_gap=around(1.0, 0.03),
        eye_slant=around(0.0, 0.012),
        nose_width=around(1.0, 0.08),
        nose_length=around(1.0, 0.03),
        mouth_width=around(1.0, 0.04),
        lip_fullness=around(1.0, 0.12),
        lip_tint=float(rng.random()),
        age=float(rng.beta(1.6, 3)),
        stubble=float(rng.uniform(0.3, 0.8)) if bearded else 0.0,
    )
