"""Files that went through the chats, kept in memory."""

import mimetypes
import secrets
from dataclasses import dataclass, field
from typing import Literal

from bot.sandbox.images import Size
from bot.sandbox.params import Upload
from bot.sandbox.wire import Json, without_blanks

Kind = Literal["photo", "document"]
# All files together.
BYTES_KEPT = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredFile:
    """`path` is what getFile gives; `size` in pixels is a picture's alone."""

    id: str
    unique_id: str
    kind: Kind
    name: str
    mime_type: str
    path: str
    content: bytes = field(repr=False)
    size: Size | None = None

    def as_content(self) -> Json:
        """The part of a Bot API message that holds this file."""
        about = {
            "file_id": self.id,
            "file_unique_id": self.unique_id,
            "file_size": len(self.content),
        }
        if self.size is not None:
            picture = {"width": self.size.width, "height": self.size.height}
            return {"photo": [{**about, **picture}]}
        names = {"file_name": self.name, "mime_type": self.mime_type}
        return {"document": {**without_blanks(names), **about}}


class Files:
    """By file id and by path; beyond `bytes_kept` the oldest are forgotten."""

    def __init__(self, bytes_kept: int = BYTES_KEPT) -> None:
        self._bytes_kept = bytes_kept
        self._by_id: dict[str, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}
        self._bytes = 0
        self._count = 0

    def get(self, file_id: str) -> StoredFile | None:
        return self._by_id.get(file_id)

    def at(self, path: str) -> StoredFile | None:
        return self._by_path.get(path)

    def keep(self, upload: Upload, size: Size | None = None) -> StoredFile:
        """Store it as a photo when it has a size in pixels, else as a document."""
        kind: Kind = "photo" if size else "document"
        name = _clean(upload.name)
        _, dot, extension = name.rpartition(".")
        file = StoredFile(
            id=f"{'AgAC' if size else 'BQAC'}{secrets.token_urlsafe(40)}",
            unique_id=f"A{secrets.token_urlsafe(10)}",
            kind=kind,
            name=name,
            mime_type=_mime_type(upload, name),
            path=f"{kind}s/file_{self._count}{dot}{extension if dot else ''}",
            content=upload.content,
            size=size,
        )
        self._count += 1
        self._add(file)
        return file

    def _add(self, file: StoredFile) -> None:
        self._by_id[file.id] = self._by_path[file.path] = file
        self._bytes += len(file.content)
        while self._bytes > self._bytes_kept and len(self._by_id) > 1:
            oldest = self._by_id.pop(next(iter(self._by_id)))
            del self._by_path[oldest.path]
            self._bytes -= len(oldest.content)


def _clean(name: str) -> str:
    """A file's name without the folders a client may have put before it."""
    return name.replace("\\", "/").rpartition("/")[2].strip()


def _mime_type(upload: Upload, name: str) -> str:
    guessed, _ = mimetypes.guess_type(name)
    return guessed or upload.content_type.partition(";")[0] or "application/octet-stream"
