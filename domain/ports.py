"""What the domain needs from the outside world."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self

from domain.catalog import Category, Offer, Page, Product, Variant
from domain.customers import Customer, Role
from domain.ledger import Posting, Share
from domain.messages import Delivery, DeliveryStatus, Note
from domain.money import Money
from domain.orders import Order, OrderStatus
from domain.payments import (
    Attempt,
    AttemptStatus,
    Checkout,
    Payment,
    PaymentEvent,
    Recorded,
    Refund,
    RefundEvent,
)
from domain.secret import Secret
from domain.stock import Batch, Crossing, SealedKey, StockCount


class Catalog(Protocol):
    async def categories(self) -> list[Category]:
        """Categories that hold something for sale, by name."""

    async def offers(
        self, *, page: int, size: int, category_id: int | None = None, text: str | None = None
    ) -> Page[Offer]:
        """What is for sale, one entry a product (its first variant), sold-out ones included."""

    async def offers_of(self, product_id: int) -> list[Offer]:
        """Every variant of a product that is for sale; empty when it is not."""

    async def offer(self, variant_id: int) -> Offer:
        """With what is left counted up to `catalog.MANY`. Raises `ProductNotFound`."""

    async def on_sale(self, variant_id: int) -> tuple[Product, Variant]:
        """Without counting what is left. Raises `ProductNotFound`."""

    async def by_sku(self, sku: str, *, lock: bool = False) -> tuple[Product, Variant]:
        """For admins: on sale or not. Raises `ProductNotFound`."""

    async def skus(self) -> list[str]: ...

    async def add(self, product: Product, variant: Variant) -> None:
        """Store a new variant, and its product unless it has an id. Raises `SkuTaken`."""

    async def save(self, product: Product) -> None: ...
    async def save_variant(self, variant: Variant) -> None: ...

    async def category_named(self, name: str) -> Category:
        """Found, or made."""


class Customers(Protocol):
    async def get(self, customer_id: int) -> Customer | None: ...
    async def save(self, customer: Customer) -> None:
        """Insert or update; never the role."""

    async def lock(self, customer_id: int) -> Customer | None:
        """Hold the customer until the transaction ends: one checkout at a time."""

    async def admins(self) -> list[Customer]: ...
    def is_fixed(self, customer_id: int) -> bool:
        """Whether the settings make them an owner."""

    async def set_role(self, customer_id: int, role: Role | None) -> None: ...


class Orders(Protocol):
    async def add(self, order: Order) -> None:
        """Store it and its lines; gives it its id."""

    async def save(self, order: Order) -> None:
        """Status, exception, times and message; the rest never changes."""

    async def get(self, order_id: int) -> Order: ...
    async def by_number(self, number: str, *, lock: bool = False) -> Order:
        """Raises `OrderNotFound`."""

    async def lock(self, order_id: int) -> Order: ...
    async def lock_with_attempt(
        self, provider: str, attempt_number: str
    ) -> tuple[Order, Attempt] | None: ...

    async def pending_or_requested(self, buyer_id: int, request_id: str) -> list[Order]:
        """The buyer's pending orders, and the one that this request made."""

    async def of_buyer(self, buyer_id: int, *, page: int, size: int) -> Page[Order]: ...
    async def newest(
        self, *, status: OrderStatus | None, needs_person: bool, page: int, size: int
    ) -> Page[Order]: ...
    async def after(self, order_id: int, *, size: int) -> list[Order]:
        """Orders by id, for exports."""

    async def lock_overdue(
        self, now: datetime, sure_before: datetime, *, limit: int
    ) -> list[Order]:
        """Pending orders whose reservation is over; rows that others hold are passed over.

        Those with an attempt that a provider is still to be asked about only where the
        reservation ended before `sure_before`.
        """

    async def lock_waiting(self, variant_id: int | None = None) -> list[Order]:
        """Paid orders without goods, of a variant or all, those paid first at the front."""


