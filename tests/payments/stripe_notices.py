"""Stripe's webhooks as they go over the wire, genuine and forged."""

import hashlib
import hmac
import json
import re
from typing import Any, Final

from tests.payments.standin import Notice

WEBHOOK_SECRET: Final = "whsec_StandInOfStripe0123456789"

# What Stripe's JSON holds is as varied as its API.
Json = dict[str, Any]


def signed(told: Json, at: int, secret: str = WEBHOOK_SECRET) -> Notice:
    body = _json(told)
    return _notice(body, _header(secret, at, body))


def forgeries(told: Json, now: int) -> dict[str, Notice]:
    body = _json(told)
    genuine = signed(told, now)
    again = json.dumps(json.loads(body), indent=2).encode()
    changed = re.sub(rb'"amount_total": \d+', b'"amount_total": 1', body)
    doubled = body[:-1] + b', "livemode": true}'
    right = _mac(WEBHOOK_SECRET, now, body)
    headers = {
        "unsigned": "",
        "only a time": f"t={now}",
        "no time": f"v1={right}",
        "two times": f"t={now},t={now},v1={right}",
        "another scheme": f"t={now},v0={right}",
        "an empty signature": f"t={now},v1=",
        "signed with nothing": f"t={now},v1={_mac('', now, body)}",
        "signed by another": f"t={now},v1={_mac('whsec_another', now, body)}",
        "signed for another time": f"t={now + 1},v1={right}",
        "in capitals": f"t={now},v1={right.upper()}",
        "not ASCII": f"t={now},v1={'é' * 64}",
        "stale": _header(WEBHOOK_SECRET, now - 400, body),
        "early": _header(WEBHOOK_SECRET, now + 400, body),
    }
    return {name: _notice(body, header) for name, header in headers.items()} | {
        "changed": _notice(changed, genuine.headers["Stripe-Signature"]),
        "truncated": _notice(body[:-1], genuine.headers["Stripe-Signature"]),
        "serialised again": _notice(again, genuine.headers["Stripe-Signature"]),
        "of test mode": signed(told | {"livemode": not told["livemode"]}, now),
        "of no mode": signed({k: v for k, v in told.items() if k != "livemode"}, now),
        "of a connected account": signed(told | {"account": "acct_another"}, now),
        "doubled": _notice(doubled, _header(WEBHOOK_SECRET, now, doubled)),
        "a signed fragment": _notice(body[:40], _header(WEBHOOK_SECRET, now, body[:40])),
    }


def _json(told: Json) -> bytes:
    return json.dumps(told).encode()


def _mac(secret: str, at: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()


def _header(secret: str, at: int, body: bytes) -> str:
    return f"t={at},v1={_mac(secret, at, body)},v0={'0' * 64}"


def _notice(body: bytes, header: str) -> Notice:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Notice(headers=headers | ({"Stripe-Signature": header} if header else {}), body=body)
