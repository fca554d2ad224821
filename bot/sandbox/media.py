"""Files in the bot's calls: uploaded with the call, or known by their id."""

from bot.sandbox.errors import bad_request
from bot.sandbox.files import Files, Kind, StoredFile
from bot.sandbox.images import Size, picture_size
from bot.sandbox.params import Params, Upload

# Bot API, sendPhoto: 10 MB, width plus height at most 10000, ratio at most 20.
PHOTO_LIMIT = 10 * 1024 * 1024
SIDES_LIMIT = 10_000
RATIO_LIMIT = 20


def input_file(files: Files, params: Params, name: str, kind: Kind) -> StoredFile:
    """The file that parameter `name` brings. Raises 400 when it cannot be sent as this kind."""
    value = params.text(name)
    upload = params.uploads.get(value.removeprefix("attach://") if value else name)
    if upload is not None:
        return keep(files, upload, kind)
    if not value:
        raise bad_request(f"there is no {kind} in the request")
    if value.startswith(("http://", "https://")):
        # Nothing here reaches out to the internet.
        raise bad_request("failed to get HTTP URL content")
    return _known(files, value, kind)


def keep(files: Files, upload: Upload, kind: Kind) -> StoredFile:
    """Raises 400 for an empty file and for a photo that is none or too large."""
    if not upload.content:
        raise bad_request("file must be non-empty")
    return files.keep(upload, _photo_size(upload) if kind == "photo" else None)


def _known(files: Files, file_id: str, kind: Kind) -> StoredFile:
    file = files.get(file_id)
    if file is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    if file.kind != kind:
        raise bad_request(f"can't use file of type {file.kind.title()} as {kind.title()}")
    return file


def _photo_size(upload: Upload) -> Size:
    if len(upload.content) > PHOTO_LIMIT:
        raise bad_request(
            f"file of size {len(upload.content)} bytes is too big for a photo; "
            f"the maximum size is {PHOTO_LIMIT} bytes"
        )
    size = picture_size(upload.content)
    if size is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    if sum(size) > SIDES_LIMIT or min(size) * RATIO_LIMIT < max(size):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return size
