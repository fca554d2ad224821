"""Certificates that PayPal's notices name: where they may lie, and what they must lead to."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from cryptography import x509

from domain.errors import ProviderUnavailable
from payments.paypal import PayPal
from payments.paypal_signature import PAYPAL, Trust
from payments.provider import InvalidSignature
from tests.payments import paypal_certificates as certificates
from tests.payments.paypal_shop import Shop, paypal_shop, raw, trust
from tests.payments.paypal_standin import CERTIFICATE, ISSUER
from tests.payments.purchases import NUMBER
from tests.payments.standin import Fault, Notice


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with paypal_shop() as shop:
        await shop.paid()
        yield shop


@pytest.fixture
async def paypal(shop: Shop) -> PayPal:
    return shop.other(verify="certificate")


async def believes(paypal: PayPal, notice: Notice) -> bool:
    try:
        return bool(await paypal.parse(raw(notice)))
    except InvalidSignature:
        return False


async def test_a_certificate_that_came_alone_is_traced_to_its_issuer(
    shop: Shop, paypal: PayPal
) -> None:
    assert await believes(paypal, shop.there.notice(NUMBER))
    assert shop.there.asked[-2:] == [f"GET {CERTIFICATE}", f"GET {ISSUER}"]


async def test_a_certificate_that_came_with_its_issuers_is_enough(
    shop: Shop, paypal: PayPal
) -> None:
    shop.there.chain = [certificates.leaf(), certificates.intermediate()]
    assert await believes(paypal, shop.there.notice(NUMBER))
    assert shop.there.asked[-1] == f"GET {CERTIFICATE}"


async def test_a_certificate_is_fetched_once(shop: Shop, paypal: PayPal) -> None:
    for _ in range(3):
        assert await believes(paypal, shop.there.notice(NUMBER))
    assert shop.there.asked.count(f"GET {CERTIFICATE}") == 1


async def test_an_expired_certificate_is_fetched_anew_and_refused(
    shop: Shop, paypal: PayPal
) -> None:
    assert await believes(paypal, shop.there.notice(NUMBER))
    shop.clock.now = certificates.EXPIRY.timestamp() + 1
    assert not await believes(paypal, shop.there.notice(NUMBER))
    assert shop.there.asked.count(f"GET {CERTIFICATE}") == 2


async def test_a_certificate_of_the_future_is_refused(shop: Shop, paypal: PayPal) -> None:
    shop.clock.now = 1_500_000_000
    assert not await believes(paypal, shop.there.notice(NUMBER))


@pytest.mark.parametrize(
    "chain",
    [
        [certificates.leaf()],  # without its issuer's
        [certificates.leaf(issuer="somebody")],
        [certificates.leaf(issuer="PayPal's")],  # by itself
        [certificates.leaf("www.paypal.com"), certificates.intermediate()],
        [certificates.leaf("messageverificationcerts.paypal.com.evil.example")],
        [certificates.leaf("messageverificationcerts.sandbox.paypal.com", issuer="root")],
        [certificates.leaf(elliptic=True), certificates.intermediate()],
        [certificates.leaf(issuer_lies="http://127.0.0.1:9/evil.crt")],
    ],
)
async def test_a_certificate_of_others_is_refused(
    shop: Shop, paypal: PayPal, chain: list[x509.Certificate]
) -> None:
    shop.there.chain = chain
    assert not await believes(paypal, shop.there.notice(NUMBER))


async def test_no_root_is_trusted_but_the_authoritys_that_paypal_has(shop: Shop) -> None:
    strict = shop.other(verify="certificate", trust=replace(trust(shop.there), roots=None))
    assert not await believes(strict, shop.there.notice(NUMBER))


async def test_a_certificate_that_is_gone_is_refused(shop: Shop, paypal: PayPal) -> None:
    shop.there.faults["/certs/"] = Fault.MISSING
    assert not await believes(paypal, shop.there.notice(NUMBER))


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.MISSING])
@pytest.mark.parametrize("path", ["/certs/", ".crt"])
async def test_a_certificate_that_cannot_be_had_is_no_verdict(
    shop: Shop, path: str, fault: Fault
) -> None:
    shop.there.faults[path] = fault
    hasty = shop.other(verify="certificate", timeout=1 if fault is Fault.SLOW else 8)
    with pytest.raises(ProviderUnavailable):
        await hasty.parse(raw(shop.there.notice(NUMBER)))
    shop.there.faults.clear()
    assert await believes(hasty, shop.there.notice(NUMBER))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1a5f47cb",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42",
        "https://api-m.paypal.com/v1/notifications/certs/CERT-1",
        "https://paypal.com/v1/notifications/certs/CERT-1",
    ],
)
async def test_paypals_addresses_are_trusted(url: str) -> None:
    assert PAYPAL.certificates.fullmatch(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:444/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://evil.example@api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://evilpaypal.com/v1/notifications/certs/CERT-1",
        "https://evil.example/.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.example#.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.example\\.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../../evil",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?x=https://evil.example",
        "https://api.paypal.com/v1/notifications/certs/CERT-1\n",
        "https://api.paypal.com/redirect?to=evil",
        "https://ａpi.paypal.com/v1/notifications/certs/CERT-1",
        "file:///etc/passwd",
    ],
)
async def test_no_other_address_is_fetched(shop: Shop, url: str) -> None:
    strict = shop.other(verify="certificate", trust=PAYPAL)
    notice = shop.there.notice(NUMBER)
    headers = notice.headers | {"PAYPAL-CERT-URL": url}
    with pytest.raises(InvalidSignature):
        await strict.parse(raw(replace(notice, headers=headers)))


async def test_issuers_certificates_lie_at_their_authority() -> None:
    known = "http://cacerts.digicert.com/DigiCertEVRSACAG2.crt"
    assert PAYPAL.issuers.fullmatch(known)
    for other in (
        known.replace("digicert.com", "digicert.com.evil.example"),
        known.replace("cacerts.", "evil@"),
        known + "/../x",
    ):
        assert not PAYPAL.issuers.fullmatch(other)


async def test_roots_that_cannot_be_read_are_refused(shop: Shop) -> None:
    with pytest.raises(ValueError, match="PEM"):
        shop.other(verify="certificate", trust=Trust(re.compile(""), re.compile(""), ["none"]))
