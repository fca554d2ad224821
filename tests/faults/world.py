"""The running shop as money and crowds meet it: orders by a press, payments told of over HTTP."""

import asyncio
import csv
import dataclasses
import io
import itertools
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs
from structlog.typing import EventDict

from bot.app import App
from bot.pace import PaceMiddleware
from bot.payment_settings import EPaySettings
from bot.sandbox.people import Person
from bot.sandbox.signals import Signal
from bot.sandbox.webhook import SECRET_HEADER
from domain.errors import DatabaseAway
from domain.money import Money
from domain.orders import Order
from domain.payments import Attempt
from handlers.views.buttons import Place
from payments.testpay import PAID, SIGNATURE_HEADER, signature_header
from storage import tables
from storage.unit_of_work import SqlUnitOfWork
from tests import logscan
from tests.chat.shop_chat import ANN, BEN, OWNER, SECRET, ShopChat, open_shop
from tests.faults.waiting import until
from tests.invariants import Sent, check, dump, plaintext_in
from tests.payments.epay_standin import KEY, PID, Platform, Trade, epay_platform
from tests.people import Chat, Json, codes_of

SKU: Final = "GAME-1"
CENTS: Final = 499
UNKNOWN_NUMBER: Final = "7H3KQ0W2M9XD01"
Answer = tuple[int, str]
Changes = Mapping[str, str]
NONE: Final[Changes] = {}
_HANDED_OVER: Final = re.compile(r"🔑 Order ([0-9A-Z]{12}): [^\n]*?(?: \((\d+)/\d+\))?(?:\n|$)")
_nonces: Final = (f"n{number:07}" for number in itertools.count())


@dataclass(frozen=True)
class Ordered:
    """An order that waits for its money; `attempt` is what the payment service knows it by."""

    number: str
    attempt: str
    buyer_id: int


class Service(Protocol):
    """A payment service, from its own side."""

    @property
    def code(self) -> str: ...
    @property
    def accepted(self) -> Answer: ...
    @property
    def refused(self) -> Answer: ...

    def settings(self) -> dict[str, Any]: ...
    def request(
        self, attempt: str, cents: int = CENTS, nth: int = 1, changes: Changes = NONE
    ) -> dict[str, Any]:
        """What it tells the shop: the `nth` transaction of an attempt brought so much.

        `changes` are fields as the service names them, signed too.
        """

    def denial(self, attempt: str) -> dict[str, Any]:
        """A signed notice that is not of a payment: it failed, or was closed."""


class ByTestPay:
    code: Final = "test"
    accepted: Final = (200, "ok")
    refused: Final = (401, "refused")

    def settings(self) -> dict[str, Any]:
        return {}

    def request(
        self, attempt: str, cents: int = CENTS, nth: int = 1, changes: Changes = NONE
    ) -> dict[str, Any]:
        told = {"event": PAID, "transaction": f"TX{attempt}{nth:02}", "number": attempt}
        money: dict[str, Any] = {"amount": cents, "currency": "USD"}
        return signed(json.dumps(told | money | {**changes}).encode())

    def denial(self, attempt: str) -> dict[str, Any]:
        return self.request(attempt, changes={"event": "payment.failed"})


def signed(body: bytes, *, secret: bytes = SECRET, at: float | None = None) -> dict[str, Any]:
    """A body with the test provider's signature over it."""
    signature = signature_header(secret, int(time.time() if at is None else at), body)
    return {
        "data": body,
        "headers": {"Content-Type": "application/json", SIGNATURE_HEADER: signature},
    }


def epay_settings(url: str | None, key: str = KEY) -> EPaySettings:
    """From here alone, not from the environment."""
    # pydantic's own argument, which its mypy plugin alone knows.
    return EPaySettings(  # type: ignore[call-arg]
        _env_file=None, url=url, pid=url and PID, key=SecretStr(key)
    )


class ByEPay:
    code: Final = "epay"
    accepted: Final = (200, "success")
    refused: Final = (401, "fail")

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def settings(self) -> dict[str, Any]:
        logscan.plant(KEY)
        return {"providers": {"epay": epay_settings(self.platform.url)}}

    def request(
        self, attempt: str, cents: int = CENTS, nth: int = 1, changes: Changes = NONE
    ) -> dict[str, Any]:
        """The platform knows of the payment too: the shop asks it."""
        trade = self._trade(attempt)
        trade.paid = True
        trade.trade_no = f"{trade.trade_no[:16]}{nth:02}"
        self.platform.money = f"{cents // 100}.{cents % 100:02}"
        return {"method": "GET", "params": self.platform.notice(attempt, **changes)}

    def denial(self, attempt: str) -> dict[str, Any]:
        return self.request(attempt, changes={"trade_status": "TRADE_CLOSED"})

    def _trade(self, attempt: str) -> Trade:
        """The platform's; one of the platform's own where the shop never asked for any."""
        told = {"out_trade_no": attempt, "name": "a game", "money": "4.99"}
        return self.platform.trades.setdefault(attempt, Trade("2026112099999999", told))


