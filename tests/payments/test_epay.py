"""EPay against a platform over HTTP: what is offered, and what is known of an order."""

import json
import traceback
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import Capability, Checkout, CloseResult
from payments.epay import EPay, signature
from payments.provider import FORM, Answer, CallbackProvider, HttpReply
from tests.payments.epay_shop import PUBLIC_URL, Shop, epay_shop, event
from tests.payments.epay_standin import KEY, PID, Fault
from tests.payments.purchases import NUMBER, attempt, new

VECTOR_KEY = "testkey123"
VECTOR = {
    "money": "10.00",
    "name": "Test Product",
    "notify_url": "https://example.com/notify",
    "out_trade_no": "ORDER001",
    "pid": "1001",
    "type": "alipay",
}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with epay_shop() as shop:
        yield shop


def link_of(checkout: Checkout) -> tuple[str, dict[str, str]]:
    """A link without its query, and the query."""
    assert checkout.link is not None
    where, _, query = checkout.link.partition("?")
    return where, dict(parse_qsl(query, strict_parsing=True))


# --- What it is -----------------------------------------------------------------------------


async def test_it_is_a_provider_that_calls_back(shop: Shop) -> None:
    provider: CallbackProvider = shop.epay
    assert (provider.code, provider.title, provider.account) == ("epay", "EPay", PID)
    assert provider.live
    assert provider.capabilities == Capability.QUERY | Capability.REFUND
    assert provider.methods == {"GET": frozenset(), "POST": frozenset({FORM})}


@pytest.mark.parametrize("missing", [{"key": ""}, {"pid": ""}, {"types": []}])
async def test_without_a_secret_it_is_not_made(shop: Shop, missing: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs a merchant id, a key"):
        shop.other(**missing)


async def test_it_does_not_show_its_key(shop: Shop) -> None:
    assert KEY not in repr(shop.epay)
    assert KEY not in str(shop.epay)


async def test_it_takes_the_platforms_currency(shop: Shop) -> None:
    assert shop.epay.currencies == ("CNY",)
    assert shop.epay.takes(Money.parse("0.01", "CNY"))


async def test_a_payment_cannot_be_closed(shop: Shop) -> None:
    assert await shop.epay.close(attempt()) is CloseResult.MAYBE_PAYABLE


async def test_the_right_key_passes_the_check(shop: Shop) -> None:
    await shop.epay.check()


@pytest.mark.parametrize("wrong", [{"key": "another-key"}, {"pid": "1002"}])
async def test_another_key_is_named(shop: Shop, wrong: dict[str, str]) -> None:
    with pytest.raises(ProviderRejected, match="the merchant id or the key"):
        await shop.other(**wrong).check()


def test_the_platform_repeats_a_callback_unless_it_hears_success() -> None:
    def reply(answer: Answer) -> HttpReply:
        return EPay.reply(EPay.__new__(EPay), answer)

    assert reply(Answer.ACCEPTED) == HttpReply(200, "success")
    assert reply(Answer.RETRY) == HttpReply(500, "fail")
    assert reply(Answer.REJECTED) == HttpReply(401, "fail")


# --- Signatures -----------------------------------------------------------------------------


def test_the_published_vector() -> None:
    assert signature(VECTOR, VECTOR_KEY) == "22af0227eebf7a4095b64af5fa89ca6d"


def test_blanks_and_the_signature_itself_are_not_signed() -> None:
    more = {"param": "", "sign": "x", "sign_type": "MD5"}
    assert signature(VECTOR | more, VECTOR_KEY) == signature(VECTOR, VECTOR_KEY)


def test_the_order_of_fields_does_not_matter() -> None:
    reordered = dict(reversed(VECTOR.items()))
    assert signature(reordered, VECTOR_KEY) == signature(VECTOR, VECTOR_KEY)


# --- Starting a payment ---------------------------------------------------------------------


async def test_the_platform_makes_a_page_to_pay_on(shop: Shop) -> None:
    checkout = await shop.epay.create(new())
    trade = shop.platform.trades[NUMBER]
    page = f"{shop.platform.url}/pay/{trade.trade_no}"
    assert checkout == Checkout(link=page, external_id=trade.trade_no)


async def test_the_platform_is_told_what_it_needs(shop: Shop) -> None:
    await shop.epay.create(new("  A\n game ", attempt("1234.50")))
    script, told = shop.platform.asked[-1]
    assert script == "mapi.php"
    assert told.pop("sign") == shop.platform.sign(told)
    assert told == {
        "pid": PID,
        "type": "alipay",
        "out_trade_no": NUMBER,
        "notify_url": "https://shop.example/payments/epay/notify",
        "return_url": "https://shop.example/payments/epay/return",
        "name": "A game",
        "money": "1234.50",
        "clientip": "127.0.0.1",
        "device": "jump",
        "sign_type": "MD5",
    }


async def test_slashes_at_the_end_of_addresses_do_no_harm(shop: Shop) -> None:
    epay = shop.other(url=shop.platform.url + "/", public_url=PUBLIC_URL + "/")
    await epay.create(new())
    assert shop.platform.asked[-1][1]["notify_url"] == f"{PUBLIC_URL}/payments/epay/notify"


async def test_a_long_name_is_cut_between_characters(shop: Shop) -> None:
    await shop.epay.create(new("价" * 100))
    assert shop.platform.asked[-1][1]["name"] == "价" * 42


async def test_numbers_may_come_as_text(shop: Shop) -> None:
    shop.platform.numbers_as_text = True
    checkout = await shop.epay.create(new())
    assert checkout.external_id is not None


async def test_a_code_to_scan_is_shown(shop: Shop) -> None:
    shop.platform.offer = {"qrcode": "weixin://wxpay/bizpayurl?pr=abc"}
    checkout = await shop.epay.create(new())
    assert (checkout.link, checkout.qr) == (None, "weixin://wxpay/bizpayurl?pr=abc")


async def test_a_code_that_is_an_address_can_be_opened_too(shop: Shop) -> None:
    shop.platform.offer = {"qrcode": "https://qr.alipay.com/abc"}
    checkout = await shop.epay.create(new())
    assert checkout.link == checkout.qr == "https://qr.alipay.com/abc"


async def test_a_page_is_preferred_to_a_code(shop: Shop) -> None:
    shop.platform.offer = {"payurl": "https://pay.example/1", "qrcode": "https://qr.example/1"}
    checkout = await shop.epay.create(new())
    assert (checkout.link, checkout.qr) == ("https://pay.example/1", "https://qr.example/1")


@pytest.mark.parametrize(
    "offer",
    [
        {},
        {"urlscheme": "weixin://dl/business/?ticket=abc"},
        {"payurl": "/pay/1"},
        {"payurl": "javascript:alert(1)"},
        {"payurl": None, "qrcode": True},
        {"payurl": "https://pay.example/" + "x" * 3000},
        {"qrcode": "二维码"},
    ],
)
async def test_an_offer_that_no_chat_can_show_becomes_the_link(
    shop: Shop, offer: dict[str, Any]
) -> None:
    shop.platform.offer = offer
    where, told = link_of(await shop.epay.create(new()))
    assert where == f"{shop.platform.url}/submit.php"
    assert told["out_trade_no"] == NUMBER


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SLOW])
async def test_without_an_offer_there_is_still_a_link(shop: Shop, fault: Fault) -> None:
    shop.platform.faults["mapi.php"] = fault
    where, told = link_of(await shop.epay.create(new()))
    assert where == f"{shop.platform.url}/submit.php"
    assert told.pop("sign") == shop.platform.sign(told)


