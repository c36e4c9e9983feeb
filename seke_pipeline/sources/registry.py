"""The kinds of source. A new database is one file in this folder and one line in `READERS`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from seke_pipeline.sources import affectnet, affwild2, bp4d, ckplus, disfa, folder, rafdb
from seke_pipeline.sources.rows import Reader

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "rafdb": rafdb.READER,
        "affectnet": affectnet.READER,
        "ckplus": ckplus.READER,
        "bp4d": bp4d.READER,
        "disfa": disfa.READER,
        "affwild2": affwild2.READER,
        "folder": folder.READER,
    }
)

EDITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "affectnet": affectnet.EDITIONS,
        "ckplus": ckplus.EDITIONS,
        "disfa": disfa.EDITIONS,
        "affwild2": affwild2.EDITIONS,
    }
)
"""The releases and layouts that a user may choose between, of the kinds that tell several apart."""

OF_VIDEOS = frozenset({"bp4d", "disfa", "affwild2"})
"""The kinds whose images are frames of videos, which are sampled."""

if TYPE_CHECKING:
    Kind = str
else:  # a Literal that a type checker cannot follow, so that the names above are not written twice
    Kind = Literal[tuple(READERS)]
