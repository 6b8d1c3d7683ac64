"""The throw-away service that shows the whole story on one machine: backup, disaster, recovery, proof."""
