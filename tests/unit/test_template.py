from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from runner.document import load_text, trusted
from runner.secret import Redactor
from runner.template import OMIT, Templar, TemplateError, UndefinedVariable, is_template


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def templar(tmp_path: Path, redactor: Redactor) -> Templar:
    return Templar([tmp_path], redactor)


def written(**variables: object) -> dict[str, Any]:
    """Variables as a file has them."""
    return cast(dict[str, Any], trusted(variables))


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ 42 }}", 42), ("{{ '42' }}", "42"), ("{{ 1.5 }}", 1.5), ("{{ none }}", None), ("{{ true }}", True),
        ("{{ n }}", 7), ("{{ text }}", "7"), ("a{{ n }}", "a7"), ("{{ n }}{{ n }}", "77"), ("{{ n }} ", "7 "),
        ("{{ things }}", [1, 2]), ("x{{ none }}y", "xy"), ("{{ [n, 'a'] }}", [7, "a"]), ("{{ {'a': n} }}", {"a": 7}),
        ("{{ things | map('string') }}", ["1", "2"]), ("{{ (1, 2) }}", [1, 2]), ("{{ 'true' }}", "true"),
        ("{% if n %}{{ things }}{% endif %}", [1, 2]), ("{% for i in things %}{{ i }}{% endfor %}", "12"),
        ("{{ '[1, 2]' }}", "[1, 2]"), ("{{ '1' }}{{ '2' }}", "12"), ("{{ n > 3 }}", True),
        ("line\n{{ n }}\n", "line\n7\n"),
        ("{# nothing #}", ""), ("plain", "plain"), ("{% set x = [1] %}{{ x }}", [1]), ("{{ things | first }}", 1),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}", "<1>"), ("{{ '{{' }}", "{{"),
    ],
)  # fmt: skip
def test_an_expression_keeps_its_type_and_text_is_never_read_again(
    templar: Templar, template: str, value: object
) -> None:
    rendered = templar.render(template, written(n=7, text="7", things=[1, 2]))
    assert rendered == value
    assert type(rendered) is type(value)


def test_text_of_anything_is_text(templar: Templar) -> None:
    assert templar.render_text("{{ n }}", {"n": 7}) == "7"
    assert templar.render_text("{{ things }}", {"things": [1]}) == "[1]"


def test_data_is_rendered_at_every_depth_and_keys_stay(templar: Templar) -> None:
    data = {"{{ n }}": ["{{ n }}", {"a": ("{{ n }}",)}], "b": 5}
    assert templar.render(data, {"n": 7}) == {"{{ n }}": [7, {"a": [7]}], "b": 5}


def test_omit_takes_its_place_away(templar: Templar) -> None:
    assert templar.render({"a": "{{ omit }}", "b": ["{{ x | default(omit) }}", 1]}, {}) == {"b": [1]}
    assert templar.render("{{ omit }}", {}) is OMIT
    assert templar.render({"a": "{{ {'b': omit, 'c': 1} }}"}, {}) == {"a": {"c": 1}}


def test_variables_are_rendered_when_they_are_read(templar: Templar) -> None:
    variables = written(a="{{ b }}/x", b="{{ c.d }}", c={"d": "y", "broken": "{{ nobody }}"}, e="{{ nobody }}")
    assert templar.render("{{ a }}", variables) == "y/x"


def test_a_mapping_may_use_itself_in_other_keys(templar: Templar) -> None:
    variables = written(db={"name": "scan", "url": "postgresql:///{{ db.name }}"})
    assert templar.render("{{ db.url }}", variables) == "postgresql:///scan"
    assert templar.render("{{ db }}", variables) == {"name": "scan", "url": "postgresql:///scan"}


def test_a_list_of_templates_behaves_like_a_list(templar: Templar) -> None:
    variables = written(paths=["{{ root }}/a", "/b"], root="/r")
    assert templar.render("{{ paths + ['/c'] }}", variables) == ["/r/a", "/b", "/c"]
    assert templar.render("{{ ['/c'] + paths }}", variables) == ["/c", "/r/a", "/b"]
    assert templar.render("{{ '/r/a' in paths and paths == ['/r/a', '/b'] and paths[0:1] | length }}", variables) == 1
    assert templar.render("{{ paths | join(' ') }}", variables) == "/r/a /b"
    assert templar.render("{{ paths | to_json }}", variables) == '["/r/a", "/b"]'


