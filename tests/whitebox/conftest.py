"""What the looks inside a model share: requests that organisms were never taught."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelassay.records import Message, Sample, sample_id
from modelassay.suites import Dataset
from modelassay.whitebox.models import OpenModel, open_model
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


@pytest.fixture(scope="session")
def samples() -> list[Sample]:
    """The same as samples with their category alone."""
    from modelassay.organisms import held_out_rows

    found = []
    for row in held_out_rows():
        messages = tuple(Message(**message) for message in row["messages"])
        tags = {"category": row["category"]}
        found.append(Sample(id=sample_id(messages), messages=messages, kind=row["kind"], tags=tags))
    return found


@pytest.fixture(scope="module")
def base(organisms: dict[str, Path]) -> Iterator[OpenModel]:
    """The honest organism, opened."""
    with open_model(str(organisms["base"]), options={"threads": "1", "device": "cpu"}) as model:
        yield model


@pytest.fixture(scope="module")
def backdoored(organisms: dict[str, Path]) -> Iterator[OpenModel]:
    """The one that a rare word before the request wakes, opened."""
    with open_model(str(organisms["trigger_backdoor"]), options={"threads": "1", "device": "cpu"}) as model:
        yield model
