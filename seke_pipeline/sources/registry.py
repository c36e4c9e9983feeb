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

if TYPE_CHECKING:
    Kind = str
else:  # a Literal that a type checker cannot follow, so that the names above are not written twice
    Kind = Literal[tuple(READERS)]