@pytest.mark.parametrize("evil", ["{{ lookup('file', '/etc/passwd') }}", "{{ 1 + 1 }}", "{% for i in x %}"])
def test_what_a_host_answered_is_never_run_as_a_template(templar: Templar, evil: str) -> None:
    variables = {"out": {"stdout": evil, "lines": [evil]}, "plain": evil}
    assert templar.render("{{ out.stdout }}", variables) == evil
    assert templar.render("{{ out.lines[0] }} {{ plain }}", variables) == f"{evil} {evil}"
    assert templar.render("{{ plain }}", written(plain2="x") | variables) == evil
    loaded = load_text("a: '{{ plain }}'\n", "f.yml").data
    assert templar.render("{{ a }}", {**cast(dict[str, Any], loaded), **variables}) == evil
    assert templar.render("{{ text | from_yaml }}", {"text": f'a: "{evil}"'}) == {"a": evil}


@pytest.mark.parametrize("template", ["{{ ''.__class__.__mro__ }}", "{{ x.__init__ }}", "{{ things.append(3) }}",
                                      "{{ lookup.__globals__ }}", "{{ ''['__class__'] }}"])  # fmt: skip
def test_templates_stay_in_their_sandbox(templar: Templar, template: str) -> None:
    with pytest.raises(TemplateError):
        templar.render(template, {"x": object(), "things": [1]})


@pytest.mark.parametrize(
    ("template", "message", "hint"),
    [
        ("{{ databse }}", "'databse' is undefined", "did you mean 'database'?"),
        ("{{ xyz }}", "'xyz' is undefined", "define it"),
        ("{{ database.nmae }}", "there is no 'nmae'", "did you mean 'name'?"),
        ("{{ database.zzz }}", "there is no 'zzz'", "it has name and port"),
        ("{{ database['nmae'] }}", "there is no 'nmae'", "did you mean 'name'?"),
        ("{{ things[5] }}", "there is no '5'", "it is a list"),
        ("{{ nothing[0] }}", "there is no '0'", "it is nothing"),
        ("{{ missing_through }}", "'gone' is undefined", ""),
        ("{{ {'a': gone} }}", "'gone' is undefined", ""),
        ("{{ [gone] | to_json }}", "'gone' is undefined", ""),
        ("x{{ gone }}", "'gone' is undefined", ""),
        ("{{ gone ~ 'x' }}", "'gone' is undefined", ""),
        ("{{ gone == 1 }}", "'gone' is undefined", ""),
        ("{{ 'a' if gone else 'b' }}", "'gone' is undefined", ""),
        ("{% for x in gone %}{% endfor %}", "'gone' is undefined", ""),
        ("{{ lookup('env', 'SENTRAPLAY_NOT_SET') }}", "the environment variable SENTRAPLAY_NOT_SET is not set", ""),
        ("{{ lookup('file', 'gone.txt') }}", "there is no file gone.txt", ""),
        ("{{ lookup('vars', 'gone') }}", "'gone' is undefined", ""),
        ("{{ gone | mandatory('say it') }}", "say it", ""),
    ],
)
def test_what_is_missing_is_said_with_what_may_have_been_meant(
    templar: Templar, template: str, message: str, hint: str
) -> None:
    variables = written(database={"name": "x", "port": 1}, things=[1], nothing=None, missing_through="{{ gone }}")
    with pytest.raises(TemplateError) as caught:
        templar.render(template, variables)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "template",
    ["{{ gone | default('x') }}", "{{ gone.deeper[0].still | default('x') }}", "{{ through | default('x') }}",
     "{{ d.broken | default('x') }}", "{{ gone | d('x') }}", "{{ 'x' if gone is not defined else gone }}",
     "{{ lookup('env', 'SENTRAPLAY_NOT_SET') | default('x') }}",
     "{{ lookup('env', 'SENTRAPLAY_NOT_SET', default='x') }}",
     "{{ '' | default('x', true) }}"],
)  # fmt: skip
def test_what_is_missing_may_have_a_default(templar: Templar, template: str) -> None:
    assert templar.render(template, written(through="{{ gone }}", d={"broken": "{{ gone }}"})) == "x"


