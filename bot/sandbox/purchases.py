"""Paying an invoice: shipping and pre-checkout asked of the bot, then the money moved."""

import secrets
from dataclasses import dataclass, field

from bot.sandbox.chats import Chat
from bot.sandbox.errors import Refused, bad_request
from bot.sandbox.invoices import Invoice
from bot.sandbox.params import Params
from bot.sandbox.questions import Questions
from bot.sandbox.stars import STARS, Stars
from bot.sandbox.wire import Json, Methods
from bot.sandbox.world import World

ADDRESS = {
    "country_code": "GB",
    "state": "",
    "city": "London",
    "street_line1": "1 High Street",
    "street_line2": "",
    "post_code": "N1 1AA",
}


class Declined(Exception):
    """The bot, or an empty balance, stands against the payment; the message says why."""


@dataclass(slots=True)
class Payment:
    """An invoice in the hands of the one who pays, with what they entered and chose."""

    invoice: Invoice
    payer: Chat
    total_amount: int
    order_info: Json = field(default_factory=dict)
    shipping_option_id: str = ""

    def as_query(self) -> Json:
        """What `pre_checkout_query` and `successful_payment` have in common."""
        chosen = {"shipping_option_id": self.shipping_option_id, "order_info": self.order_info}
        return {
            "currency": self.invoice.currency,
            "total_amount": self.total_amount,
            "invoice_payload": self.invoice.payload,
            **{key: value for key, value in chosen.items() if value},
        }


class Purchases:
    """Each question to the bot waits `seconds`: 10 at Telegram."""

    def __init__(self, world: World, stars: Stars, *, seconds: float) -> None:
        self._world = world
        self._stars = stars
        self.shipping = Questions(seconds=seconds)
        self.pre_checkout = Questions(seconds=seconds)

    def methods(self) -> Methods:
        return {
            "answerPreCheckoutQuery": self.answer_pre_checkout,
            "answerShippingQuery": self.answer_shipping,
        }

    def close(self) -> None:
        self.shipping.close()
        self.pre_checkout.close()

    async def answer_pre_checkout(self, params: Params) -> bool:
        return self._answer(self.pre_checkout, params, "pre_checkout_query_id", {})

    async def answer_shipping(self, params: Params) -> bool:
        options = params.json("shipping_options", what="shipping options")
        if params.flag("ok") and not (isinstance(options, list) and options):
            raise bad_request("expected an Array of shipping options")
        return self._answer(self.shipping, params, "shipping_query_id", {"options": options})

    async def pay(self, payer_id: int, invoice: Invoice, entered: Json) -> Json:
        """Pay as a person would; `entered` may hold shipping_address, shipping_option_id and
        order_info. Returns `ok` with the charge's id, or not ok with the error."""
        payer = self._world.chat(payer_id)
        if payer.person.blocked:
            raise Refused(f"{payer.person.first_name} has blocked the bot. Unblock it first.")
        payment = Payment(
            invoice, payer, invoice.total_amount, dict(entered.get("order_info") or {})
        )
        shipping: Json = {}
        try:
            self._require_stars(payment)
            if invoice.is_flexible:
                shipping = {"shipping": await self._ship(payment, entered)}
            await self._confirm(payment)
            self._require_stars(payment)
        except Declined as reason:
            return {"ok": False, "error": str(reason), **shipping}
        return {"ok": True, "charge_id": self._settle(payment), **shipping}

    def _answer(self, questions: Questions, params: Params, name: str, more: Json) -> bool:
        query_id = params.text(name)
        questions.require_open(query_id)
        error = params.text("error_message")
        if not params.flag("ok") and not error:
            raise bad_request('parameter "error_message" is required')
        questions.answer(query_id, {"ok": params.flag("ok"), "error": error, **more})
        return True

    async def _ship(self, payment: Payment, entered: Json) -> Json:
        address = {**ADDRESS, **(entered.get("shipping_address") or {})}
        payment.order_info["shipping_address"] = address
        query = {"invoice_payload": payment.invoice.payload, "shipping_address": address}
        answer = await self._ask(self.shipping, "shipping_query", payment, query)
        wanted = entered.get("shipping_option_id")
        options = {option["id"]: option for option in answer["options"]}
        option = options.get(wanted) if wanted else answer["options"][0]
        if option is None:
            raise Declined(f"There is no shipping option {wanted}.")
        payment.shipping_option_id = option["id"]
        payment.total_amount += sum(int(price["amount"]) for price in option["prices"])
        return {"options": answer["options"], "chosen": option["id"]}

    async def _confirm(self, payment: Payment) -> None:
        await self._ask(self.pre_checkout, "pre_checkout_query", payment, payment.as_query())

    async def _ask(self, questions: Questions, kind: str, payment: Payment, query: Json) -> Json:
        query_id = questions.ask()
        person = payment.payer.person
        self._world.updates.add(
            kind, person.id, {"id": query_id, "from": person.as_user(), **query}
        )
        answer = await questions.answer_to(query_id)
        if answer is None:
            raise Declined("The bot did not answer in time.")
        if not answer["ok"]:
            raise Declined(answer["error"])
        return answer

    def _require_stars(self, payment: Payment) -> None:
        if payment.invoice.currency == STARS and payment.payer.person.stars < payment.total_amount:
            raise Declined("There are not enough Stars on this account.")

    def _settle(self, payment: Payment) -> str:
        invoice, payer = payment.invoice, payment.payer
        if invoice.currency == STARS:
            charge = self._stars.charge(
                payer.person.id,
                payment.total_amount,
                invoice.payload,
                subscription_period=invoice.subscription_period,
            )
            charge_id, provider_charge_id = charge.id, charge.provider_charge_id
        else:
            charge_id, provider_charge_id = secrets.token_hex(16), secrets.token_hex(12)
        receipt = {
            **payment.as_query(),
            **self._subscription(invoice),
            "telegram_payment_charge_id": charge_id,
            "provider_payment_charge_id": provider_charge_id,
        }
        self._world.announce(payer, {"successful_payment": receipt})
        return charge_id

    def _subscription(self, invoice: Invoice) -> Json:
        if not invoice.subscription_period:
            return {}
        until = self._world.date + invoice.subscription_period
        flags = {"is_recurring": True, "is_first_recurring": True}
        return {"subscription_expiration_date": until, **flags}
