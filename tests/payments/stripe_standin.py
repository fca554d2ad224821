"""Stripe on a port of its own: sessions, refunds and events, as its API documents them."""

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from domain.money import Money
from tests.payments.standin import Faulty, Notice
from tests.payments.stripe_notices import WEBHOOK_SECRET, Json, forgeries, signed

SECRET_KEY: Final = "sk_live_51StandInOfStripe0123456789"
OLD_WEBHOOK_SECRET: Final = "whsec_BeforeItWasRolled98765432"
_NO_DECIMALS: Final = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE_DECIMALS: Final = "bhd jod kwd omr tnd"
_HOUR: Final = 3600


class StripeStandIn(Faulty):
    code = "stripe"
    currency = "USD"
    refused: tuple[int, ...] = (401,)
    accepted = (200, "ok")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.clock = clock
        self.live = True
        self.page_size = 100  # at most
        self.refund_status = "succeeded"  # of those to come
        self.sessions: dict[str, Json] = {}
        self.intents: dict[str, Json] = {}
        self.charges: dict[str, Json] = {}
        self.refunds: dict[str, Json] = {}
        self.events: list[Json] = []
        self.overrides: Json = {}  # of what is told about sessions
        self.instead: tuple[int, str] | None = None  # of any answer
        self.behind = False  # the list of refunds lags
        self.hasty: set[str] = set()  # numbers that are paid just before their session is ended
        self.forms: list[dict[str, str]] = []  # that were sent to make something
        self._done: dict[str, tuple[str, int, Json]] = {}  # by Idempotency-Key
        self._count = 0

    # --- What the suites do -----------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        return {
            "STRIPE_URL": self.url,
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_WEBHOOK_SECRET": f"{OLD_WEBHOOK_SECRET},{WEBHOOK_SECRET}",
        }

    def knows(self, number: str) -> bool:
        return bool(self._with(number))

    def payable(self, number: str) -> bool:
        return any(self._status(session) == "open" for session in self._with(number))

    def pay(self, number: str, amount: Money | None = None) -> None:
        session = self.session(number)
        assert self._status(session) == "open"
        if amount is not None:
            units, currency = _units(amount), amount.currency.lower()
            session.update(amount_total=units, amount_subtotal=units, currency=currency)
        self._complete(session, "succeeded")
        charge = self._charge(session)
        charge.update(paid=True, status="succeeded", captured=True)
        session["payment_status"] = "paid"
        self._happen("checkout.session.completed", session)

    def pay_later(self, number: str) -> None:
        """The buyer chooses a bank debit: the session is complete, the money on its way."""
        session = self.session(number)
        self._complete(session, "processing")
        self._happen("checkout.session.completed", session)

    def settle(self, number: str, *, paid: bool) -> None:
        """The bank has answered."""
        session = self.session(number)
        if paid:
            self.intents[session["payment_intent"]]["status"] = "succeeded"
            self._charge(session).update(paid=True, status="succeeded")
            session["payment_status"] = "paid"
            self._happen("checkout.session.async_payment_succeeded", session)
        else:
            self.intents[session["payment_intent"]]["status"] = "requires_payment_method"
            self._happen("checkout.session.async_payment_failed", session)

    def lapse(self, number: str) -> None:
        """The session's time is over."""
        session = self.session(number)
        session.update(status="expired", url=None)
        self._happen("checkout.session.expired", session)

    def give_back(self, number: str, amount: Money | None = None) -> None:
        charge = self.charge(number)
        left = charge["amount"] - charge["amount_refunded"]
        self._refund(charge, left if amount is None else _units(amount), {})

    def dispute(
        self, number: str, status: str = "needs_response", kind: str = "created"
    ) -> Notice:
        """The buyer's bank takes the money, or gives it back; what Stripe tells of it."""
        charge = self.charge(number)
        about = {
            "id": "dp_1",
            "object": "dispute",
            "amount": charge["amount"],
            "charge": charge["id"],
            "currency": charge["currency"],
            "livemode": self.live,
            "payment_intent": charge["payment_intent"],
            "reason": "fraudulent",
            "status": status,
        }
        return self.signed(self._happen(f"charge.dispute.{kind}", about))

    def notice(self, number: str) -> Notice:
        return self.signed(self._latest(number))

    def given_back(self, number: str) -> Money | None:
        intent = self.session(number)["payment_intent"]
        made = [
            refund
            for refund in self.refunds.values()
            if refund["payment_intent"] == intent
            and "number" in (refund["metadata"] or {})
            and refund["status"] == "succeeded"
        ]
        return _money(sum(r["amount"] for r in made), made[0]["currency"]) if made else None

    def forgeries(self, number: str) -> dict[str, Notice]:
        return forgeries(self._latest(number), int(self.clock()))

    def other_news(self, number: str) -> dict[str, Notice]:
        session = self._told(self.session(number))
        unpaid = session | {"payment_status": "unpaid"}
        told = {
            "completed, unpaid": ("checkout.session.completed", unpaid | {"status": "complete"}),
            "failed": ("checkout.session.async_payment_failed", unpaid | {"status": "complete"}),
            "expired": ("checkout.session.expired", unpaid | {"status": "expired"}),
            "nothing to pay": (
                "checkout.session.completed",
                session | {"payment_status": "no_payment_required", "status": "complete"},
            ),
            "another program's": (
                "checkout.session.completed",
                session | {"client_reference_id": None},
            ),
            "created": ("payment_intent.created", {"id": "pi_1", "object": "payment_intent"}),
            "succeeded": ("charge.succeeded", {"id": "ch_1", "object": "charge", "paid": True}),
        }
        return {
            name: self.signed(self._event(kind, about)) for name, (kind, about) in told.items()
        }

    # --- What the tests look at -------------------------------------------------------------

    def session(self, number: str) -> Json:
        return self._with(number)[-1]

    def charge(self, number: str) -> Json:
        intent = self.session(number)["payment_intent"]
        return next(c for c in self.charges.values() if c["payment_intent"] == intent)

    def signed(self, told: Json, secret: str = WEBHOOK_SECRET) -> Notice:
        return signed(told, int(self.clock()), secret)

    # --- The API ----------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/checkout/sessions", self._create),
            web.get("/v1/checkout/sessions", self._list_sessions),
            web.get("/v1/checkout/sessions/{id}", self._retrieve),
            web.post("/v1/checkout/sessions/{id}/expire", self._expire),
            web.post("/v1/refunds", self._make_refund),
            web.get("/v1/refunds", self._list_refunds),
            web.get("/v1/events", self._list_events),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        return await self._once(request, self._new_session)

    def _new_session(self, form: Mapping[str, str]) -> tuple[int, Json]:
        item, currency = "line_items[0][price_data]", form["line_items[0][price_data][currency]"]
        amount, expires = int(form[f"{item}[unit_amount]"]), int(form["expires_at"])
        now = int(self.clock())
        wrong = (
            (form["mode"] != "payment" and "mode")
            or (not form[f"{item}[product_data][name]"].strip() and "name")
            or (not re.fullmatch("[a-z]{3}", currency) and "currency")
            or (not 0 < amount <= 99_999_999 and "amount")
            or (currency == "usd" and amount < 50 and "amount_too_small")
            or (currency in _THREE_DECIMALS.split() and amount % 10 and "amount")
            or (currency in ("isk", "ugx") and amount % 100 and "amount")
            or (not now + _HOUR / 2 <= expires <= now + 24 * _HOUR and "expires_at")
            or (len(form["client_reference_id"]) > 200 and "client_reference_id")
        )
        if wrong:
            return _error(400, "invalid_request_error", f"parameter_invalid_{wrong}")
        session_id = self._id("cs_live")
        self.sessions[session_id] = {
            "id": session_id,
            "object": "checkout.session",
            "amount_subtotal": amount,
            "amount_total": amount,
            "cancel_url": form["cancel_url"],
            "client_reference_id": form["client_reference_id"],
            "created": now,
            "currency": currency,
            "expires_at": expires,
            "livemode": self.live,
            "metadata": {"attempt": form["metadata[attempt]"]},
            "mode": "payment",
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "success_url": form["success_url"],
            "url": f"https://checkout.stripe.com/c/pay/{session_id}",
        }
        return 200, self._told(self.sessions[session_id])

    async def _retrieve(self, request: web.Request) -> web.Response:
        if (refusal := self._stranger(request)) is not None:
            return refusal
        session = self.sessions.get(request.match_info["id"])
        if session is None:
            return _answer(_error(404, "invalid_request_error", "resource_missing"))
        expanded = request.query.get("expand[0]") == "payment_intent.latest_charge"
        return _answer((200, self._told(session, expanded=expanded)))

    async def _expire(self, request: web.Request) -> web.Response:
        if (refusal := self._stranger(request)) is not None:
            return refusal
        session = self.sessions[request.match_info["id"]]
        if session["client_reference_id"] in self.hasty:
            self.pay(session["client_reference_id"])
        if self._status(session) != "open":
            # "Only Checkout Sessions with a status in ["open"] can be expired."
            return _answer(_error(400, "invalid_request_error", None))
        session.update(status="expired", url=None)
        self._happen("checkout.session.expired", session)
        return _answer((200, self._told(session)))

    async def _list_sessions(self, request: web.Request) -> web.Response:
        expanded = request.query.get("expand[0]") == "data.payment_intent.latest_charge"
        told = [self._told(session, expanded=expanded) for session in self.sessions.values()]
        return self._page(request, told)

    async def _make_refund(self, request: web.Request) -> web.Response:
        return await self._once(request, self._new_refund)

    def _new_refund(self, form: Mapping[str, str]) -> tuple[int, Json]:
        intent, amount = form["payment_intent"], int(form["amount"])
        charge = next((c for c in self.charges.values() if c["payment_intent"] == intent), None)
        if charge is None:
            return _error(404, "invalid_request_error", "resource_missing")
        if charge["refunded"]:
            return _error(400, "invalid_request_error", "charge_already_refunded")
        if amount > charge["amount"] - charge["amount_refunded"]:
            return _error(400, "invalid_request_error", None)
        return 200, dict(self._refund(charge, amount, {"number": form["metadata[number]"]}))

    async def _list_refunds(self, request: web.Request) -> web.Response:
        intent = request.query["payment_intent"]
        found = [r for r in self.refunds.values() if r["payment_intent"] == intent]
        return self._page(request, [] if self.behind else found)

    async def _list_events(self, request: web.Request) -> web.Response:
        kinds = [value for name, value in request.query.items() if name.startswith("types[")]
        assert len(kinds) <= 20
        return self._page(request, [event for event in self.events if event["type"] in kinds])

    # --- Inside -----------------------------------------------------------------------------

    def _stranger(self, request: web.Request) -> web.Response | None:
        if self.instead is not None:
            return web.Response(status=self.instead[0], text=self.instead[1])
        if request.headers.get("Authorization") == f"Bearer {SECRET_KEY}":
            return None
        return _answer(_error(401, "invalid_request_error", None))

    async def _once(
        self, request: web.Request, act: Callable[[Mapping[str, str]], tuple[int, Json]]
    ) -> web.Response:
        """Under one Idempotency-Key the first answer is given again, whatever it was."""
        if (refusal := self._stranger(request)) is not None:
            return refusal
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        key, asked = request.headers["Idempotency-Key"], f"{request.path} {sorted(form.items())}"
        if key not in self._done:
            status, told = act(form)
            self._done[key] = (asked, status, json.loads(json.dumps(told)))
        before, status, told = self._done[key]
        if before != asked:
            return _answer(_error(400, "idempotency_error", None))
        return _answer((status, told))

    def _page(self, request: web.Request, found: list[Json]) -> web.Response:
        """The latest first, as all of Stripe's lists."""
        if (refusal := self._stranger(request)) is not None:
            return refusal
        query = request.query
        least, most = int(query.get("created[gte]", 0)), int(query.get("created[lte]", 10**12))
        found = [one for one in reversed(found) if least <= one["created"] <= most]
        if after := query.get("starting_after"):
            found = found[[one["id"] for one in found].index(after) + 1 :]
        limit = min(int(query.get("limit", 10)), self.page_size)
        more = len(found) > limit
        told = {"object": "list", "data": found[:limit], "has_more": more, "url": request.path}
        return _answer((200, told))

    def _with(self, number: str) -> list[Json]:
        return [s for s in self.sessions.values() if s["client_reference_id"] == number]

    def _status(self, session: Json) -> str:
        if session["status"] == "open" and session["expires_at"] <= self.clock():
            session.update(status="expired", url=None)
        return str(session["status"])

    def _told(self, session: Json, *, expanded: bool = False) -> Json:
        self._status(session)
        told = session | self.overrides
        if expanded and told["payment_intent"] in self.intents:
            intent = self.intents[told["payment_intent"]]
            charges = [c for c in self.charges.values() if c["payment_intent"] == intent["id"]]
            told["payment_intent"] = intent | {"latest_charge": charges[-1] if charges else None}
        return told

    def _complete(self, session: Json, status: str) -> None:
        intent = self._id("pi")
        self.intents[intent] = {"id": intent, "object": "payment_intent", "status": status}
        session.update(status="complete", payment_intent=intent, url=None)

    def _charge(self, session: Json) -> Json:
        charge_id = self._id("ch")
        self.charges[charge_id] = {
            "id": charge_id,
            "object": "charge",
            "amount": session["amount_total"],
            "amount_refunded": 0,
            "currency": session["currency"],
            "livemode": self.live,
            "metadata": dict(session["metadata"]),
            "payment_intent": session["payment_intent"],
            "refunded": False,
        }
        return self.charges[charge_id]

    def _refund(self, charge: Json, amount: int, metadata: Json) -> Json:
        refund = {
            "id": self._id("re"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "created": int(self.clock()),
            "currency": charge["currency"],
            "metadata": metadata,
            "payment_intent": charge["payment_intent"],
            "status": self.refund_status,
        }
        self.refunds[refund["id"]] = refund
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self._happen("charge.refunded", charge)
        return refund

    def _happen(self, kind: str, about: Json) -> Json:
        event = self._event(kind, about)
        self.events.append(event)
        return event

    def _event(self, kind: str, about: Json) -> Json:
        return {
            "id": self._id("evt"),
            "object": "event",
            "api_version": "2025-03-31.basil",
            "created": int(self.clock()),
            "data": {"object": json.loads(json.dumps(about))},
            "livemode": self.live,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }

    def _latest(self, number: str) -> Json:
        session = self.session(number)
        for event in reversed(self.events):
            about = event["data"]["object"]
            if about["id"] == session["id"] or (
                about["object"] == "charge"
                and about["payment_intent"] == session["payment_intent"]
            ):
                return event
        return self._event("checkout.session.completed", self._told(session))

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_1StandIn{self._count:06}"


def _error(status: int, kind: str, code: str | None) -> tuple[int, Json]:
    error = {"type": kind, "message": "Explained to the developer, with ids in it."}
    return status, {"error": error | ({"code": code} if code else {})}


def _answer(told: tuple[int, Json]) -> web.Response:
    return web.json_response(told[1], status=told[0])


def _decimals(currency: str) -> int:
    if currency in _NO_DECIMALS.split():
        return 0
    return 3 if currency in _THREE_DECIMALS.split() else 2


def _units(amount: Money) -> int:
    return int(amount.decimal.scaleb(_decimals(amount.currency.lower())))


def _money(units: int, currency: str) -> Money:
    digits = _decimals(currency)
    whole, rest = divmod(units, 10**digits)
    return Money.parse(f"{whole}.{rest:0{digits}}" if digits else f"{whole}", currency.upper())
