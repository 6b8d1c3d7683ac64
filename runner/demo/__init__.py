"""The throw-away service that shows the whole story on one machine: backup, disaster, recovery, proof."""

from runner.demo.story import run_demo

__all__ = ["run_demo"]