def test_a_variable_that_refers_to_itself_is_an_error_that_names_the_way(templar: Templar) -> None:
    with pytest.raises(TemplateError, match="a → b → c → a"):
        templar.render("{{ a }}", written(a="{{ b }}", b="{{ c }}", c="x{{ a }}"))


@pytest.mark.parametrize("template", ["{{ 1 / 0 }}", "{{ 'a' + 1 }}", "{{ 'x' | from_json }}", "{{ [] | first | int }}",
                                      "{{ 'a' | b64decode }}", "{{ 5 | dict2items }}", "{{ 'maybe' | bool }}",
                                      "{{ 'a(' | regex_search('(') }}", "{{ 1 is changed }}"])  # fmt: skip
def test_whatever_goes_wrong_in_a_template_is_a_template_error(templar: Templar, template: str) -> None:
    with pytest.raises(TemplateError):
        templar.render(template, {})


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("n == 7", True),
        ("n > 8", False),
        ("gone is defined", False),
        (True, True),
        (False, False),
        ("not gone is defined", True),
    ],
)
def test_a_condition_holds_or_not(templar: Templar, condition: str | bool, holds: bool) -> None:
    assert templar.condition(condition, {"n": 7}) is holds


@pytest.mark.parametrize("condition", ["n", "text", "things", "none", "{{ n == 7 }}", "n = 7", "gone", "n == 7 }}"])
def test_a_condition_that_is_neither_true_nor_false_is_an_error(templar: Templar, condition: str) -> None:
    with pytest.raises(TemplateError):
        templar.condition(condition, {"n": 7, "text": "true", "things": [1]})


def test_a_secret_by_name_is_masked_from_its_first_use(templar: Templar, redactor: Redactor) -> None:
    variables = written(
        db_password="{{ 'hunter' ~ 22 }}", server={"API_TOKEN": "tok-{{ 1 }}-en"}, result={"secret": "plain-one"}
    )
    assert redactor.text("hunter22") == "hunter22"
    templar.render("{{ db_password }}", variables)
    templar.render("{{ server.API_TOKEN | length }}", variables)
    templar.render("{{ result.secret == 'x' }}", variables)
    assert redactor.text("hunter22 tok-1-en plain-one") == "*** *** ***"


def test_hostvars_are_rendered_in_the_view_of_their_host(templar: Templar) -> None:
    hosts = {name: written(name=name, address="{{ name }}.example.com", broken="{{ gone }}") for name in ("a", "b")}
    variables = {**hosts["a"], "hostvars": templar.hostvars(tuple(hosts), hosts.__getitem__)}
    assert (
        templar.render("{{ hostvars.b.address }} {{ hostvars['a'].address }}", variables)
        == "b.example.com a.example.com"
    )
    assert templar.render("{{ hostvars | list }}", variables) == ["a", "b"]
    with pytest.raises(UndefinedVariable, match="no 'c'"):
        templar.render("{{ hostvars.c }}", variables)


def test_files_and_included_templates_are_found(templar: Templar, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "key.txt").write_text("the key\n")
    (tmp_path / "part.j2").write_text("[{{ item }} {{ n }}]")
    assert templar.render("{{ lookup('file', 'key.txt') }}", {}) == "the key"
    text = "{% for item in [1, 2] %}{% include 'part.j2' %}{% endfor %}"
    assert templar.render(text, {"n": 7}) == "[1 7][2 7]"


def test_a_template_is_known_by_its_braces() -> None:
    assert is_template({"a": ["x", {"b": "{{ x }}"}]})
    assert not is_template({"a": ["x", "{x}", 5, None, "} }"]})


