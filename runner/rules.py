"""The kinds of problems, each with the name that programs and people know it by for ever, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Rule(StrEnum):
    """What a problem breaks. The names are a promise to scripts and editors."""

    AMBIGUOUS_VALUE = "ambiguous-value"
    BAD_NAME = "bad-name"
    CIRCULAR_FILE = "circular-file"
    CIRCULAR_GROUPS = "circular-groups"
    CIRCULAR_VARIABLE = "circular-variable"
    CONFLICTING_KEYS = "conflicting-keys"
    DUPLICATE_HANDLER = "duplicate-handler"
    DUPLICATE_KEY = "duplicate-key"
    ENCRYPTED = "encrypted"
    INI_SYNTAX = "ini-syntax"
    MISSING_ENVIRONMENT = "missing-environment"
    MISSING_FILE = "missing-file"
    MISSING_KEY = "missing-key"
    MODULE_COUNT = "module-count"
    NO_HOSTS = "no-hosts"
    NOT_A_CONDITION = "not-a-condition"
    SCRIPT_FAILED = "script-failed"
    SHADOWED_VARIABLE = "shadowed-variable"
    TEMPLATE_FAILURE = "template-failure"
    TEMPLATE_SYNTAX = "template-syntax"
    UNDEFINED_VARIABLE = "undefined-variable"
    UNKNOWN_ARGUMENT = "unknown-argument"
    UNKNOWN_FILTER = "unknown-filter"
    UNKNOWN_HANDLER = "unknown-handler"
    UNKNOWN_HOST = "unknown-host"
    UNKNOWN_KEY = "unknown-key"
    UNKNOWN_KEYWORD = "unknown-keyword"
    UNKNOWN_LOOKUP = "unknown-lookup"
    UNKNOWN_MODULE = "unknown-module"
    UNKNOWN_REPOSITORY = "unknown-repository"
    UNKNOWN_TAG = "unknown-tag"
    UNKNOWN_TEST = "unknown-test"
    UNREACHABLE_TASK = "unreachable-task"
    UNREADABLE_FILE = "unreadable-file"
    UNSUPPORTED = "unsupported"
    UNUSED_VARIABLE = "unused-variable"
    UNUSED_VARIABLE_FILE = "unused-variable-file"
    WRONG_STRUCTURE = "wrong-structure"
    WRONG_TYPE = "wrong-type"
    WRONG_VALUE = "wrong-value"
    YAML_SYNTAX = "yaml-syntax"


MEANINGS: Final[Mapping[Rule, str]] = {
    Rule.AMBIGUOUS_VALUE: "A value without quotes that YAML 1.1 and YAML 1.2 read differently: yes, 0644, 1.10, 12:30.",
    Rule.BAD_NAME: "A name that cannot be one here: of a variable, a host, a group.",
    Rule.CIRCULAR_FILE: "A playbook, a file of tasks or a role takes itself in, directly or through others.",
    Rule.CIRCULAR_GROUPS: "A group of the inventory would contain itself.",
    Rule.CIRCULAR_VARIABLE: "The value of a variable needs that variable itself.",
    Rule.CONFLICTING_KEYS: "Keys that do not go together, or none of those of which one is needed.",
    Rule.DUPLICATE_HANDLER: "Two handlers have one name, so that only one of them could be notified.",
    Rule.DUPLICATE_KEY: "A mapping has the same key twice; YAML readers silently keep one.",
    Rule.ENCRYPTED: "Something encrypted that cannot be read: no key or the wrong one, damaged, or moved.",
    Rule.INI_SYNTAX: "A line of an inventory in INI form cannot be read.",
    Rule.MISSING_ENVIRONMENT: "An environment variable that a lookup reads is not set, and the lookup has no default.",
    Rule.MISSING_FILE: "A file on the controller that is named does not exist.",
    Rule.MISSING_KEY: "A keyword or an argument that must be there is not.",
    Rule.MODULE_COUNT: "A task has no module, or more than one.",
    Rule.NO_HOSTS: "A pattern means hosts that exist, but leaves none of them.",
    Rule.NOT_A_CONDITION: "A condition is not true or false: text, a number, a list, or no expression at all.",
    Rule.SCRIPT_FAILED: "An inventory script cannot be run, fails, takes too long, or prints what is no inventory.",
    Rule.SHADOWED_VARIABLE: "A variable is defined in two places, and one of them can never have an effect.",
    Rule.TEMPLATE_FAILURE: "A template is well-formed, but rendering it fails for certain.",
    Rule.TEMPLATE_SYNTAX: "A template or an expression cannot be read.",
    Rule.UNDEFINED_VARIABLE: "A variable is used that nobody defines, or not before it is used.",
    Rule.UNKNOWN_ARGUMENT: "A module has no argument of that name.",
    Rule.UNKNOWN_FILTER: "There is no filter of that name.",
    Rule.UNKNOWN_HANDLER: "A task notifies a handler that the play does not have.",
    Rule.UNKNOWN_HOST: "A host or a group is named that the inventory does not have.",
    Rule.UNKNOWN_KEY: "A key that means nothing where it stands.",
    Rule.UNKNOWN_KEYWORD: "A play, block or task has no keyword of that name.",
    Rule.UNKNOWN_LOOKUP: "There is no lookup of that name.",
    Rule.UNKNOWN_MODULE: "There is no module of that name.",
    Rule.UNKNOWN_REPOSITORY: "A repository is named that is not defined for the host.",
    Rule.UNKNOWN_TAG: "A tag is asked for that no task has.",
    Rule.UNKNOWN_TEST: "There is no test (what stands behind `is`) of that name.",
    Rule.UNREACHABLE_TASK: "A task can never be carried out.",
    Rule.UNREADABLE_FILE: "A file is missing, empty, too large, not text, or cannot be read.",
    Rule.UNSUPPORTED: "A word of Ansible's that has no meaning here.",
    Rule.UNUSED_VARIABLE: "A variable is set, and nothing reads it. A name that begins with '_' says it is meant.",
    Rule.UNUSED_VARIABLE_FILE: "A file in group_vars or host_vars is for nobody in the inventory.",
    Rule.WRONG_STRUCTURE: "Something stands where a play, a task, a block or a mapping must be.",
    Rule.WRONG_TYPE: "A value is of another type than the one that is needed: text for a number, a list for text.",
    Rule.WRONG_VALUE: "A value of the right type that is not one of those that are possible.",
    Rule.YAML_SYNTAX: "The text cannot be read as YAML.",
}
"""What each kind means, in a sentence or two."""
