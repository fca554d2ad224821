"""A day on which everything goes wrong, logged in full: no secret is in anything it leaves."""

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from storage.tables import card_keys
from tests import invariants, logscan
from tests.faults.process import Program
from tests.faults.scene import BUYER, OWNER, SECRET_KEY, TOKEN, Scene
from tests.faults.waiting import until
from tests.payments.epay_standin import KEY, Fault
from tests.people import Chat

KEYS: Final = [f"F77-<{nth}>&'\"é-OPEN-SESAME" for nth in range(12)]
WEBHOOK_SECRET: Final = "the-webhook-secret-of-the-worst-day"
METRICS_TOKEN: Final = "the-metrics-token-of-the-worst-day"


class Bodies:
    """Asks the shop over HTTP, and keeps what it answers."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.heard: list[str] = []

    async def asks(self, method: str, path: str, **request: Any) -> int:
        url = f"{self._scene.url}{path}"
        async with self._scene.http.request(method, url, **request) as response:
            self.heard.append(f"{dict(response.headers)} {await response.text()}")
            return response.status


async def test_f77_no_secret_in_logs_metrics_answers_or_the_database(scene: Scene) -> None:
    for secret in (*KEYS, WEBHOOK_SECRET, METRICS_TOKEN):
        logscan.plant(secret)
    program = await scene.runs(LOG_LEVEL="DEBUG", METRICS_TOKEN=METRICS_TOKEN)
    bodies = Bodies(scene)
    await imports_go_wrong(scene)
    await purchases_go_wrong(scene)
    await callbacks_go_wrong(scene, bodies)
    await deliveries_go_wrong(scene)
    await a_key_does_not_open(scene, program)
    for path in ("/healthz", "/readyz", "/metrics", f"/bot{TOKEN[:3]}/x", "/payments/epay/return"):
        await bodies.asks("GET", path, headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    await program.terminate()

    assert program.logs.count("Traceback") >= 3, "too little has gone wrong"
    left = {"logs": program.logs, "answers": "\n".join(bodies.heard)}
    assert {name: leaks_in(text) for name, text in left.items()} == {"logs": 0, "answers": 0}
    assert len(bodies.heard) >= 15
    dump = await dumped(scene)
    assert b"GAME" in dump
    assert b"OPEN-SESAME" not in dump
    assert invariants.plaintext_in(dump, logscan.scan.planted) == 0


def leaks_in(text: str) -> int:
    return invariants.plaintext_in(text, [SECRET_KEY, TOKEN, KEY, *logscan.scan.planted])


async def dumped(scene: Scene) -> bytes:
    """Every value; and on SQLite every byte, of what was deleted too."""
    found = await invariants.dump(scene.shop.database)
    if scene.on_sqlite:
        file = Path(str(scene.shop.database.engine.url.database))
        found += b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))
    return found


async def imports_go_wrong(scene: Scene) -> None:
    owner = scene.person(OWNER)
    await owner.says("/newproduct GAME 4.99 Game")
    await owner.reads("GAME")
    await owner.says("\n".join(["/import GAME", *KEYS, KEYS[0], "bad\x01line"]))
    await owner.reads("Duplicates: 1")
    await owner.uploads("keys.xlsx", b"no workbook: " + KEYS[1].encode(), caption="/import GAME")
    await owner.reads("cannot be read")
    await owner.uploads("keys.csv", f"a;b,c\n{KEYS[2]};x,y\n".encode(), caption="/import GAME")
    await owner.reads("column")
    scene.telegram.fault("500", "getFile")
    await owner.uploads("keys.txt", "\n".join(KEYS).encode(), caption="/import GAME")
    await until(lambda: not list(scene.telegram.faults), "the file is asked for")


async def purchases_go_wrong(scene: Scene) -> None:
    """The platform in every one of its moods, and a handler whose answer is refused."""
    moods = (Fault.BROKEN, Fault.NONSENSE, Fault.CUT, Fault.GARBLED, Fault.MOVED)
    for nth, fault in enumerate(moods):
        scene.platform.faults["mapi.php"] = fault
        buyer = scene.person(BUYER + 10 + nth)
        await orders(buyer)
        await buyer.presses("Cancel")
    scene.platform.faults.clear()
    buyer = scene.person()
    scene.telegram.fault("500", "sendMessage", chat_id=BUYER)
    await buyer.says("/catalog")
    await buyer.reads("went wrong")


async def callbacks_go_wrong(scene: Scene, bodies: Bodies) -> None:
    number = await ordered(scene)
    notify = "/payments/epay/notify"
    good = scene.platform.notice(number)
    assert await bodies.asks("GET", notify, params=good | {"sign": KEY}) == 401
    assert await bodies.asks("GET", notify, params=good | {"money": "0.01"}) == 401
    assert await bodies.asks("POST", notify, data=b"\xff\xfe" + KEY.encode()) == 415
    assert await bodies.asks("DELETE", notify) == 405
    assert await bodies.asks("POST", notify, data={"a": "x" * 300_000}) == 413
    for fault in (Fault.BROKEN, Fault.NONSENSE, Fault.CUT, Fault.GARBLED):
        scene.platform.faults["api.php"] = fault
        assert await bodies.asks("GET", notify, params=good) == 500
    scene.platform.faults.clear()
    scene.platform.pay(number)
    assert await bodies.asks("GET", notify, params=good) == 200
    await scene.person().reads("🔑", ever=True)


async def deliveries_go_wrong(scene: Scene) -> None:
    for nth, kind in enumerate(("500", "cut", "cut_after", "400", "403")):
        number = await ordered(scene, BUYER + 1 + nth)
        scene.telegram.fault(kind, "sendMessage", chat_id=BUYER + 1 + nth)  # type: ignore[arg-type]
        scene.platform.pay(number)
        await scene.platform.notify(scene.http, number)
        await scene.fault_has_struck()
    await scene.at_rest()
    buyer = scene.person(BUYER + 1)
    await buyer.says("/orders")
    refusal = "Bad Request: not today"
    await buyer.reads("order")
    scene.telegram.fault("400", "sendMessage", description=refusal, chat_id=BUYER + 1)
    await buyer.presses("— delivered")
    await scene.fault_has_struck()


async def orders(buyer: Chat) -> None:
    await buyer.says("/start p_GAME")
    await buyer.presses("Buy")
    await buyer.presses("EPay")
    await buyer.reads("Held for you until")


async def ordered(scene: Scene, buyer_id: int = BUYER) -> str:
    """The attempt's number of an order that waits for its money."""
    await orders(scene.person(buyer_id))
    return list(scene.platform.trades)[-1]


async def a_key_does_not_open(scene: Scene, program: Program) -> None:
    """Neither in the worker nor when its buyer asks for it."""
    number = await ordered(scene, BUYER + 20)
    [key] = await scene.shop.rows(card_keys, card_keys.c.status == "reserved")
    one = sa.update(card_keys).where(card_keys.c.id == key["id"])
    await scene.shop.executes(one.values(sealed=bytes(40)))
    scene.platform.pay(number)
    await scene.platform.notify(scene.http, number)
    await program.logged("step failed")
    buyer = scene.person(BUYER + 20)
    await buyer.says("/orders")
    await buyer.presses("— paid")
    await scene.shop.executes(one.values(sealed=key["sealed"]))
