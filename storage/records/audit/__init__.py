"""The audit logs: how their rows are chained, read, proven, and let go in the end."""
