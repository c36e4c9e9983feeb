"""The source databases: their folders and label files become rows of one schema.

What lives here: one reader per database, named in `registry.py`; what all readers share (`rows.py`,
`label_file.py`, `split.py`, and `files.py` over `disk.py` and `s3.py`); the look at one source (`scan.py`), and whether
one is needed (`fingerprint.py`); the dealing of its rows to shards (`shards.py`); one image in place (`image.py`).
Add a database: write one file with a `READER` (see `rows.Reader`) and one line in `registry.READERS`.
What stays out: decoding images (`vision/`), keeping tables (`storage/`), what labels mean (`emotion/`).
"""

from seke_pipeline.sources.files import Root, open_root
from seke_pipeline.sources.fingerprint import fingerprint
from seke_pipeline.sources.image import read_image
from seke_pipeline.sources.scan import scan
from seke_pipeline.sources.settings import SourceSettings
from seke_pipeline.sources.shards import deal

__all__ = ["Root", "SourceSettings", "deal", "fingerprint", "open_root", "read_image", "scan"]
