"""A percentage that is compared exactly."""

from __future__ import annotations

import msgspec


class Percent(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A share kept as an integer number of hundredths of a percent, so that comparison is exact."""

    basis_points: int
    """1 % is 100 basis points."""

    def __str__(self) -> str:
        whole, rest = divmod(abs(self.basis_points), 100)
        sign = "-" if self.basis_points < 0 else ""
        return f"{sign}{whole}%" if rest == 0 else f"{sign}{whole}.{rest:02d}".rstrip("0") + "%"