@dataclass(frozen=True)
class Stall:
    """The running shop with one product, and the service that its buyers pay by."""

    shop: ShopChat
    service: Service
    logged: list[EventDict]
    _people: dict[int, Chat] = field(default_factory=dict)

    @property
    def app(self) -> App:
        return self.shop.app

    def person(self, person_id: int) -> Chat:
        """Always the same one, who knows what came before the last own action."""
        return self._people.setdefault(person_id, self.shop.person(person_id))

    @property
    def owner(self) -> Chat:
        return self.person(OWNER)

    @property
    def ann(self) -> Chat:
        return self.person(ANN)

    @property
    def ben(self) -> Chat:
        return self.person(BEN)

    async def stocked(self, *keys: str, sku: str = SKU, **fields: str) -> None:
        """A product with these keys, put in by the owner in the chat."""
        await self.shop.stocks(sku, *keys, **fields)

    async def ordered(
        self, buyer_id: int, quantity: int = 1, sku: str = SKU, by: str = ""
    ) -> Ordered:
        """The buyer presses a payment method, and the order is placed."""
        self.shop.telegram.world.chat(buyer_id).person.started = True
        press = await self.press_of(quantity, sku, by=by)
        buyer = self.person(buyer_id)
        answer = await buyer.clicks(press, message_id=1, inaccessible=True)
        assert answer == {"answered": True, "text": "", "show_alert": False, "url": None}
        async with self.app.new_uow() as uow:
            [order, *_] = (await uow.orders.of_buyer(buyer_id, page=0, size=1)).items
            [attempt] = await uow.attempts.of_order(order.id)
        return Ordered(order.number, attempt.number, buyer_id)

    async def press_of(
        self, quantity: int = 1, sku: str = SKU, nonce: str = "", by: str = ""
    ) -> str:
        """The data of a payment method's button, under a preview of its own."""
        async with self.app.new_uow() as uow:
            _, variant = await uow.catalog.by_sku(sku)
        return Place(
            variant_id=variant.id,
            count=quantity,
            provider=by or self.service.code,
            shown=variant.price.amount * quantity,
            currency=variant.price.currency,
            nonce=nonce or next(_nonces),
        ).pack()

    async def told(self, request: dict[str, Any]) -> Answer:
        """What the shop answers to the service."""
        return await self.shop.callback(self.service.code, **request)

    async def paid(self, ordered: Ordered, cents: int = CENTS, nth: int = 1) -> Answer:
        return await self.told(self.service.request(ordered.attempt, cents, nth))

    async def its_turn_comes(self, ordered: Ordered) -> None:
        """To be asked about, where the payment service can be asked at all."""
        turn = tables.attempts.c.number == ordered.attempt, tables.attempts.c.poll_at.is_not(None)
        past = datetime.now(UTC) - timedelta(seconds=1)
        await self.executes(sa.update(tables.attempts).where(*turn).values(poll_at=past))

    async def its_time_is_over(self, ordered: Ordered, ago: timedelta = timedelta()) -> None:
        """The reservation ended so long ago."""
        end = datetime.now(UTC) - ago
        late = {"created_at": end - timedelta(minutes=15), "reserved_until": end}
        this = tables.orders.c.number == ordered.number
        await self.executes(sa.update(tables.orders).where(this).values(late))
        await self.its_turn_comes(ordered)

    async def expires(self, ordered: Ordered, ago: timedelta = timedelta()) -> None:
        """The reservation ended so long ago, and the shop has noticed."""
        await self.its_time_is_over(ordered, ago)
        await self.person(ordered.buyer_id).reads("Expired", ever=True)

    async def imports(self, *keys: str, sku: str = SKU) -> None:
        """More keys, put in by the owner in the chat."""
        for key in keys:
            logscan.plant(key)
        await self.owner.says("\n".join([f"/import {sku}", *keys]))
        await self.owner.reads(f"Imported: {len(keys)}")

    async def exported(self, what: str) -> list[list[str]]:
        """The rows of a table that the owner asks for, the header first."""
        await self.owner.says(f"/export {what}")
        file = await self.owner.reads(" row")
        content = (await self.owner.downloads(file)).decode("utf-8-sig")
        return [*csv.reader(io.StringIO(content, newline=""))]

    async def order(self, ordered: Ordered) -> Order:
        async with self.app.new_uow() as uow:
            return await uow.orders.by_number(ordered.number)

    async def attempt(self, ordered: Ordered) -> Attempt:
        async with self.app.new_uow() as uow:
            found = await uow.attempts.by_number(ordered.attempt)
        assert found is not None
        return found

    async def keys_read_by(self, buyer_id: int) -> list[str]:
        """What has come to the buyer, once something has."""
        buyer = self.person(buyer_id)
        await buyer.reads("🔑", ever=True)
        return await buyer.codes()

    async def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        """What a table holds, oldest first."""
        async with self.app.database.engine.connect() as connection:
            found = await connection.execute(sa.select(table).order_by(*table.primary_key))
            return [dict(row._mapping) for row in found]

    async def owed_to(self, customer_id: int) -> Money:
        """What the ledger says that the shop owes a customer."""
        account = f"customer:{customer_id}"
        booked = [row for row in await self.rows(tables.ledger) if row["account"] == account]
        return Money(sum(row["amount"] for row in booked), "USD")

    async def executes(self, statement: sa.Executable) -> None:
        """Do to the database what no use case does."""
        async with self.app.database.engine.begin() as connection:
            await connection.execute(statement)

    async def figure(self, name: str, **labels: str) -> float:
        """A counter as Prometheus reads it; 0 before it first counts."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        async with self.shop.http.get(f"{self.shop.url}/metrics") as response:
            for line in (await response.text()).splitlines():
                said, _, value = line.rpartition(" ")
                if said.startswith(name) and all(label in said for label in wanted):
                    return float(value)
        return 0.0

    async def check(self) -> None:
        """Whether the invariants hold, and nothing that is secret stands in the database.

        What is being handed over is waited for: the checker reads one table after the other.
        """
        await until(self._is_at_rest, "the last hand-over")
        assert unforeseen(self.logged) == []
        database, vault = self.app.database, self.app.vault
        await check(database, vault, handed_over(self.shop))
        assert plaintext_in(await dump(database), logscan.scan.planted) == 0, "I6"

    async def _is_at_rest(self) -> bool:
        waiting = tables.outbox.c.status == "pending", tables.outbox.c.topic == "goods"
        async with self.app.database.engine.connect() as connection:
            return await connection.scalar(sa.select(tables.outbox.c.id).where(*waiting)) is None


def with_its_error(_logger: object, _method: str, entry: EventDict) -> EventDict:
    """A structlog processor: the error that is being handled, while it is."""
    if entry.get("exc_info") is True:
        entry["exc_info"] = sys.exc_info()[1]
    return entry


def unforeseen(logged: Sequence[EventDict]) -> list[str]:
    """What went wrong and should not have. That a database is busy may be."""
    return [
        f"{entry['event']}: {type(entry.get('exc_info')).__name__}"
        for entry in logged
        if entry["log_level"] in {"error", "critical"}
        and not isinstance(entry.get("exc_info"), DatabaseAway)
    ]


def handed_over(shop: ShopChat) -> list[Sent]:
    """The keys that have come to the chats, an order's parts put together again."""
    found: list[Sent] = []
    for chat_id in shop.telegram.world.chats:
        for message in shop.telegram.chat(chat_id):
            said = message.get("text") or message.get("caption") or ""
            if not (heading := _HANDED_OVER.match(said)):
                continue
            keys = _keys_in(shop, message)
            if heading[2] and heading[2] != "1":
                first = found.pop()
                found.append(first._replace(keys=first.keys + keys))
            else:
                found.append(Sent(chat_id, heading[1], keys))
    return found


