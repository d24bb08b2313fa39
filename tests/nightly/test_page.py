"""The HTML report: names and console output stay text, and the page loads nothing."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given

from builder.nightly.page import to_html
from builder.nightly.report import Report
from builder.nightly.text import describe
from tests.nightly.reports import REBUILT, UNVERIFIED, WHOLE, reports

VOID = {"meta"}
EXPECTED = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "article", "header", "span", "code",
    "pre", "ul", "li", "table", "tr", "td", "details", "summary",
}  # fmt: skip


class Page(HTMLParser):
    """The elements, attributes and text of a page; fails if an element is not closed properly."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def test_the_page_has_everything() -> None:
    page = Page(to_html(WHOLE))
    told = [
        WHOLE.title,
        "20261124.1-ab12cd34 → 20261125.1-98fe76dc",
        describe(REBUILT.moved[0]),
        *UNVERIFIED.console,
        "7.88.1-10+deb12u8",
        "recipes/build.yaml:7:5: the step install gcc-99 failed",
        "its parent build failed",
        "Promoted to stable.",
        "web:20261101.1-0a0a0a0a",
        "21.2 s",
    ]
    for text in told:
        assert text in page.text


@given(reports)
def test_hostile_names_stay_text(report: Report) -> None:
    page = to_html(report)
    page.encode()
    found = Page(page)
    assert found.elements <= EXPECTED
    assert {name for _, name in found.attributes} <= {
        "lang", "charset", "name", "content", "http-equiv", "class", "open",
    }  # fmt: skip
    assert all(letter.isprintable() or letter in "\n\t" for letter in page)


def test_nothing_is_fetched() -> None:
    page = to_html(WHOLE)
    assert page.count("://") == len(REBUILT.moved), "a URL that is not text of the report"
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "@import" not in page
