"""Finding sentences in the lines of a console."""

from __future__ import annotations

from builder.consoles.troubles import FoundTrouble, Trouble, TroubleFinder

TROUBLES = (
    Trouble(r"cannot open (?P<what>\S+)", "it cannot open {what}", "check the file"),
    Trouble(r"^panic(?: (?P<what>\w+))?", "it panicked {what}", "restart it"),
    Trouble(r"cannot", "it cannot continue", "read the log"),
)


def test_what_is_filled_in() -> None:
    finder = TroubleFinder(TROUBLES)
    assert finder.find("disk: cannot open /dev/vda: no such file") == FoundTrouble(
        "it cannot open /dev/vda:", "check the file"
    )
    assert finder.find("panic") == FoundTrouble("it panicked", "restart it")
    assert finder.find("all is well") is None


def test_a_sentence_may_be_wrapped_over_as_many_lines_as_given() -> None:
    one, two = TroubleFinder(TROUBLES), TroubleFinder(TROUBLES, lines=2)
    found = [[finder.find(line) for line in ("it cannot", "open /dev/vda")] for finder in (one, two)]
    assert found[0] == [FoundTrouble("it cannot continue", "read the log"), None]
    assert found[1] == [found[0][0], FoundTrouble("it cannot open /dev/vda", "check the file")]


def test_a_pending_line_is_searched_but_not_kept() -> None:
    finder = TroubleFinder(TROUBLES, lines=2)
    assert finder.find("it can") is None
    assert finder.find_pending("not cannot open x") == FoundTrouble("it cannot open x", "check the file")
    assert finder.find("all is well") is None


def test_one_text_is_searched_without_the_lines_before() -> None:
    finder = TroubleFinder(TROUBLES, lines=2)
    assert finder.find("it is fine") is None
    assert finder.find_pending("panic") is None
    assert finder.find_in("panic now") == FoundTrouble("it panicked now", "restart it")
