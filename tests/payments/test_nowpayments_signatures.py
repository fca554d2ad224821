"""NOWPayments' signatures: over what JavaScript makes of a callback."""

from collections.abc import AsyncIterator

import pytest

from payments.nowpayments import canonical
from payments.provider import MalformedCallback, RawCallback
from payments.reading import json_object
from tests.payments.nowpayments_shop import Shop, nowpayments_shop

# What Node makes of it: JSON.stringify of sorted keys, and `createHmac("sha512", …)`.
BODY = (
    b'{"payment_id":5077125051,"payment_status":"finished","price_amount":10.5,"pay_amount":1.2e-7'
    b',"order_description":"\xd0\x98\xd0\xb3\xd1\x80\xd0\xb0 \xc2\xabA/B\xc2\xbb \\"x\\" \\u0001'
    b'\\n\\u2028\\u007f\xf0\x9f\x98\x80\\ud800","fee":{"withdrawalFee":0,"currency":"btc",'
    b'"depositFee":0.0985},"payment_extra_ids":[5,{"b":1,"a":null}],"ok":true,"empty":[]}'
)
FORM = (
    '{"empty":[],"fee":{"currency":"btc","depositFee":0.0985,"withdrawalFee":0},"ok":true,'
    '"order_description":"Игра «A/B» \\"x\\" \\u0001\\n\u2028\x7f😀\ud800","pay_amount":1.2e-7,'
    '"payment_extra_ids":[5,{"a":null,"b":1}],"payment_id":5077125051,'
    '"payment_status":"finished","price_amount":10.5}'
)
SDK_SIGNATURE = (
    "e2b292da432125aff76918ba46f18cb643c749a200a35fac1518eb8d41e755e8"
    "7b947ca9004454599e2aa3b8d9068ae34d179126ec6ae3f170990681b2c3047e"
)
SAMPLE_SIGNATURE = (
    "9101534d291198e3b5b655b2e28a6e629427a4eaa5b6535639ddebdd1c47eac9"
    "a520f036f22ccb4f1600e3e76058254657c01553e94ad03415217797dbc4325b"
)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with nowpayments_shop() as shop:
        yield shop


def test_the_form_that_is_signed_is_javascripts() -> None:
    told = json_object(BODY, literal=True)
    assert canonical(told) == FORM
    indexed = FORM.replace("[]", "{}").replace(
        '[5,{"a":null,"b":1}]', '{"0":5,"1":{"a":null,"b":1}}'
    )
    assert canonical(told, indexed=True) == indexed


@pytest.mark.parametrize("signature", [SDK_SIGNATURE, SAMPLE_SIGNATURE])
async def test_nodes_signatures_are_genuine(shop: Shop, signature: str) -> None:
    callback = RawCallback("POST", {"x-nowpayments-sig": signature}, "", BODY)
    with pytest.raises(MalformedCallback, match="order_id"):  # and nothing else is amiss
        await shop.nowpayments.parse(callback)
