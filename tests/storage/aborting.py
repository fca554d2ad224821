"""A unit of work whose first commit is rolled back, as a deadlock's victim is."""

from domain.errors import TransactionAborted
from storage.unit_of_work import SqlUnitOfWork
from tests.shop import Shop


class AbortsOnce(SqlUnitOfWork):
    """Raises `TransactionAborted` instead of the first commit; `aborted` says that it did."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.database)
        self.aborted = False

    async def commit(self) -> None:
        if not self.aborted:
            self.aborted = True
            raise TransactionAborted
        await super().commit()
