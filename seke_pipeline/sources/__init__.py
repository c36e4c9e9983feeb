"""The source databases: their folders and label files become rows of one schema.

What lives here: one reader per database (`rafdb.py`, `bp4d.py`, `folder.py`), named in `registry.py`; what
all readers share (`rows.py`, `label_file.py`, `files.py`, `split.py`); the look at one source (`scan.py`);
and the dealing of its rows to shards (`shards.py`).
Add a database: write one file with a `READER` (see `rows.Reader`) and one line in `registry.READERS`.
What stays out: decoding images (`vision/`), keeping tables (`storage/`), what labels mean (`emotion/`).
"""

from seke_pipeline.sources.files import read_image
from seke_pipeline.sources.scan import scan
from seke_pipeline.sources.settings import SourceSettings
from seke_pipeline.sources.shards import deal

__all__ = ["SourceSettings", "deal", "read_image", "scan"]