async def test_a_slow_platform_is_not_waited_for(shop: Shop) -> None:
    shop.platform.faults["mapi.php"] = Fault.SLOW
    checkout = await shop.other(timeout=0.05).create(new())
    assert link_of(checkout)[0] == f"{shop.platform.url}/submit.php"


async def test_an_absent_platform_leaves_the_link(shop: Shop) -> None:
    epay = shop.other(url="http://127.0.0.1:1")
    assert link_of(await epay.create(new()))[0] == "http://127.0.0.1:1/submit.php"


async def test_the_platform_takes_the_link(shop: Shop) -> None:
    shop.platform.faults["mapi.php"] = Fault.MISSING
    checkout = await shop.epay.create(new("Tom & Jerry = 100 %+ 游戏", attempt("19.90")))
    assert checkout.link is not None
    async with shop.http.get(checkout.link) as response:
        assert await response.text() == "<h1>19.90</h1>"
    assert shop.platform.trades[NUMBER].told["name"] == "Tom & Jerry = 100 %+ 游戏"


async def test_a_single_type_is_named_in_the_link(shop: Shop) -> None:
    shop.platform.faults["mapi.php"] = Fault.MISSING
    assert link_of(await shop.epay.create(new()))[1]["type"] == "alipay"


async def test_several_types_leave_the_choice_to_the_buyer(shop: Shop) -> None:
    shop.platform.faults["mapi.php"] = Fault.MISSING
    epay = shop.other(types=["wxpay", "alipay"])
    assert "type" not in link_of(await epay.create(new()))[1]
    assert shop.platform.asked[-1][1]["type"] == "wxpay"


async def test_a_link_does_not_hold_the_key(shop: Shop) -> None:
    shop.platform.faults["mapi.php"] = Fault.MISSING
    assert KEY not in str(await shop.epay.create(new()))


# --- Asking about an order ------------------------------------------------------------------


async def test_a_paid_order_is_found(shop: Shop) -> None:
    await shop.paid()
    assert await shop.epay.query(attempt()) == event(shop.platform)


