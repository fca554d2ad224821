"""What an order can be. A new kind is a class here and a line in the table."""

from collections.abc import Mapping
from typing import Final, Protocol

from domain import ledger
from domain.errors import OutOfStock
from domain.ledger import Posting
from domain.orders import Order
from domain.ports import UnitOfWork


class OrderKind(Protocol):
    """How what an order promises is kept for its buyer, and whose its money becomes."""

    @property
    def code(self) -> str: ...
    @property
    def has_goods(self) -> bool:
        """Whether something is handed over in the chat."""

    def earner(self, order: Order, currency: str) -> str:
        """The account to which a paid order's money in this currency comes."""

    def completion(self, order: Order, currency: str) -> list[Posting]:
        """What is booked besides, once the whole price has come in this currency."""

    async def reserve(self, uow: UnitOfWork, order: Order) -> None:
        """Raises `OutOfStock`."""

    async def obtain(self, uow: UnitOfWork, order: Order) -> bool:
        """Make the goods the order's own: those reserved, else fresh ones; False for none."""

    async def release(self, uow: UnitOfWork, order: Order) -> None: ...


class Normal:
    """Goods from stock, reserved when the order is placed."""

    code: Final = "normal"
    has_goods: Final = True

    def earner(self, order: Order, currency: str) -> str:
        return ledger.GOODS

    def completion(self, order: Order, currency: str) -> list[Posting]:
        return []

    async def reserve(self, uow: UnitOfWork, order: Order) -> None:
        for line in sorted(order.lines, key=lambda line: line.variant_id):
            await uow.stock.reserve(order.id, line.variant_id, line.quantity)

    async def obtain(self, uow: UnitOfWork, order: Order) -> bool:
        if await uow.stock.sell(order.id) == order.quantity:
            return True
        try:
            await self.reserve(uow, order)
        except OutOfStock:
            await self.release(uow, order)
            return False
        await uow.stock.sell(order.id)
        return True

    async def release(self, uow: UnitOfWork, order: Order) -> None:
        await uow.stock.release(order.id)


class TopUp:
    """Money for the buyer's own balance."""

    code: Final = "topup"
    has_goods: Final = False

    def earner(self, order: Order, currency: str) -> str:
        own = currency == order.total.currency
        return ledger.customer_account(order.buyer_id) if own else ledger.EXCHANGE

    def completion(self, order: Order, currency: str) -> list[Posting]:
        if currency == order.total.currency:
            return []
        owed = ledger.customer_account(order.buyer_id)
        return ledger.transfer(ledger.EXCHANGE, owed, order.total)

    async def reserve(self, uow: UnitOfWork, order: Order) -> None:
        """There is always enough of it."""

    async def obtain(self, uow: UnitOfWork, order: Order) -> bool:
        return True

    async def release(self, uow: UnitOfWork, order: Order) -> None:
        """Nothing is held."""


_KINDS: Final[Mapping[str, OrderKind]] = {kind.code: kind for kind in (Normal(), TopUp())}


def kind_of(order: Order) -> OrderKind:
    return _KINDS[order.kind]
