"""A monitoring system asks for numbers: /metrics, in the format of Prometheus.

What the processes of a server count is in files that they share (`recording`); what is true of the
whole instance is read from the database when it is asked for (`exposition`).
"""

from minifile.metrics.routes import bp

__all__ = ["bp"]