def _keys_in(shop: ShopChat, message: Json) -> tuple[str, ...]:
    if "document" not in message:
        return tuple(codes_of(message))
    file = shop.telegram.world.files.get(message["document"]["file_id"])
    assert file is not None
    return tuple(file.content.decode().split("\n")[:-1])


class Patience:
    """A throttle that lets everybody through: crowds are what is tested here."""

    async def allows(self, person_id: int) -> bool:
        return True

    async def tells(self, person_id: int) -> bool:
        return True


def unhurried(shop: ShopChat) -> None:
    """Without the pace that Telegram's limits need, and with all the time that a crowd takes."""
    app = shop.app
    shop.telegram.callbacks.queries._seconds = 60.0
    for bot in (app.bot, app.messenger._bot):
        for middleware in [*bot.session.middleware]:
            if isinstance(middleware, PaceMiddleware):
                bot.session.middleware.unregister(middleware)
    app.dispatcher["throttle"] = Patience()


@asynccontextmanager
async def open_stall(
    folder: Path, database_url: str, service: str = "test", **settings: Any
) -> AsyncIterator[Stall]:
    """The shop on a webhook, so that many updates of one chat can come at once."""
    async with epay_platform() as platform:
        paid_by: Service = ByEPay(platform) if service == "epay" else ByTestPay()
        wanted = {"telegram_mode": "webhook", **paid_by.settings(), **settings}
        with capture_logs([with_its_error]) as logged:
            async with open_shop(folder, database_url, stars_rate=50, **wanted) as shop:
                unhurried(shop)
                yield Stall(shop, paid_by, logged)
        for entry in logged:
            logscan.scan.add(str(entry), "the shop's log")


