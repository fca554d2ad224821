"""The owner's rules for money that does not fit: what happens by itself, what is asked."""

from dataclasses import dataclass
from enum import StrEnum


class Remedy(StrEnum):
    ASK = "ask"  # the money is held, and a person decides
    DELIVER = "deliver"  # as if it had come in time
    WAIT = "wait"  # the order is paid and waits for goods, first come, first served
    CREDIT = "credit"  # to the buyer's balance
    REFUND = "refund"  # through the provider where it can, else to the balance


@dataclass(frozen=True)
class Remedies:
    """A remedy for each way in which a payment may not fit."""

    late: Remedy = Remedy.DELIVER  # after the order was closed, and there is stock: deliver, ask
    sold_out: Remedy = Remedy.CREDIT  # … and there is none: wait, credit, refund, ask
    under: Remedy = Remedy.ASK  # credit, refund, ask
    over: Remedy = Remedy.CREDIT  # the excess: credit, refund, ask
    twice: Remedy = Remedy.CREDIT  # credit, refund, ask
    mismatch: Remedy = Remedy.ASK  # credit, refund, ask
    unknown: Remedy = Remedy.ASK  # a payment for no known order: wait for the daily report, ask
    undeliverable: Remedy = Remedy.ASK  # wait until the buyer is back, ask
