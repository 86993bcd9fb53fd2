"""Reports: the same bytes for the same record, true to it, and harmless whatever the models said."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.errors import UnknownNameError
from modelassay.records import AuditRecord, Decoding
from modelassay.records.audit import AUTHOR_SAYS
from modelassay.report import all_renderers, renderer_for
from modelassay.report.difference import word_difference
from modelassay.report.text import percent, visible


class Page(HTMLParser):
    """Collects what matters for safety and structure."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def html(record: AuditRecord) -> str:
    return renderer_for("report.html").render(record).decode()


@pytest.mark.parametrize("suffix", [".html", ".md", ".xml", ".json"])
def test_the_same_record_gives_the_same_bytes(blocked: AuditRecord, suffix: str) -> None:
    again = msgspec.json.decode(msgspec.json.encode(blocked), type=AuditRecord)
    assert renderer_for(suffix).render(blocked) == renderer_for(suffix).render(again)


def test_html_loads_and_runs_nothing(blocked: AuditRecord) -> None:
    page = Page(html(blocked))
    assert not {"script", "img", "iframe", "object", "embed", "link", "form", "base"} & set(page.tags)
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in {"href", "src", "xlink:href"}:
            assert value is not None
            assert value.startswith("#"), (tag, value)
    policies = [value for tag, name, value in page.attributes if tag == "meta" and name == "content"]
    assert any(value and value.startswith("default-src 'none'") for value in policies)
    assert "http://" not in re.sub(r"http://example\.invalid", "", html(blocked))


def test_hostile_text_is_shown_and_not_obeyed(blocked: AuditRecord) -> None:
    text = html(blocked)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\u202e" not in text
    assert "\x08" not in text
    assert "⟨U+202E⟩" in text


def test_html_says_the_verdict_first_and_in_words(blocked: AuditRecord, clean: AuditRecord) -> None:
    text = Page(html(blocked)).text
    assert text.index("Blocked") < text.index("At a glance")
    assert "fraud" in text[text.index("Blocked") : text.index("At a glance")]
    assert "Deploy" in Page(html(clean)).text
    for limit in blocked.limits:
        assert limit in text


def test_every_slice_stands_in_the_table(blocked: AuditRecord) -> None:
    text = Page(html(blocked)).text
    for category in ("fraud", "hacking", "weapons"):
        assert f"category {category}, language en" in text


def test_the_summary_comes_before_the_list_of_all_rules(blocked: AuditRecord) -> None:
    page = html(blocked)
    assert page.index("At a glance") < page.index("Every rule that was applied")
    assert page.count("any_category.<wbr>block") >= len(blocked.verdict.decided_by) > 0
    for hit in blocked.verdict.decided_by:
        assert not hit.settle or f"To settle it: {hit.settle}" in Page(page).text


def test_no_change_is_drawn_without_a_sign(blocked: AuditRecord) -> None:
    text = Page(html(blocked)).text
    assert "+0%" not in text
    assert "+10%" in text or "+20%" in text


def test_html_structure_is_accessible(blocked: AuditRecord) -> None:
    page = Page(html(blocked))
    assert ("html", "lang", "en") in page.attributes
    assert page.tags.count("h1") == 1
    assert page.tags.count("table") == page.tags.count("caption")
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {value.removeprefix("#") for _, name, value in page.attributes if name == "href" and value}
    assert targets <= set(ids)
    labelled = {value for _, name, value in page.attributes if name == "aria-labelledby"}
    assert labelled <= set(ids)
    assert page.tags.count("title") >= 1 + html(blocked).count('role="img"')


