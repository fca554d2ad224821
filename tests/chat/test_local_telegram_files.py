"""Photos, documents and albums through the local Telegram, both ways."""

import io
import struct
from typing import Literal

import pytest
from aiogram.exceptions import TelegramBadRequest, TelegramEntityTooLarge
from aiogram.types import BufferedInputFile, InputMediaDocument, InputMediaPhoto, Message

from bot.sandbox.images import picture_size
from tests.chat.local_telegram import ANN, TOKEN, Local, local_telegram
from tests.people import Refusal


def png(width: int, height: int) -> bytes:
    """A picture's header; nobody here looks further."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"rest"


def jpeg(width: int, height: int) -> bytes:
    comment = struct.pack(">BBH", 0xFF, 0xFE, 6) + b"note"
    return b"\xff\xd8" + comment + struct.pack(">BBHBHH", 0xFF, 0xC0, 17, 8, height, width)


def file(content: bytes, name: str = "keys.txt") -> BufferedInputFile:
    return BufferedInputFile(content, name)


async def download(local: Local, file_id: str) -> bytes:
    stream = await local.bot.download(file_id)
    assert isinstance(stream, io.BytesIO)
    return stream.read()


async def test_document_keeps_name_kind_and_bytes() -> None:
    async with local_telegram() as local:
        content = "ключ-1\nключ-2\n".encode()
        sent = await local.bot.send_document(
            ANN, file(content, "ключи.txt"), caption="<b>2</b> keys"
        )
        assert sent.document is not None
        assert sent.document.file_name == "ключи.txt"
        assert sent.document.mime_type == "text/plain"
        assert sent.document.file_size == len(content)
        message = await local.ann.reads("2 keys")
        assert message["caption_entities"] == [{"type": "bold", "offset": 0, "length": 1}]
        assert await local.ann.downloads(message) == content
        again = await local.bot.send_document(ANN, sent.document.file_id)
        assert again.document is not None
        assert again.document.file_unique_id == sent.document.file_unique_id


@pytest.mark.parametrize("content", [png(320, 200), jpeg(320, 200)])
async def test_photo_has_its_true_size(content: bytes) -> None:
    async with local_telegram() as local:
        sent = await local.bot.send_photo(ANN, file(content, "qr"), caption="Scan")
        assert sent.photo is not None
        assert (sent.photo[-1].width, sent.photo[-1].height) == (320, 200)
        assert await download(local, sent.photo[-1].file_id) == content
        message = await local.ann.reads("Scan")
        assert await local.ann.downloads(message) == content


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (b"GIF89a" + struct.pack("<HH", 3, 4), (3, 4)),
        (b"BM" + bytes(16) + struct.pack("<ii", 3, -4), (3, 4)),
        (b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\2\0\0\3\0\0", (3, 4)),
        (b"RIFF\0\0\0\0WEBPVP8L" + bytes(5) + struct.pack("<I", 2 | 3 << 14), (3, 4)),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", 3, 4), (3, 4)),
        (b"plain text", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"\xff\xd8\xff\xe0", None),
        (b"\xff\xd8\xff\xe0\x00\x04ab??", None),
    ],
)
def test_size_is_read_from_the_header(content: bytes, size: tuple[int, int] | None) -> None:
    assert picture_size(content) == size


@pytest.mark.parametrize(
    ("content", "description"),
    [
        (b"no picture", "IMAGE_PROCESS_FAILED"),
        (png(9000, 1001), "PHOTO_INVALID_DIMENSIONS"),
        (png(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
        (b"", "file must be non-empty"),
        (
            png(1, 1) + bytes(10 * 1024 * 1024),
            "file of size 10485788 bytes is too big for a photo; "
            "the maximum size is 10485760 bytes",
        ),
    ],
)
async def test_bad_photo_is_refused(content: bytes, description: str) -> None:
    async with local_telegram() as local:
        with pytest.raises(TelegramBadRequest) as refusal:
            await local.bot.send_photo(ANN, file(content))
        assert refusal.value.message == f"Bad Request: {description}"


async def test_file_ids_are_checked() -> None:
    async with local_telegram() as local:
        sent = await local.bot.send_photo(ANN, file(png(9, 9)))
        assert sent.photo is not None
        with pytest.raises(TelegramBadRequest, match="can't use file of type Photo as Document"):
            await local.bot.send_document(ANN, sent.photo[-1].file_id)
        with pytest.raises(TelegramBadRequest, match="wrong file identifier/HTTP URL specified"):
            await local.bot.send_photo(ANN, "AgACAgIAAx")
        with pytest.raises(TelegramBadRequest, match="failed to get HTTP URL content"):
            await local.bot.send_photo(ANN, "https://example.com/cat.png")
        with pytest.raises(TelegramBadRequest, match="invalid file_id"):
            await local.bot.get_file("AgACAgIAAx")
        assert (await local.api("sendPhoto", chat_id=ANN))[1]["description"] == (
            "Bad Request: there is no photo in the request"
        )


async def test_caption_is_limited_after_parsing() -> None:
    async with local_telegram() as local:
        await local.bot.send_photo(ANN, file(png(9, 9)), caption=f"<i>{'x' * 1024}</i>")
        with pytest.raises(TelegramBadRequest, match="message caption is too long"):
            await local.bot.send_photo(ANN, file(png(9, 9)), caption="x" * 1025)


async def test_photo_has_a_caption_to_edit_and_no_text() -> None:
    async with local_telegram() as local:
        sent = await local.bot.send_photo(ANN, file(png(9, 9)), caption="old")
        with pytest.raises(TelegramBadRequest, match="there is no text in the message to edit"):
            await sent.edit_text("new")
        await sent.edit_caption(caption="new")
        assert "photo" in await local.ann.reads("new")
        await sent.edit_media(InputMediaDocument(media=file(b"AAAA"), caption="as a file"))
        message = await local.ann.reads("as a file")
        assert "photo" not in message
        assert await local.ann.downloads(message) == b"AAAA"


async def test_text_can_become_a_photo() -> None:
    async with local_telegram() as local:
        sent = await local.bot.send_message(ANN, "wait")
        await sent.edit_media(InputMediaPhoto(media=file(png(9, 9)), caption="<b>Scan</b>"))
        message = await local.ann.reads("Scan")
        assert "text" not in message
        assert message["caption_entities"] == [{"type": "bold", "offset": 0, "length": 4}]


async def test_album_holds_photos_or_documents() -> None:
    async with local_telegram() as local:
        photos = [InputMediaPhoto(media=file(png(n, 9)), caption=f"p{n}") for n in (1, 2)]
        first, second = await local.bot.send_media_group(ANN, list(photos))
        assert (first.caption, second.caption) == ("p1", "p2")
        assert first.media_group_id == second.media_group_id is not None
        with pytest.raises(TelegramBadRequest, match="can't use the media of the specified type"):
            await local.bot.send_media_group(ANN, [*photos, InputMediaDocument(media=file(b"x"))])
        with pytest.raises(TelegramBadRequest, match="too many messages to send as an album"):
            await local.bot.send_media_group(ANN, [photos[0]] * 11)


async def test_bot_reads_what_a_person_uploads() -> None:
    async with local_telegram() as local:
        note = await local.ann.says("for this product")
        content = b"A-1\r\nA-2\r\n"
        await local.ann.uploads(
            "keys.csv", content, caption="/import GAME", reply_to=note["message_id"]
        )
        message = (await local.bot.get_updates())[-1].message
        assert isinstance(message, Message)
        assert message.document is not None
        assert message.caption == "/import GAME"
        assert message.caption_entities is not None
        assert message.caption_entities[0].type == "bot_command"
        assert message.reply_to_message is not None
        assert message.document.file_name == "keys.csv"
        assert message.document.mime_type == "text/csv"
        assert await download(local, message.document.file_id) == content


async def test_bot_reads_the_photo_of_a_person() -> None:
    async with local_telegram() as local:
        await local.ann.uploads("me.png", png(64, 32), as_photo=True)
        message = (await local.bot.get_updates())[-1].message
        assert message is not None
        assert message.photo is not None
        assert (message.photo[-1].width, message.photo[-1].height) == (64, 32)
        with pytest.raises(Refusal, match="IMAGE_PROCESS_FAILED"):
            await local.ann.uploads("me.png", b"no picture", as_photo=True)


@pytest.mark.parametrize("side", ["person", "bot"])
async def test_large_files_stop_where_telegram_stops_them(side: Literal["person", "bot"]) -> None:
    async with local_telegram() as local:
        if side == "person":
            await local.ann.uploads("big.bin", bytes(20 * 1024 * 1024 + 1))
            message = (await local.bot.get_updates())[-1].message
            assert message is not None
            assert message.document is not None
            with pytest.raises(TelegramBadRequest, match="Bad Request: file is too big"):
                await local.bot.get_file(message.document.file_id)
        else:
            with pytest.raises(TelegramEntityTooLarge, match="Request Entity Too Large"):
                await local.bot.send_document(ANN, file(bytes(50 * 1024 * 1024 + 1)))


async def test_only_the_bot_downloads_by_path() -> None:
    async with local_telegram() as local:
        sent = await local.bot.send_document(ANN, file(b"AAAA"))
        assert sent.document is not None
        path = (await local.bot.get_file(sent.document.file_id)).file_path
        assert (await local.get(f"/file/bot42:WRONG/{path}"))[0] == 401
        assert (await local.get(f"/file/bot{TOKEN}/documents/none"))[0] == 404