class Stock(Protocol):
    async def reserve(self, order_id: int, variant_id: int, quantity: int) -> None:
        """Claim free keys, oldest first. Raises `OutOfStock`."""

    async def release(self, order_id: int) -> None: ...
    async def sell(self, order_id: int) -> int:
        """Turn the order's reservation into a sale; how many keys that were."""

    async def keys_of(self, order_id: int) -> list[SealedKey]:
        """The keys that an order was sold, in its sequence."""

    async def counts(self, sku: str | None = None) -> list[StockCount]: ...
    async def crossings(self, threshold: int) -> list[Crossing]:
        """Variants whose stock is at another level than the owner was last told."""

    async def cross(self, crossing: Crossing) -> bool:
        """Keep the new level; False when somebody else was quicker."""

    async def add_batch(self, batch: Batch) -> None:
        """Gives it its id."""

    async def add_keys(self, keys: Sequence[SealedKey]) -> int:
        """Store keys, passing over those ever seen; how many were new."""

    async def finish_batch(self, batch: Batch) -> None:
        """Keep its figures and when it ended."""

    async def mark_undone(self, batch_id: int, now: datetime) -> None: ...
    async def batch(self, batch_id: int) -> Batch:
        """Locked. Raises `BatchNotFound`."""

    async def unfinished_batches(self) -> list[Batch]: ...
    async def withdraw_batch(self, batch_id: int) -> int: ...
    async def withdraw(self, variant_id: int, fingerprints: Sequence[bytes]) -> int: ...
    async def keys_after(
        self, key_id: int, *, variant_id: int | None, size: int
    ) -> list[tuple[SealedKey, str, str, str | None]]:
        """Keys by id with SKU, status and order number, for exports."""


class Attempts(Protocol):
    async def add(self, attempt: Attempt) -> None: ...
    async def save(self, attempt: Attempt) -> None:
        """What has been received, and the status that follows from it."""

    async def offer(self, attempt_id: int, checkout: Checkout) -> None:
        """Keep how to pay."""

    async def fail(self, attempt_id: int) -> None:
        """The provider refused it; one that was closed meanwhile stays so."""

    async def of_order(self, order_id: int) -> list[Attempt]: ...
    async def by_number(self, number: str) -> Attempt | None: ...
    async def claim_due(
        self, providers: Sequence[str], now: datetime, until: datetime, *, limit: int
    ) -> list[Attempt]:
        """Those about which these are to be asked; nobody else's turn before `until`."""

    async def schedule(
        self, attempt_id: int, at: datetime | None, status: AttemptStatus | None
    ) -> None:
        """When to ask next, and the status of one that is open; one that is paid stays so."""

    async def since(
        self, provider: str, since: datetime, *, after: int, size: int
    ) -> list[Attempt]:
        """A provider's attempts made from then on, by id."""

    async def close(self, order_id: int) -> None:
        """Close what is still open."""


class Payments(Protocol):
    async def record(
        self, event: PaymentEvent, order_id: int | None, now: datetime, source: str
    ) -> Recorded | None:
        """Store the payment, or give a stored one that had no order its order.

        None when it was known already.
        """

    async def of_order(self, order_id: int) -> list[Payment]: ...
    async def find(self, provider: str, account: str, external_id: str) -> Payment | None: ...
    async def foretell(self, event: RefundEvent, now: datetime) -> None:
        """Keep the news of a refund whose payment is not known yet."""

    async def foretold(self, event: PaymentEvent) -> Money:
        """What was said to have gone back of a payment before it was known."""

    async def since(self, provider: str, account: str, since: datetime) -> list[Payment]:
        """What was recorded from then on."""

    async def orphans(self) -> list[PaymentEvent]:
        """Payments recorded without an order, whose attempt exists by now."""

    async def post(
        self, postings: Sequence[Posting], *, order_id: int | None, payment_id: int, now: datetime
    ) -> None:
        """Append to the ledger. Raises `ValueError` unless the postings sum to zero."""

    async def shares(self, order_id: int) -> list[Share]:
        """What stands on each account for each of an order's payments, provider accounts aside;
        in the order of the payments, nothing that is zero.
        """

    async def held_of(self, payment_id: int) -> Money:
        """What of a payment is held."""

    async def owed_to(self, customer_id: int) -> list[Money]:
        """A customer's balance, an amount for each currency; none that is zero."""


