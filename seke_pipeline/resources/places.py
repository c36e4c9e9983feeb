"""Where the project's own files stand: the SQL that ships beside the package."""

from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2]
CHECKS = _PROJECT / "sql" / "checks"
VIEWS = _PROJECT / "sql" / "views"