async def test_numbers_in_an_order_may_be_text(shop: Shop) -> None:
    shop.platform.numbers_as_text = True
    await shop.paid()
    assert await shop.epay.query(attempt()) == event(shop.platform)


async def test_an_unpaid_order_is_no_payment(shop: Shop) -> None:
    await shop.order()
    assert await shop.epay.query(attempt()) is None


async def test_an_order_that_nobody_opened_is_no_payment(shop: Shop) -> None:
    assert await shop.epay.query(attempt()) is None


@pytest.mark.parametrize("status", [0, 2, "2", 10, True, None, "01", "1 "])
async def test_no_other_status_is_paid(shop: Shop, status: object) -> None:
    await shop.paid()
    shop.platform.order = {"status": status}
    assert await shop.epay.query(attempt()) is None


@pytest.mark.parametrize("money", ["10.0000", "10", "10.00", "10.0"])
async def test_money_is_a_number_however_it_is_written(shop: Shop, money: str) -> None:
    await shop.paid()
    shop.platform.money = money
    assert await shop.epay.query(attempt()) == event(shop.platform)


async def test_money_may_be_a_json_number(shop: Shop) -> None:
    await shop.paid()
    shop.platform.order = {"money": 10.0}
    assert await shop.epay.query(attempt()) == event(shop.platform)


async def test_what_was_paid_is_told_not_what_was_asked(shop: Shop) -> None:
    await shop.paid()
    shop.platform.money = "9.99"
    assert await shop.epay.query(attempt()) == event(shop.platform, "9.99")


@pytest.mark.parametrize(
    "changes",
    [
        {"money": "1e1"},
        {"money": float("nan")},
        {"money": "-10.00"},
        {"money": "10.001"},
        {"money": "0.00"},
        {"money": None},
        {"trade_no": ""},
        {"trade_no": "a b"},
        {"out_trade_no": "ANOTHERORDER01"},
        {"pid": 1002},
    ],
)
async def test_an_order_that_cannot_be_read_is_no_answer(
    shop: Shop, changes: dict[str, object]
) -> None:
    await shop.paid()
    shop.platform.order = changes
    with pytest.raises(ProviderUnavailable):
        await shop.epay.query(attempt())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"1"',
        b"{",
        b"\xff\xfe\xff",
        b"[" * 30_000,
        b'{"code":1,"code":1,"status":1}',
        b" " * 5_000_000 + b"{}",
        b'{"code":1,"status":1,',
    ],
)
async def test_nonsense_is_no_answer(shop: Shop, body: bytes) -> None:
    shop.platform.raw_order = body
    with pytest.raises(ProviderUnavailable, match="epay: nonsense"):
        await shop.epay.query(attempt())


async def test_a_byte_order_mark_before_an_answer_does_no_harm(shop: Shop) -> None:
    await shop.paid()
    trade_no = shop.platform.trades[NUMBER].trade_no
    told = {"code": 1, "status": 1, "money": "10.00", "trade_no": trade_no}
    shop.platform.raw_order = b"\xef\xbb\xbf" + json.dumps(told).encode()
    assert await shop.epay.query(attempt()) == event(shop.platform)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.REFUSING])
async def test_a_failing_platform_is_unavailable_and_the_key_stays_secret(
    shop: Shop, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    shop.platform.faults["api.php"] = fault
    with pytest.raises(ProviderUnavailable) as failure:
        await shop.other(timeout=0.5 if fault is Fault.SLOW else 8).query(attempt())
    assert not any(KEY in text for text in _texts_of(failure.value))
    assert KEY not in caplog.text
    assert {script for script, _ in shop.platform.asked} == {"api.php"}  # and nowhere else


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://", "nowhere://127.0.0.1"])
async def test_an_absent_platform_is_unavailable_and_the_key_stays_secret(
    shop: Shop, url: str
) -> None:
    with pytest.raises(ProviderUnavailable) as failure:
        await shop.other(url=url).query(attempt())
    assert not any(KEY in text for text in _texts_of(failure.value))


def _texts_of(error: BaseException) -> set[str]:
    """All that a log could show of an error, those behind it included."""
    texts = {"".join(traceback.format_exception(error))}
    behind: BaseException | None = error
    while behind is not None:
        texts |= {str(behind), repr(behind)}
        behind = behind.__cause__ or behind.__context__
    return texts


async def test_the_standin_refuses_what_is_not_signed_by_the_merchant(shop: Shop) -> None:
    """A control: without it, the tests above would prove nothing of our signatures."""
    checkout = await shop.other(key="another-key").create(new())
    assert checkout.external_id is None
    assert checkout.link is not None
    assert parse_qs(urlsplit(checkout.link).query)["out_trade_no"] == [NUMBER]
    assert shop.platform.trades == {}
