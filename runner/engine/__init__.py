"""Plan and hosts in, effects and events out. Prints nothing; remembers only what its events say."""

from runner.engine.engine import Engine
from runner.engine.recollect import Done, recollect, refuse_changed_plan

__all__ = ["Done", "Engine", "recollect", "refuse_changed_plan"]