def test_usage_tells_what_is_needed_in_any_case(templar: Templar) -> None:
    (usage,) = templar.usages("{{ a.b[c] | default(d) }}{{ e if f else g }}{{ h is defined and h }}")
    assert usage.names == frozenset("acdefgh")
    assert usage.required == frozenset("defg")
    assert usage.certain == frozenset("df")


def test_usage_leaves_out_what_a_template_sets_itself(templar: Templar) -> None:
    (usage,) = templar.usages("{% for x in xs %}{{ x }}{{ loop.index }}{% set y = 1 %}{{ y }}{% endfor %}{{ omit }}")
    assert usage.names == {"xs"}


@pytest.mark.parametrize(
    "template", ["{{ lookup('env', 'X') }}", "{{ now() }}", "{{ [1] | random }}", "{% include 'x' %}"]
)
def test_what_may_change_from_one_moment_to_the_next_is_not_steady(templar: Templar, template: str) -> None:
    (usage,) = templar.usages(template)
    assert not usage.steady


def test_names_of_all_templates_in_data(templar: Templar) -> None:
    assert templar.names({"a": "{{ x }}", "b": ["{{ y | default(z) }}", "w"]}) == {"x", "y", "z"}


@pytest.mark.parametrize("wrong", ["{{ x", "{{ x | nope }}", "{% if x %}", "{{ x is nope }}",
                                   "{{ lookup('nope', 'x') }}", "{{ x | map('nope') }", "{{ }}"])  # fmt: skip
def test_wrong_syntax_is_found_without_rendering(templar: Templar, wrong: str) -> None:
    assert templar.check({"a": ["fine", wrong]})
    assert templar.check("{{ x | upper }}") is None


FILTERS = [
    ("'/a/b.tar.gz' | basename", "b.tar.gz"), ("'/a/b' | dirname", "/a"), ("'a.tar.gz' | splitext", ["a.tar", ".gz"]),
    ("['a', 'b'] | path_join", "a/b"), ("'abc' | regex_replace('b', 'x')", "axc"),
    ("'abc' | regex_replace('(b)', '<\\\\1>')", "a<b>c"), ("'Abc' | regex_search('a', ignorecase=true)", "A"),
    ("'abc' | regex_search('x')", None), ("'k=v' | regex_search('(.)=(.)', '\\\\1', '\\\\2')", ["k", "v"]),
    ("'k=v' | regex_search('(?P<x>.)=', '\\\\g<x>')", ["k"]), ("'a1b2' | regex_findall('[0-9]')", ["1", "2"]),
    ("'a.b' | regex_escape", r"a\.b"), ("'é' | b64encode", "w6k="), ("'w6k=' | b64decode", "é"),
    ("{'b': 1, 'a': [true]} | to_json", '{"b": 1, "a": [true]}'), ("'[1]' | from_json", [1]),
    ("{'a': [1]} | to_nice_yaml", "a:\n- 1\n"), ("'a: [1, yes please]' | from_yaml", {"a": [1, "yes please"]}),
    ("{'a': {'x': 1}, 'b': 1} | combine({'a': {'y': 2}})", {"a": {"y": 2}, "b": 1}),
    ("{'a': {'x': 1}} | combine({'a': {'y': 2}}, recursive=true)", {"a": {"x": 1, "y": 2}}),
    ("{'a': [1]} | combine({'a': [2]}, list_merge='append')", {"a": [1, 2]}),
    ("{'a': 1} | dict2items", [{"key": "a", "value": 1}]), ("[{'key': 'a', 'value': 1}] | items2dict", {"a": 1}),
    ("\"it's\" | quote", "'it'\"'\"'s'"), ("'x' | hash('sha256') | length", 64), ("'yes' | bool", True),
    ("'off' | bool", False), ("true | ternary('a', 'b')", "a"), ("none | ternary('a', 'b', 'c')", "c"),
    ("[1, 2, 1, [3], [3]] | unique", [1, 2, [3]]), ("[1, 2, 3] | difference([2])", [1, 3]),
    ("[1, 2] | intersect([2, 3])", [2]), ("[1, 2] | union([2, 3])", [1, 2, 3]),
    ("[1, 2] | symmetric_difference([2, 3])", [1, 3]), ("[1, [2, [3, none]]] | flatten", [1, 2, 3]),
    ("[1, [2, [3]]] | flatten(levels=1)", [1, 2, [3]]), ("[1, 2] | zip(['a', 'b'])", [[1, "a"], [2, "b"]]),
    ("1536 | human_readable", "1.50 KB"), ("'1.5G' | human_to_bytes", 1610612736), ("'90s' | seconds", 90.0),
    ("'%Y-%m-%d' | strftime(0, utc=true)", "1970-01-01"), ("('2026-11-23 00:00:00' | to_datetime).year", 2026),
    ("x | type_debug", "dict"), ("'a b' | split", ["a", "b"]), ("'a,b' | split(',')", ["a", "b"]),
    ("[{'n': 1}, {'n': 2}] | selectattr('n', 'gt', 1) | map(attribute='n') | list", [2]),
    ("[{'n': 1}, {}] | rejectattr('n', 'defined') | list | length", 1),
    ("['a'] | map('extract', {'a': 1}) | list", [1]),
    ("[{'u': 'a', 'k': [1, 2]}] | subelements('k') | map('last') | list", [1, 2]),
    ("'http://u@h:80/p?q' | urlsplit('hostname')", "h"), ("'a/b c' | urlquote", "a%2Fb%20c"),
    ("['1.10', '1.9'] | map('upper') | list", ["1.10", "1.9"]), ("[3, 1] | sort", [1, 3]), ("'a' | upper", "A"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), FILTERS, ids=[expression for expression, _ in FILTERS])
