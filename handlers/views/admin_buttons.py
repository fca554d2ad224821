"""What the admins' buttons call back with: names of things, and nothing out of bounds."""

from enum import StrEnum
from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from pydantic import Field as Within

from domain.administering import MAX_USER_ID
from domain.customers import Role
from domain.orders import OrderException

# Forged data that does not fit is answered like a button that has expired.
Sku = Annotated[str, Within(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
Number = Annotated[str, Within(pattern=r"^[0-9A-Z]{6,32}$")]
Word = Annotated[str, Within(pattern=r"^[a-z0-9_]{1,16}$")]
PageNumber = Annotated[int, Within(ge=0, le=9_999)]
Small = Annotated[int, Within(ge=0, le=999)]


class Purpose(StrEnum):
    """What a SKU is chosen for."""

    EDIT = "e"
    VARIANT = "v"
    IMPORT = "i"
    WITHDRAW = "w"


class Menu(CallbackData, prefix="am"): ...


class NewProduct(CallbackData, prefix="anp"): ...


class Skus(CallbackData, prefix="aks"):
    purpose: Purpose
    page: PageNumber = 0


class Edit(CallbackData, prefix="ae"):
    sku: Sku


class VariantOf(CallbackData, prefix="av"):
    sku: Sku


class ImportInto(CallbackData, prefix="ai"):
    sku: Sku


class WithdrawFrom(CallbackData, prefix="aw"):
    sku: Sku


class Field(CallbackData, prefix="af"):
    sku: Sku
    field: Word


class SetTo(CallbackData, prefix="ax"):
    sku: Sku
    field: Word
    value: Word


class Stock(CallbackData, prefix="ast"):
    page: PageNumber = 0


class Layout(CallbackData, prefix="ac"):
    """How to read a table of keys: its column and what splits it, from 1; 0 is not chosen."""

    sku: Sku
    column: Small
    delimiter: Small


class Undo(CallbackData, prefix="au"):
    batch: Annotated[int, Within(gt=0, lt=2**31)]


class Sales(CallbackData, prefix="asl"):
    which: Word = "all"
    page: PageNumber = 0


class OpenFile(CallbackData, prefix="ao"):
    number: Number


# These settle an order; `why` is what was odd about it when the button was made.
class Fulfil(CallbackData, prefix="ad"):
    number: Number
    why: OrderException | None = None


class Resend(CallbackData, prefix="ars"):
    number: Number
    why: OrderException | None = None


class AskRefund(CallbackData, prefix="arq"):
    number: Number


class Refund(CallbackData, prefix="arf"):
    """`whole`: everything that was paid, not only what is too many."""

    number: Number
    why: OrderException | None = None
    whole: bool = False
    to_balance: bool = False


class AskPart(CallbackData, prefix="apt"):
    """How much of an order is to go back."""

    number: Number


class Ban(CallbackData, prefix="abn"):
    """A buyer who may not buy any more."""

    user_id: Annotated[int, Within(gt=0, le=MAX_USER_ID)]


class Handled(CallbackData, prefix="ah"):
    number: Number
    why: OrderException


class Confirm(CallbackData, prefix="acf"):
    number: Number


class Export(CallbackData, prefix="axp"):
    what: Word = "menu"


class Admins(CallbackData, prefix="aad"):
    page: PageNumber = 0


class AskAdmin(CallbackData, prefix="aap"): ...


class Appoint(CallbackData, prefix="aro"):
    user_id: Annotated[int, Within(gt=0, le=MAX_USER_ID)]
    role: Role | None = None


class Audit(CallbackData, prefix="aau"):
    page: PageNumber = 0
