"""Invoices: what the bot asks for, checked as Telegram checks it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from bot.sandbox.errors import Refused, bad_request
from bot.sandbox.keyboards import has_pay_button, inline_only
from bot.sandbox.outgoing import send
from bot.sandbox.params import Params
from bot.sandbox.stars import STARS
from bot.sandbox.utf16 import length
from bot.sandbox.wire import Json, Methods
from bot.sandbox.world import World

# Bot API, sendInvoice: characters, and bytes for the payload.
TITLE_LIMIT = 32
DESCRIPTION_LIMIT = 255
PAYLOAD_LIMIT = 128
# Bot API, createInvoiceLink: the only period there is, 30 days in seconds.
SUBSCRIPTION_PERIOD = 2_592_000
INVOICES_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Invoice:
    title: str
    description: str
    payload: str
    currency: str
    prices: Sequence[Json]
    start_parameter: str
    is_flexible: bool
    subscription_period: int

    @property
    def total_amount(self) -> int:
        """In the currency's minor units; whole Stars for XTR."""
        return sum(price["amount"] for price in self.prices)

    def as_content(self) -> Json:
        """The Bot API `Invoice` of the message."""
        return {
            "title": self.title,
            "description": self.description,
            "start_parameter": self.start_parameter,
            "currency": self.currency,
            "total_amount": self.total_amount,
        }


class Invoices:
    """Sent ones by chat and message, links by their slug."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sent: dict[tuple[int, int], Invoice] = {}
        self._links: dict[str, Invoice] = {}

    def methods(self) -> Methods:
        return {"sendInvoice": self.send_invoice, "createInvoiceLink": self.create_link}

    async def send_invoice(self, params: Params) -> Json:
        invoice = _invoice(params)
        if invoice.subscription_period:
            raise bad_request("SUBSCRIPTION_PERIOD_INVALID")
        markup = _with_pay_button(inline_only(params), invoice)
        message = send(self._world, params, {"invoice": invoice.as_content()}, markup)
        self._sent[message["chat"]["id"], message["message_id"]] = invoice
        _forget_oldest(self._sent)
        return message

    async def create_link(self, params: Params) -> str:
        slug = secrets.token_urlsafe(12)
        self._links[slug] = _invoice(params)
        _forget_oldest(self._links)
        return f"{self._world.origin}/sandbox/invoice/{slug}"

    def sent(self, person_id: int, message_id: int) -> Invoice:
        """Raises `Refused` when the chat shows no such invoice."""
        message = self._world.chat(person_id).get(message_id)
        invoice = self._sent.get((person_id, message_id))
        if message is None or invoice is None:
            raise Refused(f"There is no invoice {message_id} in this chat.", 404)
        return invoice

    def linked(self, slug: str) -> Invoice:
        invoice = self._links.get(slug)
        if invoice is None:
            raise Refused("There is no such invoice link.", 404)
        return invoice


def _forget_oldest(invoices: dict[tuple[int, int], Invoice] | dict[str, Invoice]) -> None:
    if len(invoices) > INVOICES_KEPT:
        del invoices[next(iter(invoices))]  # type: ignore[arg-type]  # a key of its own


def _invoice(params: Params) -> Invoice:
    invoice = Invoice(
        title=params.required("title"),
        description=params.required("description"),
        payload=params.required("payload"),
        currency=params.required("currency"),
        prices=_prices(params),
        start_parameter=params.text("start_parameter"),
        is_flexible=params.flag("is_flexible"),
        subscription_period=params.integer("subscription_period"),
    )
    _check_texts(invoice)
    if invoice.currency == STARS:
        _check_stars(invoice, params.text("provider_token"))
    else:
        _check_provider(invoice, params.text("provider_token"))
    return invoice


def _prices(params: Params) -> list[Json]:
    prices = params.json("prices", what="prices")
    if not isinstance(prices, list) or not prices:
        raise bad_request("expected an Array of labeled prices")
    for price in prices:
        if not isinstance(price, dict) or not price.get("label"):
            raise bad_request("can't parse labeled price: label expected")
        price["amount"] = Params(price).integer("amount")
    return prices


def _check_texts(invoice: Invoice) -> None:
    if length(invoice.title) > TITLE_LIMIT:
        raise bad_request("INVOICE_TITLE_INVALID")
    if length(invoice.description) > DESCRIPTION_LIMIT:
        raise bad_request("INVOICE_DESCRIPTION_INVALID")
    if len(invoice.payload.encode(errors="replace")) > PAYLOAD_LIMIT:
        raise bad_request("INVOICE_PAYLOAD_INVALID")
    if invoice.total_amount <= 0:
        raise bad_request("CURRENCY_TOTAL_AMOUNT_INVALID")


def _check_stars(invoice: Invoice, provider_token: str) -> None:
    if provider_token or len(invoice.prices) != 1 or invoice.is_flexible:
        raise bad_request("STARS_INVOICE_INVALID")
    if invoice.subscription_period not in (0, SUBSCRIPTION_PERIOD):
        raise bad_request("SUBSCRIPTION_PERIOD_INVALID")


def _check_provider(invoice: Invoice, provider_token: str) -> None:
    currency = invoice.currency
    if not (
        len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()
    ):
        raise bad_request("CURRENCY_INVALID")
    if not provider_token.startswith("TEST") and ":TEST:" not in provider_token:
        raise bad_request("PAYMENT_PROVIDER_INVALID")
    if invoice.subscription_period:
        raise bad_request("SUBSCRIPTION_PERIOD_INVALID")


def _with_pay_button(markup: Json | None, invoice: Invoice) -> Json:
    """The bot's keyboard, whose first button pays; without a keyboard Telegram adds the button."""
    if markup is None:
        return {"inline_keyboard": [[{"text": _pay_label(invoice), "pay": True}]]}
    if not has_pay_button(markup):
        raise bad_request("BUTTON_TYPE_INVALID")
    return markup


def _pay_label(invoice: Invoice) -> str:
    if invoice.currency == STARS:
        return f"Pay ⭐️{invoice.total_amount}"
    return "Pay"
