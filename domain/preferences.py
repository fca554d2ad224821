"""What a person has chosen: their language, and whether the shop may write to them."""

from domain.ports import UnitOfWork
from domain.transactions import retried


@retried
async def choose_language(uow: UnitOfWork, customer_id: int, language: str) -> None:
    """From now on in this language, whatever Telegram says."""
    async with uow:
        customer = await uow.customers.get(customer_id)
        if customer is not None and customer.language != language:
            customer.language = language
            await uow.customers.save(customer)
            await uow.commit()


@retried
async def shut_out(uow: UnitOfWork, customer_id: int) -> None:
    """The person has blocked the bot. `delivery.hand_over_again` is for their return."""
    async with uow:
        customer = await uow.customers.lock(customer_id)  # a ban of this moment is to stay
        if customer is not None and not customer.blocked:
            customer.blocked = True
            await uow.customers.save(customer)
            await uow.commit()
