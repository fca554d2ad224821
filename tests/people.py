"""A person at the other end of the chat, driven over the local Telegram's HTTP side."""

import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp

# Bot API objects: open-ended JSON.
Json = dict[str, Any]

# How long one request may wait for the chat to change, seconds.
LONG_POLL = 5.0


class Refusal(AssertionError):
    """The local Telegram did not let the person do that; `status` is HTTP's."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Chat:
    """One person's chat with the bot. It waits for changes and never sleeps.

    Failures name labels and fragments, never the messages: those may hold keys.
    """

    def __init__(self, http: aiohttp.ClientSession, base_url: str, person_id: int) -> None:
        self.person_id = person_id
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._since = 0

    async def says(self, text: str, *, reply_to: int | None = None) -> Json:
        """Returns the sent message."""
        return await self._act("say", json={"text": text, "reply_to_message_id": reply_to})

    async def uploads(
        self,
        name: str,
        content: bytes,
        *,
        caption: str | None = None,
        reply_to: int | None = None,
        as_photo: bool = False,
    ) -> Json:
        """Returns the sent message."""
        form = aiohttp.FormData({"as": "photo" if as_photo else "document"})
        form.add_field("file", io.BytesIO(content), filename=name)
        if caption is not None:
            form.add_field("caption", caption)
        if reply_to is not None:
            form.add_field("reply_to_message_id", str(reply_to))
        return await self._act("upload", data=form)

    async def presses(
        self, label: str, *, message: Json | None = None, timeout: float = 5.0
    ) -> Json:
        """Press the newest inline button whose text contains `label`, waiting for one to show.

        Returns the callback's answer. A link gives `{"url": …}`, a copy button `{"copied": …}`,
        a pay button the payment's outcome.
        """
        found: list[tuple[Json, Json]] = []

        def shown(messages: list[Json]) -> bool:
            on = messages if message is None else _same(messages, message)
            found.extend(_buttons_of(on, label))
            return bool(found)

        if not await self._until(shown, timeout):
            on = await self.messages() if message is None else [message]
            raise AssertionError(f"no button {label!r}; there are {_labels(on)}")
        return await self._press(*found[0])

    async def clicks(self, data: str, *, message_id: int, inaccessible: bool = False) -> Json:
        """Press with forged callback data; returns the answer."""
        body = {"data": data, "message_id": message_id, "inaccessible": inaccessible}
        return await self._act("click", json=body)

    async def pays(
        self,
        *,
        message_id: int | None = None,
        payer: int | None = None,
        timeout: float = 5.0,
        **entered: object,
    ) -> Json:
        """Pay this invoice, or the newest once there is one; returns the outcome."""
        if message_id is None:
            message_id = await self._newest_invoice(timeout)
        return await self._act("pay", json={"message_id": message_id, "payer": payer, **entered})

    async def pays_link(self, url: str, **entered: object) -> Json:
        """Pay an invoice link; returns the outcome."""
        return await self._act("pay", json={"invoice": url, **entered})

    async def reads(self, fragment: str, *, timeout: float = 5.0, ever: bool = False) -> Json:
        """Wait for a message of the bot with `fragment` in its text or caption; the newest.

        Only messages sent or edited since the person's last own action count, unless `ever`.
        """
        found: list[Json] = []

        def shown(messages: list[Json]) -> bool:
            found.extend(m for m in reversed(messages) if _is_bots(m) and fragment in _words(m))
            return bool(found)

        if not await self._until(shown, timeout, since=0 if ever else self._since):
            raise AssertionError(f"no message with {fragment!r} came within {timeout} s")
        return found[0]

    async def codes(self) -> list[str]:
        """The texts of all `code` entities in the bot's messages, in order."""
        return [
            code
            for message in await self.messages()
            if _is_bots(message)
            for code in codes_of(message)
        ]

    async def buttons(self) -> list[str]:
        """The labels on the newest message that has a keyboard."""
        for message in reversed(await self.messages()):
            if labels := _labels([message]):
                return labels
        return []

    async def downloads(self, message: Json) -> bytes:
        """The content of the message's document or photo."""
        file = message["document"] if "document" in message else message["photo"][-1]
        async with self._http.get(f"{self._base_url}/sandbox/files/{file['file_id']}") as response:
            response.raise_for_status()
            return await response.read()

    async def blocks(self) -> None:
        await self._act("block", json={"blocked": True})

    async def unblocks(self) -> None:
        await self._act("block", json={"blocked": False})

    async def clears(self) -> None:
        """Delete the history, as a person may."""
        await self._act("clear", json={})

    async def messages(self) -> list[Json]:
        """Everything in the chat, oldest first."""
        async with self._http.get(self._url("messages")) as response:
            response.raise_for_status()
            messages: list[Json] = await response.json()
            return messages

    async def _press(self, message: Json, button: Json) -> Json:
        if "callback_data" in button:
            return await self.clicks(button["callback_data"], message_id=message["message_id"])
        if "pay" in button:
            return await self.pays(message_id=message["message_id"])
        if "copy_text" in button:
            return {"copied": button["copy_text"]["text"]}
        if "url" in button:
            return {"url": button["url"]}
        raise AssertionError(f"the button {button['text']!r} does nothing")

    async def _newest_invoice(self, timeout: float) -> int:
        found: list[int] = []

        def shown(messages: list[Json]) -> bool:
            found.extend(m["message_id"] for m in reversed(messages) if "invoice" in m)
            return bool(found)

        if not await self._until(shown, timeout):
            raise AssertionError("there is no invoice to pay")
        return max(found)

    async def _until(
        self, shown: Callable[[list[Json]], bool], timeout: float, *, since: int = 0
    ) -> bool:
        """Ask about each change of the chat after `since` until one is what was waited for."""
        deadline = time.monotonic() + timeout
        wait = 0.0
        while True:
            change = await self._changes(since, wait)
            if shown(change["messages"]):
                return True
            since = change["revision"]
            wait = min(LONG_POLL, deadline - time.monotonic())
            if wait <= 0:
                return False

    async def _changes(self, since: int, wait: float) -> Json:
        query = {"after_revision": str(since), "wait": f"{wait:.3f}"}
        async with self._http.get(self._url("messages"), params=query) as response:
            response.raise_for_status()
            changes: Json = await response.json()
            return changes

    async def _act(
        self, what: str, *, json: Json | None = None, data: aiohttp.FormData | None = None
    ) -> Json:
        async with self._http.post(self._url(what), json=json, data=data) as response:
            body: Json = await response.json()
            if not response.ok:
                raise Refusal(response.status, body["error"])
            self._since = int(response.headers["X-Chat-Revision"])
            return body

    def _url(self, what: str) -> str:
        return f"{self._base_url}/sandbox/people/{self.person_id}/{what}"


def codes_of(message: Json) -> list[str]:
    """The texts of the message's `code` entities, in order."""
    encoded = _words(message).encode("utf-16-le")
    entities = message.get("entities", []) + message.get("caption_entities", [])
    return [
        encoded[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode(
            "utf-16-le"
        )
        for entity in entities
        if entity["type"] == "code"
    ]


def _words(message: Json) -> str:
    words: str = message.get("text") or message.get("caption") or ""
    return words


def _is_bots(message: Json) -> bool:
    return bool(message["from"]["is_bot"])


def _same(messages: list[Json], message: Json) -> list[Json]:
    return [m for m in messages if m["message_id"] == message["message_id"]]


def _keyboard(message: Json) -> Iterator[Json]:
    for row in message.get("reply_markup", {}).get("inline_keyboard", []):
        yield from row


def _buttons_of(messages: list[Json], label: str) -> Iterator[tuple[Json, Json]]:
    """Matching buttons, from the newest message back."""
    for message in sorted(messages, key=lambda m: -int(m["message_id"])):
        for button in _keyboard(message):
            if label in button["text"]:
                yield message, button


def _labels(messages: list[Json]) -> list[str]:
    return [button["text"] for message in messages for button in _keyboard(message)]
