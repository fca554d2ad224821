"""What Telegram answers on a bad day, and what becomes of the delivery."""

from typing import Any

from domain.checkout import Placed
from storage.tables import outbox
from tests.faults.locks import locked
from tests.faults.records import hand_over_messages
from tests.faults.scene import BUYER, Scene, now
from tests.faults.waiting import until


async def test_f04_429_is_waited_out_across_a_kill(scene: Scene) -> None:
    """The wait that Telegram asks for is kept in the database, and uses no attempt."""
    variant = await scene.shop.stocked(keys=10)
    long, short = [await scene.sold(variant, 1, BUYER + nth) for nth in (0, 1)]
    scene.telegram.fault("429", "sendMessage", retry_after=30, chat_id=BUYER)
    scene.telegram.fault("429", "sendMessage", retry_after=1, chat_id=BUYER + 1)
    program = await scene.runs("worker")
    row = await put_off(scene, long, "SlowDown")
    assert 25 < (row["due_at"] - now()).total_seconds() <= 30
    assert row["attempt_count"] == 0
    await scene.delivered(short)
    refused, taken = scene.sends_to(BUYER + 1)
    assert taken - refused >= 1
    await program.kill()

    await scene.runs("worker")
    await scene.delivered(await scene.sold(variant, 1, BUYER + 2))
    assert len(scene.sends_to(BUYER)) == 1
    await scene.waits_end()
    await scene.delivered(long)
    assert len(scene.sends_to(BUYER)) == 2
    await scene.everything_holds()


async def test_f05_server_errors_are_retried_with_growing_pauses_and_jitter(scene: Scene) -> None:
    variant = await scene.shop.stocked(keys=20)
    crowd = range(BUYER, BUYER + 6)
    placed = [await scene.sold(variant, 1, buyer) for buyer in crowd]
    for buyer in crowd:
        scene.telegram.fault("500", "sendMessage", chat_id=buyer)
        scene.telegram.fault("502", "sendMessage", chat_id=buyer)
    await scene.runs("worker")
    for attempt, shortest in ((1, 1), (2, 2)):
        pauses = [await pause_after(scene, one, attempt) for one in placed]
        assert all(shortest <= pause <= 1.5 * shortest + 0.5 for pause in pauses), pauses
        assert max(pauses) - min(pauses) > 0.01, "everybody comes back at once"
        await scene.waits_end()
    await scene.delivered(*placed)
    assert len(scene.hand_overs()) == len(placed)
    await scene.everything_holds()


async def pause_after(scene: Scene, placed: Placed, attempt: int) -> float:
    row = await put_off(scene, placed, "TelegramAway", attempt)
    tried_at = scene.sends_to(placed.order.buyer_id)[attempt - 1]
    pause: float = row["due_at"].timestamp() - tried_at
    return pause


async def test_f06_an_unknown_outcome_is_sent_again_the_same(scene: Scene) -> None:
    """A read timeout or a cut line tells nothing: it may have arrived, or not."""
    variant = await scene.shop.stocked(keys=10)
    scene.telegram.fault("slow", "sendMessage", seconds=5, chat_id=BUYER)
    scene.telegram.fault("cut_after", "sendMessage", chat_id=BUYER + 1)
    scene.telegram.fault("hang", "sendMessage", chat_id=BUYER + 2)
    scene.telegram.fault("cut", "sendMessage", chat_id=BUYER + 3)
    placed = [await scene.sold(variant, 2, BUYER + nth) for nth in range(4)]
    await scene.runs_changed("hurried")
    await scene.delivered(*placed)
    assert [len(scene.hand_overs(BUYER + nth)) for nth in range(4)] == [2, 2, 1, 1]
    await scene.everything_holds()


async def test_f12_a_long_hand_over_is_split_and_a_kill_repeats_one_part(scene: Scene) -> None:
    """Its parts are the same on the next start, so that it goes on where it was."""
    shop = scene.shop
    variant = await shop.stocked(keys=0)
    await shop.imported("GAME", *(f"{nth:03}-" + "K" * 300 for nth in range(20)))
    placed = await scene.sold(variant, 20)
    scene.telegram.fault("slow", "sendMessage", seconds=1, chat_id=BUYER)
    program = await scene.runs("worker")
    await scene.fault_has_struck()
    async with locked(shop, outbox, outbox.c.order_id == placed.order.id):
        await until(lambda: scene.telegram.chat(BUYER), "the first part has arrived")
        await program.kill()

    await scene.runs("worker")
    await scene.leases_end()
    await scene.delivered(placed)
    texts = [message["text"] for _, _, message in hand_over_messages(scene.telegram)]
    assert len(texts) == len(set(texts)) + 1
    assert all(len(text) <= 4096 for text in texts)
    await scene.everything_holds()


async def test_f12_what_no_message_holds_comes_as_a_file(scene: Scene) -> None:
    shop = scene.shop
    many, long = await shop.stocked("MANY", keys=45), await shop.stocked("LONG", keys=0)
    await shop.imported("LONG", "L" * 5000)
    placed = [await scene.sold(many, 45), await scene.sold(long, 1, BUYER + 1)]
    await scene.runs("worker")
    await scene.delivered(*placed)
    for buyer in (BUYER, BUYER + 1):
        [message] = scene.telegram.chat(buyer)
        assert "document" in message
    await scene.everything_holds()


async def test_f13_a_parse_error_falls_back_to_plain_text(scene: Scene) -> None:
    shop = scene.shop
    variant = await shop.stocked(keys=0)
    await shop.imported("GAME", "<b>KEY-1</b>&amp;", "KEY-2<>&lt;")
    placed = await scene.sold(variant, 2)
    refusal = "Bad Request: can't parse entities: unsupported start tag"
    scene.telegram.fault("400", "sendMessage", description=refusal, chat_id=BUYER)
    await scene.runs("worker")
    await scene.delivered(placed)
    [message] = scene.telegram.chat(BUYER)
    assert "entities" not in message
    await scene.everything_holds()


async def put_off(
    scene: Scene, placed: Placed, error: str, attempt: int | None = None
) -> dict[str, Any]:
    """The delivery's row once it waits for its next attempt."""

    async def waits() -> dict[str, Any] | None:
        row = await scene.goods(placed)
        is_it = row["error"] == error and row["lease_until"] is None
        return row if is_it and attempt in {None, row["attempt_count"]} else None

    row = await until(waits, f"the delivery is put off by {error}")
    assert row is not None
    return row
