"""Rows of files: round trips, and complaints that name the line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.errors import DatasetError
from modelassay.suites.files import file_stem, read_rows

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
NAMES = st.lists(TEXT, min_size=2, max_size=4, unique=True)


def written(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@settings(max_examples=150, deadline=None)
@given(names=NAMES, data=st.data())
def test_csv_rows_come_back_as_written(tmp_path_factory: pytest.TempPathFactory, names, data) -> None:
    rows = data.draw(st.lists(st.tuples(*[TEXT for _ in names]), max_size=5))
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    writer.writerows(rows)
    path = written(tmp_path_factory.mktemp("csv") / "rows.csv", out.getvalue())
    assert [tuple(row.values.values()) for row in read_rows(path)] == rows
    assert all(list(row.values) == names for row in read_rows(path))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.dictionaries(TEXT, JSON, max_size=4), max_size=5), ascii_only=st.booleans())
def test_json_rows_come_back_as_written(
    tmp_path_factory: pytest.TempPathFactory, rows, ascii_only: bool
) -> None:
    folder = tmp_path_factory.mktemp("json")
    lines = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    assert [row.values for row in read_rows(written(folder / "rows.jsonl", lines))] == rows
    packed = written(folder / "rows.jsonl.gz", gzip.compress(lines.encode()))
    assert [row.values for row in read_rows(packed)] == rows
    document = written(folder / "rows.json", json.dumps(rows, ensure_ascii=ascii_only))
    assert [row.values for row in read_rows(document)] == rows


def test_parquet_rows_come_back_as_written(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    rows = [{"prompt": f"question {n}", "n": n, "turns": [{"role": "user"}]} for n in range(1100)]
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    read = list(read_rows(path))
    assert [row.values for row in read] == rows
    assert read[-1].place == f"{path}: row 1100"


def test_line_numbers_count_line_ends_inside_quotes(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.csv", 'a,b\r\n"one\ntwo",x\r\n\r\nlast,y\r\n')
    rows = list(read_rows(path))
    assert [row.place for row in rows] == [f"{path}:2", f"{path}:5"]
    assert rows[0].values == {"a": "one\ntwo", "b": "x"}


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path, name: str) -> None:
    text = "prompt\nhello\n" if name.endswith("csv") else '{"prompt": "hello"}\n'
    path = written(tmp_path / name, b"\xef\xbb\xbf" + text.encode())
    assert next(iter(read_rows(path))).values == {"prompt": "hello"}


def test_ten_megabyte_field(tmp_path: Path) -> None:
    prompt = "word, " * (10 * 1024 * 1024 // 6)
    as_csv = written(tmp_path / "big.csv", f'prompt\n"{prompt}"\n')
    as_json = written(tmp_path / "big.jsonl", json.dumps({"prompt": prompt}))
    assert next(iter(read_rows(as_csv))).values["prompt"] == prompt
    assert next(iter(read_rows(as_json))).values["prompt"] == prompt


@pytest.mark.parametrize(
    ("name", "data", "where", "what", "mend"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": \xff}\n', ":2", "byte 7 of the line (0xff) is not UTF-8", "UTF-8"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', ":2", "malformed JSON", "one complete JSON value"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', ":2", "an array, not a JSON object", "prompt"),
        ("a.jsonl", b'{"a": "x\0y"}\n', ":1", "NUL byte", "UTF-8"),
        ("a.csv", b"a,b\n1,\xe9\n", ":2", "byte 3 of the line (0xe9) is not UTF-8", "UTF-8"),
        ("a.csv", b"a,b\n1,\0\n", ":2", "NUL byte", "UTF-8"),
        ("a.csv", b"a,b\n1,2\n1,2,3\n", ":3", "3 fields, the header has 2", "double quotes"),
        ("a.csv", b'a,b\n1,2\n1,"never closed\n', ":3", "not valid CSV", "close every double quote"),
        ("a.csv", b"a,a\n1,2\n", ":1", "'a' appears twice", "its own name"),
        ("a.csv", "prompt\nhi\n".encode("utf-16"), ":1", "UTF-16", "UTF-8"),
        ("a.json", b'{"a": 1}', "", "not hold a JSON array", ".jsonl"),
        ("a.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 900, mtime=0)[:-9], "", "damaged", "again"),
        ("a.csv.gz", b"not compressed", "", "damaged", "again"),
        ("a.parquet", b"PAR1 this is no parquet file PAR1", "", "Parquet file cannot be read", "again"),
        ("a.pkl", b"\x80\x04", "", "format .pkl is not known", ".jsonl"),
    ],
)
def test_complaints_name_place_and_mend(
    tmp_path: Path, name: str, data: bytes, where: str, what: str, mend: str
) -> None:
    path = written(tmp_path / name, data)
    with pytest.raises(DatasetError) as caught:
        list(read_rows(path))
    assert caught.value.where == f"{path}{where}"
    assert what in caught.value.what
    assert mend in caught.value.mend


def test_old_macintosh_line_ends_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"a,b\r1,2\r")
    with pytest.raises(DatasetError, match="not valid CSV"):
        list(read_rows(path))


def test_deeply_nested_json_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(DatasetError, match="nested too deeply"):
        list(read_rows(path))


def test_missing_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DatasetError) as caught:
        list(read_rows(written(tmp_path / "a.parquet", b"PAR1")))
    assert caught.value.mend == "pip install modelassay[data]"


def test_stem_drops_every_known_suffix() -> None:
    assert file_stem(Path("data/my.prompts.csv.gz")) == "my.prompts"
    assert file_stem(Path("prompts.parquet")) == "prompts"
