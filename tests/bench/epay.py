"""An EPay merchant, and what its platform would say of payments."""

from typing import Final
from urllib.parse import urlencode

from payments.epay import signature
from tests.shop import PRICE, Till

_PID: Final = "1001"
_KEY: Final = "9f27c1d4e8a05b63d2714c"
SETTINGS: Final = {
    "EPAY_URL": "https://epay.example",
    "EPAY_PID": _PID,
    "EPAY_KEY": _KEY,
    "EPAY_CONFIRM": "false",  # there is no platform to ask
    "STARS_ENABLED": "false",
}
TILL: Final = Till(code="epay", account=_PID)


def notice(attempt_number: str) -> str:
    """Path and query of the callback that says that the attempt is paid."""
    told = {
        "pid": _PID,
        "trade_no": f"T{attempt_number}",
        "out_trade_no": attempt_number,
        "type": "alipay",
        "name": "P",
        "money": f"{PRICE.decimal:f}",
        "trade_status": "TRADE_SUCCESS",
    }
    signed = {**told, "sign": signature(told, _KEY), "sign_type": "MD5"}
    return f"/payments/epay/notify?{urlencode(signed)}"
