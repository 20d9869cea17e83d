"""YAML 1.2 and JSON as plain data with places."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigProblem, Problem
from settings.documents import DocumentProblem, build_plain, read_document
from settings.json_reader import read_json
from settings.nodes import Misplaced
from settings.yaml_reader import read_yaml


def plain(text: str) -> object:
    return build_plain(read_yaml(text))


def problem(text: str) -> tuple[int, int, str]:
    with pytest.raises(Misplaced) as caught:
        read_yaml(text)
    return (*caught.value.place, caught.value.message)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23T09:00:00Z", "2026-11-23T09:00:00Z"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0b101", "0b101"),
        ("<<", "<<"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("~", None),
        ("Null", None),
        ("", None),
        ("17", 17),
        ("-3", -3),
        ("+4", 4),
        ("0", 0),
        ("0o17", 15),
        ("0xFf", 255),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("'17'", "17"),
        ('"true"', "true"),
        ("! 17", "17"),
        ("!!str 17", "17"),
        ("!!int 17", 17),
        ("!!float 1.5", 1.5),
        ("!!bool true", True),
        ("!!null ~", None),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("!!seq [1]", [1]),
        ("!!map {a: 1}", {"a": 1}),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = plain(text)
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_whatever_they_look_like() -> None:
    assert plain("{on: 1, 5: 2, true: 3, null: 4}") == {"on": 1, "5": 2, "true": 3, "null": 4}


def test_the_operator_null_is_a_text() -> None:
    assert plain("{operator: null, value: null}") == {"operator": "null", "value": None}


def test_anchors_and_aliases_are_followed() -> None:
    assert plain("a: &x {b: [1]}\nc: *x\nd: [*x, *x]") == {
        "a": {"b": [1]},
        "c": {"b": [1]},
        "d": [{"b": [1]}, {"b": [1]}],
    }


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\nb: 2\na: 3", 3, 1, 'the key "a" stands here a second time, first on line 1'),
        ("a: *x", 1, 4, "there is no anchor &x"),
        ("a: &x [*x]", 1, 8, "the anchor &x contains itself"),
        ("a: 1\n--- \nb: 1", 2, 1, "a second document starts here"),
        ("[1]: 2", 1, 1, "a key is a word"),
        ("? {a: 1}\n: 2", 1, 3, "a key is a word"),
        ("a: !!set {b}", 1, 4, "is not allowed here"),
        ("a: !!int x", 1, 4, "does not fit here"),
        ("a: !thing x", 1, 4, "does not fit here"),
        ("a: 007", 1, 4, 'write "007" in quotes'),
        ("a: " + "9" * 41, 1, 4, "a number of 41 digits"),
        ("a: .nan", 1, 4, ".nan is not a finite number"),
        ("a: -.inf", 1, 4, "-.inf is not a finite number"),
        ("a: 1e999", 1, 4, "1e999 is not a finite number"),
        ("[" * 70, 1, 62, "nested more than 60 levels deep"),
        ("a: [1, 2", 1, 9, "this is not YAML"),
        ("a: b: c", 1, 5, "this is not YAML"),
        ("a: 1\n\tb: 2", 2, 1, "this is not YAML"),
        ("a: 'x", 1, 6, "this is not YAML"),
        ("ab\ncd\x01", 2, 3, "the character U+0001 is not allowed"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(
    text: str, line: int, column: int, words: str
) -> None:
    found = problem(text)
    assert found[:2] == (line, column)
    assert words in found[2]


def test_a_small_file_cannot_unfold_into_a_large_one() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    line, _, message = problem("\n".join(levels))
    assert line == 6
    assert "unfold into too much" in message


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "file.yaml"
    path.write_text("a:\n  - b: 1\n    c: [x, y]\n  - 2\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("a",), (2, 3)),
        (("a", 0), (2, 5)),
        (("a", 0, "c"), (3, 8)),
        (("a", 0, "c", 1), (3, 12)),
        (("a", 0, "c", 7), (3, 8)),
        (("a", 0, "d", "e"), (2, 5)),
        (("a", 1, "x"), (4, 5)),
        (("z",), (1, 1)),
    ],
)
def test_a_place_is_that_of_the_longest_prefix(
    written: Path, path: tuple[str | int, ...], place: tuple[int, int]
) -> None:
    assert read_document(written).place_of(path) == place


def test_problems_come_once_and_in_the_order_of_the_file(written: Path) -> None:
    document = read_document(written)
    error = document.explain(
        [
            Problem(("a", 1), "second"),
            Problem(("a", 0, "b"), "first"),
            Problem(("a", 1), "second"),
            Problem(("a", 0, "c"), '"c" is not known here'),
        ]
    )
    assert str(error).splitlines() == [
        f"{written}:2:8: first",
        f'{written}:3:5: "c" is not known here',
        f"{written}:4:5: second",
    ]


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(path).data == {"a": 1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, " cannot be read: No such file or directory."),
        (b"a: 1\nb: \xff", ":2:4: this is not UTF-8; save the file as UTF-8."),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "file.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigProblem) as caught:
        read_document(path)
    assert str(caught.value) == f"{path}{words}"


def test_json_is_read_by_its_suffix_with_places(tmp_path: Path) -> None:
    path = tmp_path / "rules.JSON"
    path.write_text('{"a": ["\\u00e9\\"{", 1.5,\n null],\t"operator": null}', encoding="utf-8")
    document = read_document(path)
    assert document.data == {"a": ['é"{', 1.5, None], "operator": "null"}
    assert document.place_of(("a", 2)) == (2, 2)
    assert document.place_of(("operator",), at_key=True) == (2, 9)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('{"a": 1,\n "a": 2}', 2, 2, "a second time, first on line 1"),
        ("[1,]", 1, 4, "this is not JSON"),
        ("", 1, 1, "this is not JSON"),
        ("[NaN]", 1, 2, "NaN is not a finite number"),
        ("[1e999]", 1, 2, "1e999 is not a finite number"),
        ("[" * 70 + "]" * 70, 1, 62, "nested more than 60 levels deep"),
        ("[" * 200_000, 1, 1, "nested too deeply"),
        ("1" * 5000, 1, 1, "a number too long"),
    ],
)
def test_json_that_cannot_be_read_is_told_with_its_place(
    text: str, line: int, column: int, words: str
) -> None:
    with pytest.raises(Misplaced) as caught:
        read_json(text)
    assert caught.value.place == (line, column)
    assert words in caught.value.message


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text().filter(lambda key: key != "operator"), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_json_reads_as_the_standard_library_reads_it(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False)):
        assert build_plain(read_json(text)) == value


@given(st.text(alphabet="ab:-,[]{}&*!|>'\"#%@ \n\t~0.?", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_yaml, read_json):
        place = (1, 1)
        try:
            build_plain(read(text))
        except Misplaced as error:
            place = error.place
        assert place >= (1, 1)


def test_a_problem_of_a_document_keeps_its_parts(written: Path) -> None:
    error = read_document(written).explain([Problem(("a", 1), "no")])
    assert isinstance(error, DocumentProblem)
    assert [(item.line, item.column, item.message) for item in error.problems] == [(4, 5, "no")]


@pytest.mark.parametrize(
    ("name", "text", "line", "column"),
    [
        ("x.json", r'{"a": ["b", "\ud800"]}', 1, 13),
        ("x.json", r'{"\udfff": 1}', 1, 2),
        ("x.json", r'{"a": [1, "\ud83d\ude00 \ude00"]}', 1, 11),
        ("x.yaml", 'a:\n  - "\\uD800"\n', 2, 5),
    ],
)
def test_an_escape_for_half_a_character_is_refused(
    tmp_path: Path, name: str, text: str, line: int, column: int
) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentProblem) as caught:
        read_document(file)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (line, column)
    assert "half a character" in problem.message


def test_escapes_for_whole_characters_are_read(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(r'{"a": ["\u00e9", "\ud83d\ude00", 1, null]}', encoding="utf-8")
    assert read_document(file).data == {"a": ["é", "\U0001f600", 1, None]}
