"""The schemas: what may be written where, its defaults, and every way in which something does not fit.

The only room that knows JSON Schema. Files are read when first needed and kept.
"""

from __future__ import annotations

from runner.schema.aliases import aliases, named, spelled
from runner.schema.defaults import with_defaults
from runner.schema.files import Kind, action_names, data_dir, keyword_schema, module_names, module_schema, schema
from runner.schema.inventories import (
    as_described,
    inventory_problems,
    name_problem,
    variable_problems,
    variables_structure,
)
from runner.schema.playbooks import (
    BLOCK_KEYS,
    IMPORTS,
    INCOMPLETE,
    LOOKUP_LOOPS,
    handlers_structure,
    modules_with_defaults,
    playbook_problems,
    playbook_structure,
    role_meta_structure,
    tasks_structure,
)
from runner.schema.structure import Structure
from runner.schema.validation import ArgumentProblem, argument_problems, keyword_problems, problems, value_problems

__all__ = [
    "BLOCK_KEYS",
    "INCOMPLETE",
    "LOOKUP_LOOPS",
    "IMPORTS",
    "ArgumentProblem",
    "Kind",
    "action_names",
    "aliases",
    "argument_problems",
    "as_described",
    "data_dir",
    "handlers_structure",
    "handlers_structure",
    "inventory_problems",
    "keyword_problems",
    "keyword_schema",
    "module_names",
    "modules_with_defaults",
    "module_schema",
    "Structure",
    "name_problem",
    "named",
    "spelled",
    "playbook_problems",
    "playbook_structure",
    "problems",
    "role_meta_structure",
    "schema",
    "tasks_structure",
    "value_problems",
    "variable_problems",
    "variables_structure",
    "with_defaults",
]
