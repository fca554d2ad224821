"""The type of a row."""

from typing import Any, TypeAlias

import sqlalchemy as sa

# Core knows the columns of a statement only at run time.
Row: TypeAlias = sa.Row[*tuple[Any, ...]]