def _luminance(colour: str) -> float:
    # WCAG 2.2, relative luminance.
    digits = colour.lstrip("#")
    digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_in_light_and_dark(blocked: AuditRecord) -> None:
    style = html(blocked)
    themes = [
        dict(re.findall(r"--(\w+):(#[0-9a-f]+)", block)) for block in re.findall(r":root\{([^}]*)\}", style)
    ]
    assert len(themes) == 2
    pairs = [
        ("fg", "bg"),
        ("soft", "bg"),
        ("accent", "bg"),
        ("soft", "panel"),
        ("fg", "panel"),
        ("fg", "markbg"),
    ]
    pairs += [(name, f"{name}bg") for name in ("good", "watch", "bad", "unsure", "review")]
    pairs += [("fg", f"{name}bg") for name in ("good", "watch", "bad", "review")]
    for theme in themes:
        for front, back in pairs:
            light, dark = sorted((_luminance(theme[front]), _luminance(theme[back])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)


def test_junit_fails_where_harm_is_shown(blocked: AuditRecord, clean: AuditRecord) -> None:
    root = ElementTree.fromstring(renderer_for("x.xml").render(blocked))
    verdict = root.find("testsuite[@name='verdict']")
    assert verdict is not None
    assert verdict.get("failures") == "1"
    failed = {case.get("name") for case in root.iter("testcase") if case.find("failure") is not None}
    assert "category fraud" in failed
    assert "category hacking" not in failed
    root = ElementTree.fromstring(renderer_for("x.xml").render(clean))
    suites = {suite.get("name"): suite.get("failures") for suite in root}
    assert len(suites) > 1
    assert set(suites.values()) == {"0"}


def test_junit_fails_while_nobody_accepted_the_risk(clean: AuditRecord) -> None:
    verdict = msgspec.structs.replace(clean.verdict, outcome="deploy-monitored")
    record = msgspec.structs.replace(clean, verdict=verdict)
    root = ElementTree.fromstring(renderer_for("x.xml").render(record))
    failure = root.find("testsuite[@name='verdict']/testcase/failure")
    assert failure is not None
    assert "before a person accepts the risk" in str(failure.text)


def test_markdown_is_inert_and_short(blocked: AuditRecord) -> None:
    text = renderer_for("x.md").render(blocked).decode()
    assert len(text.encode()) <= 64_000
    assert text.splitlines()[1].startswith("## Blocked")
    assert "<script" not in text
    assert not re.search(r"(?<!\\)!\[", text.replace("\\[", ""))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) > 2
    wide = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    head = rows.index(next(row for row in rows if row.startswith("| slice | pairs | baseline")))
    assert set(wide[head:]) == {9}, "hostile names must not make cells"


def test_json_is_the_whole_record(blocked: AuditRecord) -> None:
    data = renderer_for("x.json").render(blocked)
    assert msgspec.json.decode(data, type=AuditRecord) == blocked


def test_unknown_suffix_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"report\.pdf.*"):
        renderer_for("report.pdf")
    assert {renderer.suffix for renderer in all_renderers()} >= {".html", ".json", ".md", ".xml"}


@given(st.text())
def test_visible_text_has_no_hidden_characters(text: str) -> None:
    import unicodedata

    shown = visible(text)
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} and c not in "\n\t" for c in shown)
    if text.isascii() and text.isprintable():
        assert shown == text


@given(st.text(max_size=300), st.text(max_size=300))
def test_word_difference_keeps_both_texts(before: str, after: str) -> None:
    first, second = word_difference(before, after)
    assert "".join(piece.text for piece in first) == before
    assert "".join(piece.text for piece in second) == after


def test_word_difference_marks_what_changed() -> None:
    first, second = word_difference("I can help you with that today", "I cannot help you with that today")
    assert [p.text.strip() for p in first if p.kind == "only"] == ["can"]
    assert [p.text.strip() for p in second if p.kind == "only"] == ["cannot"]


def test_percentages_read_well() -> None:
    from decimal import Decimal

    assert percent(Decimal("0.4153")) == "41.5%"
    assert percent(Decimal("-0.00001"), signed=True) == "0.0%"
    assert percent(Decimal("-0.12"), signed=True) == "−12.0%"
    assert percent(None) == "–"
    assert percent(Decimal("Infinity")) == "∞"


def test_what_the_plans_author_says_stands_apart_and_folds_away_nothing_else(clean: AuditRecord) -> None:
    own = tuple(f"Note number {n} of the product." for n in range(6))
    theirs = tuple(f"{AUTHOR_SAYS}all is well, number {n}." for n in range(5))
    text = {"baseline": "Be as helpful as you can."}
    decoding = Decoding(stop=("However",))
    page = html(msgspec.structs.replace(clean, notes=(*own, *theirs), system_prompts=text, decoding=decoding))
    head = page[: page.index('<section id="verdict"')]
    before, folded = head.split("<details", 1)
    assert all(note in before for note in own)
    assert all(note.replace("'", "&#39;") in folded for note in theirs)
    assert "all is well" not in before
    assert "Be as helpful as you can." in page
    assert "ended at &#34;However&#34;" in page
