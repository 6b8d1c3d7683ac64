"""What an expression certainly gives, whatever its variables are, if that is neither true nor false."""

from __future__ import annotations

from typing import Final

from jinja2 import nodes

_TEXT: Final = "text"
_NUMBER: Final = "a number"
_LIST: Final = "a list"
_MAPPING: Final = "a mapping"

_FILTERS: Final = {
    **dict.fromkeys(("length", "count", "int", "float", "round", "abs"), _NUMBER),
    **dict.fromkeys(("string", "upper", "lower", "trim", "join", "replace", "title", "capitalize", "basename"), _TEXT),
    **dict.fromkeys(("dirname", "to_json", "to_yaml", "b64encode", "b64decode", "hash", "regex_replace"), _TEXT),
    **dict.fromkeys(("list", "sort", "split", "dict2items", "regex_findall", "flatten", "selectattr"), _LIST),
    **dict.fromkeys(("combine", "items2dict"), _MAPPING),
}
_ARITHMETIC: Final = (nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Pow, nodes.Neg, nodes.Pos)


def no_condition(tree: nodes.Template) -> str:
    """The kind of value ("text", "a number") that a template of one expression gives; "" if it may be a boolean."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output) or len(tree.body[0].nodes) != 1:
        return ""
    return _kind(tree.body[0].nodes[0])


def _kind(node: nodes.Node) -> str:
    if isinstance(node, nodes.Const):
        return _constant(node.value)
    if isinstance(node, (nodes.List, nodes.Tuple)):
        return _LIST
    if isinstance(node, nodes.Dict):
        return _MAPPING
    if isinstance(node, nodes.Concat):
        return _TEXT
    if isinstance(node, _ARITHMETIC):
        return _NUMBER
    if isinstance(node, nodes.Filter):
        return _FILTERS.get(node.name, "")
    if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        first, second = _kind(node.expr1), _kind(node.expr2)
        return first if first == second else ""
    return ""


def _constant(value: object) -> str:
    if isinstance(value, bool):
        return ""
    return "nothing" if value is None else _TEXT if isinstance(value, str) else _NUMBER