class Refunds(Protocol):
    async def add(self, refund: Refund, now: datetime) -> None: ...
    async def save(self, refund: Refund, now: datetime) -> None: ...
    async def of_order(self, order_id: int) -> list[Refund]: ...
    async def claim_due(self, now: datetime, until: datetime, *, limit: int) -> list[Refund]:
        """Those under way whose provider is to be asked; nobody else's turn before `until`."""

    async def claim_of_order(self, order_id: int, now: datetime, until: datetime) -> list[Refund]:
        """An order's, also ahead of time; not those that somebody is asking for now."""

    async def put_off(self, refund_id: int, until: datetime) -> None: ...


class Alarms(Protocol):
    async def raise_(
        self, provider: str, trouble: str, now: datetime, *, unless_since: datetime
    ) -> bool:
        """False when it was raised after then, and has not ended since."""

    async def end(self, provider: str, trouble: str) -> bool:
        """False when it was not raised."""


class Chores(Protocol):
    async def claim(
        self, name: str, now: datetime, next_at: datetime, *, first_at: datetime
    ) -> bool:
        """Whether the chore is due and ours to do: nobody else's before `next_at`.

        One that was never done is due at `first_at`.
        """


class Outbox(Protocol):
    async def add(self, note: Note, now: datetime) -> None: ...
    async def claim(self, now: datetime, lease: timedelta, *, limit: int) -> list[Delivery]: ...
    async def progress(self, delivery: Delivery, lease_until: datetime) -> None:
        """Keep how many parts have been sent, and the row for the next one."""

    async def sent(self, delivery: Delivery, now: datetime) -> bool:
        """Done; False when the lease was lost to somebody else who finished it."""

    async def retry(
        self, delivery: Delivery, due_at: datetime, attempt_count: int, error: str
    ) -> None: ...
    async def fail(self, delivery: Delivery, error: str) -> bool:
        """Set aside; False when the row is somebody else's by now."""

    async def hand_over(self, order_id: int) -> DeliveryStatus | None:
        """How the order's newest hand-over stands; None when there is none."""

    async def requeue(
        self, *, order_id: int | None = None, buyer_id: int | None = None, now: datetime
    ) -> int:
        """Failed hand-overs, of an order or of a buyer, are due again; how many."""


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to what, and when; what it was before and after."""

    at: datetime
    actor_id: int
    action: str
    subject: str
    before: Mapping[str, str | int | None] | None = None
    after: Mapping[str, str | int | None] | None = None


class Audit(Protocol):
    async def add(self, entry: AuditEntry) -> None: ...
    async def newest(self, *, page: int, size: int) -> Page[AuditEntry]: ...


class UnitOfWork(Protocol):
    """One transaction. Leaving without `commit()` rolls back; it can be entered again.

    Raises `DatabaseAway` and `TransactionAborted`.
    """

    @property
    def catalog(self) -> Catalog: ...
    @property
    def customers(self) -> Customers: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def stock(self) -> Stock: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def payments(self) -> Payments: ...
    @property
    def refunds(self) -> Refunds: ...
    @property
    def alarms(self) -> Alarms: ...
    @property
    def chores(self) -> Chores: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def audit(self) -> Audit: ...

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...
    async def commit(self) -> None: ...


class Vault(Protocol):
    """Seals and opens card keys."""

    async def seal(self, variant_id: int, keys: Sequence[tuple[int, str]]) -> list[SealedKey]:
        """Encrypt (id, key) pairs; sorted by fingerprint, without repetitions."""

    def open(self, key: SealedKey) -> Secret:
        """Raises `TamperedKey`."""

    def fingerprint(self, key: str) -> bytes: ...


class KeyLines(Protocol):
    """A file of keys, or typed lines, that can be read more than once."""

    def lines(self) -> Iterator[tuple[int, str | None]]:
        """Line numbers from 1 and keys; None for what cannot be a key."""


class Sheet(Protocol):
    """A table being written to a file."""

    def row(self, cells: Sequence[str | int]) -> None: ...


Progress = Callable[[int], Awaitable[None]]