def keys(count: int, prefix: str = "KEY-OF-THE-FAULTS") -> list[str]:
    return [f"{prefix}-{nth:04}" for nth in range(1, count + 1)]


def crowd(stall: Stall, size: int) -> list[int]:
    """New people, who have all started the bot."""
    ids = [*range(20_001, 20_001 + size)]
    for person_id in ids:
        stall.shop.telegram.world.add(Person(person_id, f"B{person_id}", started=True))
    return ids


async def presses_at_once(stall: Stall, presses: Sequence[tuple[int, str]]) -> list[Json]:
    """(person, data) pairs, all pressed at the same moment; the answers in their order."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        return await asyncio.gather(
            *(
                Chat(http, stall.shop.url, person).clicks(data, message_id=1, inaccessible=True)
                for person, data in presses
            )
        )


async def taps_at_once(
    stall: Stall, person_id: int, message_id: int, taps: Sequence[str]
) -> list[Json]:
    """One person's taps, brought to the shop at once over as many connections."""
    telegram = stall.shop.telegram
    hook = telegram._webhook.hook
    assert hook is not None
    telegram._webhook.set(None)  # Telegram would bring them one after the other
    updates = telegram.world.updates
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        asyncio.TaskGroup() as group,
    ):
        person = Chat(http, stall.shop.url, person_id)
        clicks = [group.create_task(person.clicks(data, message_id=message_id)) for data in taps]
        await _until(updates.changed, lambda: len(updates) == len(taps))
        for update in updates.waiting():
            group.create_task(_brought(stall, http, update.body))
            updates.discard(update.id)
    telegram._webhook.set(dataclasses.replace(hook, replaced=asyncio.Event()))
    return [click.result() for click in clicks]


async def _brought(stall: Stall, http: aiohttp.ClientSession, body: Json) -> None:
    headers = {SECRET_HEADER: stall.app.webhook_secret}
    url = f"{stall.shop.url}/telegram/webhook"
    status = 503
    while status == 503:  # Telegram brings again what the shop could not take
        async with http.post(url, json=body, headers=headers) as response:
            status = response.status
    assert status == 200


async def answer_after(stall: Stall, person_id: int, message_id: int) -> Json:
    """The first message of the bot behind this one, once there is one."""
    chat = stall.shop.telegram.world.chat(person_id)

    def answers() -> list[Json]:
        return [m for m in chat if m["message_id"] > message_id and m["from"]["is_bot"]]

    await _until(chat.changed, lambda: bool(answers()))
    return answers()[0]


async def _until(changed: Signal, ready: Callable[[], bool]) -> None:
    await changed.until(ready, seconds=10.0, gone=lambda: False)
    assert ready(), "what was waited for did not come"


def weakened(
    monkeypatch: pytest.MonkeyPatch, **weaker: Callable[[AsyncConnection], object]
) -> None:
    """From now on every transaction uses these repositories, which lack a guard."""
    as_it_was = SqlUnitOfWork._open_repositories

    def open_weaker(self: SqlUnitOfWork, connection: AsyncConnection) -> None:
        as_it_was(self, connection)
        for name, repository in weaker.items():
            setattr(self, name, repository(connection))

    monkeypatch.setattr(SqlUnitOfWork, "_open_repositories", open_weaker)
