"""The verbs of minifile: each does one unit of work and commits it."""
