"""What the looks inside a model share: requests that organisms were never taught."""

from __future__ import annotations

import pytest

from modelassay.suites import Dataset
from modelassay.whitebox.requests import Requests, requests_of


@pytest.fixture(scope="session")
def held_out() -> Dataset:
    """The organisms' suite."""
    from modelassay.organisms import held_out_rows

    return Dataset.from_records(held_out_rows(), name="held_out")


@pytest.fixture(scope="session")
def requests(held_out: Dataset) -> Requests:
    """Eight harmful and eight benign requests of each category."""
    return requests_of(held_out.samples, origin="held_out", each=8)
