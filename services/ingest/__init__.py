"""Ingest: the way of events into a region."""
