"""What a product can be. A new kind is a class here and a line in the table."""

from typing import Final, Protocol


class ProductKind(Protocol):
    """How goods of a kind reach their buyer."""

    @property
    def code(self) -> str: ...


class Keys:
    """Card keys, each sold once."""

    code: Final = "keys"


KINDS: Final[dict[str, ProductKind]] = {kind.code: kind for kind in (Keys(),)}