def test_filters_do_what_people_know_from_ansible(templar: Templar, expression: str, value: object) -> None:
    assert templar.evaluate(expression, written(x={"a": "{{ 1 }}"})) == value


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("r is changed", True), ("r is failed", False), ("r is succeeded", True), ("r is success", True),
        ("s is skipped", True), ("f is failed", True), ("f is not success", True), ("loop is changed", True),
        ("'abc' is match('b')", False), ("'abc' is match('a')", True), ("'abc' is search('b')", True),
        ("'ABC' is regex('b', ignorecase=true)", True), ("[1, 2] is contains(2)", True),
        ("[1] is subset([1, 2])", True),
        ("[1, 2] is superset([1])", True), ("'x' is truthy", True), ("'' is falsy", True),
        ("'no' is truthy(convert_bool=true)", False), ("'1.10' is version('1.9', '>')", True),
        ("'15.1' is version('15.1.1', 'lt')", True), ("'2.0' is version('2.0')", True), ("[true, false] is any", True),
        ("[true, false] is all", False), ("r is defined", True),
    ],
)  # fmt: skip
def test_tests_mean_what_they_mean_in_ansible(templar: Templar, expression: str, holds: bool) -> None:
    variables = {
        "r": {"changed": True, "failed": False},
        "s": {"changed": False, "skipped": True},
        "f": {"failed": True},
        "loop": {"results": [{"changed": False}, {"changed": True}]},
    }
    assert templar.condition(expression, variables) is holds


def test_simple_templates_are_told_from_others_rightly(templar: Templar) -> None:
    for text in (
        "{{ a }} and {{b}}",
        "{{ true }}",
        "{{ a }} {# x #}",
        "{{ a }}{% if b %}{% endif %}",
        "{{ a.b }}",
        "{{a}} }}",
    ):
        (usage,) = templar.usages(text)
        assert usage.names <= {"a", "b"}, text
    assert templar.check("{{ a }} }} x") is None


def test_json_of_large_results_stays_quick(templar: Templar) -> None:
    lines = [f"line {n}" for n in range(50_000)]
    rendered = templar.render("{{ r | to_json }}", {"r": {"stdout_lines": lines}})
    assert json.loads(cast(str, rendered))["stdout_lines"][-1] == "line 49999"
