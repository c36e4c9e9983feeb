"""Where the project's own files stand: the SQL that ships beside the package."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CHECKS = PROJECT / "sql" / "checks"
VIEWS = PROJECT / "sql" / "views"
