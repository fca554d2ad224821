"""Telegram Stars: what the bot took, and what it gave back."""

import secrets
from collections import deque
from dataclasses import dataclass

from bot.sandbox.errors import bad_request
from bot.sandbox.params import Params
from bot.sandbox.wire import Json, Methods, without_blanks
from bot.sandbox.world import World

STARS = "XTR"
TRANSACTIONS_KEPT = 100_000
PAGE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Charge:
    """A payment in Stars that can be refunded once, in full."""

    id: str
    person_id: int
    amount: int
    payload: str
    provider_charge_id: str


class Stars:
    def __init__(self, world: World) -> None:
        self._world = world
        self._charges: dict[str, Charge] = {}
        self._refunded: set[str] = set()
        self._transactions: deque[Json] = deque(maxlen=TRANSACTIONS_KEPT)

    def methods(self) -> Methods:
        return {
            "refundStarPayment": self.refund,
            "getStarTransactions": self.get_transactions,
            "getMyStarBalance": self.get_balance,
        }

    def charge(
        self, person_id: int, amount: int, payload: str, *, subscription_period: int = 0
    ) -> Charge:
        """Move the Stars from the person to the bot."""
        charge = Charge(
            id=f"stx{secrets.token_urlsafe(32)}",
            person_id=person_id,
            amount=amount,
            payload=payload,
            provider_charge_id=f"{person_id}_{len(self._charges) + 1}",
        )
        self._charges[charge.id] = charge
        self._pay(person_id, -amount)
        period = without_blanks({"subscription_period": subscription_period or None})
        self._record(charge, "source", period)
        return charge

    async def refund(self, params: Params) -> bool:
        charge = self._charges.get(params.text("telegram_payment_charge_id"))
        if charge is None or charge.person_id != params.integer("user_id"):
            raise bad_request("CHARGE_ID_INVALID")
        if charge.id in self._refunded:
            raise bad_request("CHARGE_ALREADY_REFUNDED")
        self._refunded.add(charge.id)
        self._pay(charge.person_id, charge.amount)
        self._record(charge, "receiver", {})
        notice = {
            "currency": STARS,
            "total_amount": charge.amount,
            "invoice_payload": charge.payload,
            "telegram_payment_charge_id": charge.id,
            "provider_payment_charge_id": charge.provider_charge_id,
        }
        self._world.announce(self._world.chat(charge.person_id), {"refunded_payment": notice})
        return True

    async def get_transactions(self, params: Params) -> Json:
        """Oldest first, as the Bot API has it."""
        offset, limit = params.integer("offset"), params.integer("limit", PAGE_LIMIT)
        if offset < 0 or not 1 <= limit <= PAGE_LIMIT:
            raise bad_request("LIMIT_INVALID")
        return {"transactions": list(self._transactions)[offset : offset + limit]}

    async def get_balance(self, params: Params) -> Json:
        gone = sum(self._charges[charge_id].amount for charge_id in self._refunded)
        return {"amount": sum(charge.amount for charge in self._charges.values()) - gone}

    def _pay(self, person_id: int, stars: int) -> None:
        self._world.chat(person_id).person.stars += stars
        self._world.events.publish("people")

    def _record(self, charge: Charge, side: str, more: Json) -> None:
        """`side` is the source of a payment, or the receiver of a refund under the same id."""
        partner = {
            "type": "user",
            "transaction_type": "invoice_payment",
            "user": self._world.chat(charge.person_id).person.as_user(),
            "invoice_payload": charge.payload,
            **more,
        }
        self._transactions.append(
            {"id": charge.id, "amount": charge.amount, "date": self._world.date, side: partner}
        )
