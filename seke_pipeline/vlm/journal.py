"""The journal: one line per answer, on the disk before the next one is thought of.

A line is JSON whose first key is the checksum of the rest. Answers are kept raw and unread, so a better parser
costs nothing; no picture is kept. What a crash leaves of a last line is cut off when the journal is opened; a
line that went bad in the middle is left where it is and passed over. Both are reported in `mended`.
"""

import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, get_args

from seke_pipeline.vlm.errors import JournalBusy
from seke_pipeline.vlm.reply import ReplyFault

TRANSPORT_FAULTS: frozenset[ReplyFault] = frozenset({"timeout", "server_error", "client_error"})
"""Faults of the way, not of the model: such an answer is asked for again on the next run."""

_SYNC_S = 1.0
_HEAD = b'{"checksum":"%08x",'
_HEAD_LENGTH = len(_HEAD % 0)


@dataclass(frozen=True)
class Entry:
    """One answer as it came, or why it did not: a line of the journal.

    Attributes:
        face_id: the face it is about.
        arm: the variant of the question.
        round: from 0.
        sample: running number within the arm, from 0.
        request_hash: `Request.hash`.
        model: as it was asked for.
        prompt_version: `Question.version`.
        asked: the fields asked for.
        text, refusal, finish, fault, note, input_tokens, output_tokens, latency_s: as in `Reply`.
    """

    face_id: str
    arm: str
    round: int
    sample: int
    request_hash: str
    model: str
    prompt_version: str
    asked: tuple[str, ...]
    text: str | None
    refusal: str | None
    finish: str | None
    fault: ReplyFault | None
    note: str | None
    input_tokens: float
    output_tokens: float
    latency_s: float

    @property
    def is_answer(self) -> bool:
        """Whether the model said something, be it a refusal; otherwise it is asked again on the next run."""
        return self.fault not in TRANSPORT_FAULTS


def to_line(entry: Entry) -> bytes:
    """An entry as a line, newline and all."""
    rest = json.dumps(vars(entry), separators=(",", ":")).encode()[1:]
    return _HEAD % zlib.crc32(rest) + rest + b"\n"


def from_line(line: bytes) -> Entry | None:
    """The entry of a line without its newline, or None when the line is not as it was written."""
    rest = line[_HEAD_LENGTH:]
    if line[:_HEAD_LENGTH] != _HEAD % zlib.crc32(rest):
        return None
    try:
        fields: dict[str, Any] = json.loads(b"{" + rest)
        entry = Entry(**{**fields, "asked": tuple(fields["asked"])})
    except (ValueError, TypeError, KeyError):  # a line of another version, sound as it may be
        return None
    return entry if entry.fault in (None, *get_args(ReplyFault)) else None


_Key = tuple[str, str, str]


class Journal:
    """The answers of one shard; opened, mended and read when made. Close it, or use it as a context manager.

    Args:
        path: the file; made when it is not there, with its folder.
        clock: seconds that only grow.

    Attributes:
        path: as given.
        mended: what was wrong with the file, in a sentence; None when it was sound.

    Raises:
        JournalBusy: another process has it open.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.mended: str | None = None
        self._clock = clock
        self._recorded: dict[_Key, dict[int, Entry]] = {}
        self._file = path.open("a+b")
        self._synced_at = clock()
        self._unsynced = False
        try:
            _lock(self._file.fileno(), path)
            self._replay()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def recorded(self, face_id: str, arm: str, request_hash: str) -> Mapping[int, Entry]:
        """The answers to a request for a face, by sample; where there was only a fault of the way, that."""
        return MappingProxyType(self._recorded.get((face_id, arm, request_hash), {}))

    def append(self, entry: Entry) -> None:
        """Write one answer; when this returns, only the machine's own fall can lose it, for a second at most."""
        self._file.write(to_line(entry))
        self._file.flush()
        self._unsynced = True
        self._remember(entry)
        if self._clock() - self._synced_at >= _SYNC_S:
            self.sync()

    def sync(self) -> None:
        """Bring to the disk what is not yet there."""
        if self._unsynced:
            os.fsync(self._file.fileno())
            self._unsynced = False
        self._synced_at = self._clock()

    def close(self) -> None:
        """Sync and close; a second time does nothing."""
        if not self._file.closed:
            try:
                self.sync()
            finally:
                self._file.close()

    def _remember(self, entry: Entry) -> None:
        """Keep the first answer of a sample; a fault of the way gives place to whatever follows."""
        samples = self._recorded.setdefault((entry.face_id, entry.arm, entry.request_hash), {})
        held = samples.get(entry.sample)
        if held is None or not held.is_answer:
            samples[entry.sample] = entry

    def _replay(self) -> None:
        bad, end = [], 0
        self._file.seek(0)
        for number, line in enumerate(self._file, start=1):
            entry = from_line(line.removesuffix(b"\n"))
            if entry is not None:
                self._remember(entry)
            elif line.endswith(b"\n"):
                bad.append(number)
            if entry is not None or line.endswith(b"\n"):
                end += len(line)
        self.mended = " ".join((*self._cut(end), *_passed_over(bad))) or None

    def _cut(self, end: int) -> Iterator[str]:
        """Cut off what follows the last whole line, and see that this one ends."""
        size = self._file.seek(0, os.SEEK_END)
        if size > end:
            self._file.truncate(end)
            self._unsynced = True
            yield f"The last line of {self.path.name} was torn: {size - end} bytes were cut off."
        if end and not self._ends_line(end):
            self._file.write(b"\n")
            self._file.flush()
            self._unsynced = True

    def _ends_line(self, end: int) -> bool:
        self._file.seek(end - 1)
        return self._file.read(1) == b"\n"


def _passed_over(bad: list[int]) -> Iterator[str]:
    if bad:
        which = ", ".join(map(str, bad[:5])) + (" …" if len(bad) > 5 else "")
        yield f"Passed over {len(bad)} bad line(s): {which}."


def _lock(descriptor: int, path: Path) -> None:
    """Keep other processes out until the file is closed; two writers would pay for everything twice.

    Raises:
        JournalBusy: another process was first.
    """
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        busy = True
    else:
        busy = False
    if busy:
        raise JournalBusy(f"another run writes {path.name}", cure="wait until it has ended, or stop it; then run again")
