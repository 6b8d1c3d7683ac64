from __future__ import annotations

from pathlib import Path

import pytest

from runner.document import Document, TemplateText, dump, examine_text, load, load_text, trusted
from runner.errors import InvalidInput, Location


def problem_of(text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        load_text(text, "f.yml")
    (problem,) = caught.value.problems
    return f"{problem.location}: {problem.message}"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("12", 12), ("-3", -3), ("+3", 3),
        ("0", 0), ("0o17", 15), ("0x1F", 31), ("1e3", 1000.0), ("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("2.0", 2.0),
        ("2026-11-23", "2026-11-23"), ("02:30", "02:30"), ("1.2.3", "1.2.3"), ("y", "y"), ("n", "n"), ("0o8", "0o8"),
        ("'yes'", "yes"), ('"0644"', "0644"), ("!!str yes", "yes"), ("!!int '3'", 3), ("!!float 3", 3.0), ("-", None),
        ("web", "web"), ("=", "="), ("<<", "<<"), ("1 2", "1 2"), ("10.0.0.1", "10.0.0.1"), ("192.168", 192.168),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(written: str, value: object) -> None:
    read = load_text(f"a: {written}\n" if written != "-" else "a:\n  -\n", "f.yml").data
    assert isinstance(read, dict)
    found = read["a"] if written != "-" else read["a"][0]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "written",
    ["yes", "No", "ON", "off", "0644", "-012", "08", "22:22", "1:30:00", "15.10", "1_000", "0b101", ".inf", "-.INF",
     ".nan", "1e999", "9" * 65],
)  # fmt: skip
def test_what_two_readers_would_understand_differently_is_refused(written: str) -> None:
    assert problem_of(f"a: {written}\n").startswith("f.yml:1:4: ")


@pytest.mark.parametrize("written", ["yes", "0644", "22:22", "15.10"])
def test_in_quotes_it_is_text(written: str) -> None:
    assert load_text(f'a: "{written}"', "f.yml").data == {"a": written}


@pytest.mark.parametrize("key", ["on", "yes", "1", "1.5", "true", "~", "[a]", "{a: b}"])
def test_a_key_must_be_text_for_every_reader(key: str) -> None:
    assert problem_of(f"{key}: x\n").startswith("f.yml:1:")


def test_every_value_and_key_has_its_place() -> None:
    document = load_text("- a:\n    b: [x, 'y']\n  c: |\n    text\n", "f.yml")
    assert document.at((0, "a", "b", 1)) == Location("f.yml", 2, 12)
    assert document.key_at((0, "a", "b")) == Location("f.yml", 2, 5)
    assert document.at((0, "c")) == Location("f.yml", 3, 6)


def test_what_has_no_place_is_where_its_nearest_ancestor_is() -> None:
    document = load_text("a:\n  b: 1\n", "f.yml")
    assert document.at(("a", "nothing", 3)) == document.at(("a",)) == Location("f.yml", 2, 3)
    assert Document({}, {}, {}, "x.yml").at(("a",)) == Location("x.yml", 1, 1)


def test_columns_count_characters_not_bytes() -> None:
    assert problem_of("é: ü: x\n").startswith("f.yml:1:5: ")


def test_merged_keys_do_not_replace_those_written_out_and_keep_their_places() -> None:
    document = load_text("base: &base\n  a: 1\n  b: 2\nall:\n  <<: *base\n  b: 3\n", "f.yml")
    assert document.data == {"base": {"a": 1, "b": 2}, "all": {"a": 1, "b": 3}}
    assert document.at(("all", "a")) == Location("f.yml", 2, 6)


def test_of_several_merged_mappings_the_first_wins() -> None:
    text = "one: &one {a: 1}\ntwo: &two {a: 2, b: 2}\nall: {<<: [*one, *two]}\n"
    assert load_text(text, "f.yml").data["all"] == {"a": 1, "b": 2}  # type: ignore[index]  # it is a mapping


def test_an_alias_is_a_copy_with_places_of_its_own() -> None:
    document = load_text("a: &x [1, 2]\nb: *x\n", "f.yml")
    assert document.data == {"a": [1, 2], "b": [1, 2]}
    assert document.at(("b", 1)) == Location("f.yml", 1, 11)


def test_many_aliases_of_small_things_are_fine() -> None:
    text = "a: &x {k: v}\nb:\n" + "  - *x\n" * 10_000
    assert examine_text(text, "f.yml").problems == ()


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "? " * 50_000, "{a: " * 5_000, "a: " + "[" * 2_000])
def test_nesting_without_end_is_refused_before_it_can_do_harm(text: str) -> None:
    (problem,) = examine_text(text, "f.yml").problems
    assert problem.message


def test_deep_but_reasonable_nesting_is_fine() -> None:
    text = "".join("  " * depth + "a:\n" for depth in range(90))
    assert examine_text(text, "f.yml").problems == ()


def test_all_problems_are_told_at_once_in_order_of_place() -> None:
    problems = examine_text("a: yes\nb: 0644\na: !x 1\n", "f.yml").problems
    assert [problem.location and problem.location.line for problem in problems] == [1, 2, 3, 3][: len(problems)]
    assert len(problems) == 3


def test_only_text_with_a_template_is_marked_as_one() -> None:
    data = load_text("a: '{{ x }}'\nb: plain\nc: '{% if x %}'\nd: '{x}'\n'{{ k }}': 1\n", "f.yml").data
    assert isinstance(data, dict)
    assert [type(value) for value in data.values()] == [TemplateText, str, TemplateText, str, int]


def test_trusting_data_marks_its_templates_at_every_depth() -> None:
    marked = trusted({"a": ["{{ x }}", {"b": ("{{ y }}", "z")}]})
    assert marked == {"a": ["{{ x }}", {"b": ["{{ y }}", "z"]}]}
    assert type(marked["a"][0]) is TemplateText  # type: ignore[index]  # a mapping as above


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load(tmp_path / "f.yml").data == {"a": 1}


@pytest.mark.parametrize(
    ("content", "place"),
    [(b"a: 1\nb: \xff\n", "2:4"), (b"\xff\xfea\x00", "1:1"), (b"a: \x00", "1:4"), (b"a: \x7f", "1:4")],
)
def test_what_is_not_text_has_the_place_of_its_first_bad_byte(tmp_path: Path, content: bytes, place: str) -> None:
    path = tmp_path / "f.yml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        load(path, shown_as="f.yml")
    assert str(caught.value.problems[0].location) == f"f.yml:{place}"


@pytest.mark.parametrize("make", ["missing", "directory", "large", "odd name"])
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, make: str) -> None:
    path = tmp_path / "f.yml"
    if make == "directory":
        path.mkdir()
    elif make == "large":
        with path.open("wb") as file:
            file.truncate(17 * 1024 * 1024)
    elif make == "odd name":
        path = tmp_path / "a\0b"
    with pytest.raises(InvalidInput) as caught:
        load(path)
    assert len(caught.value.problems) == 1


def test_what_is_dumped_is_read_equal_by_yaml_1_1_and_1_2() -> None:
    odd = {"a": ["yes", "0644", "22:22", "1.10", "", "~", "é", "x: y", "- z", "line\nline\n"], "on": None}
    assert load_text(dump(odd), "f.yml").data == odd


@pytest.mark.parametrize("text", ["1e5", "0E0", "0o7", "-1.e3", "yes", "0644", "1:30", "~", ""])
def test_text_that_looks_like_something_else_is_dumped_as_text(text: str) -> None:
    examined = examine_text(dump({text: text}), "dumped.yml")
    assert examined.document is not None
    assert examined.document.data == {text: text}
