"""The analytics store of a region: events, people, aliases, traces, ledger, in chDB or a ClickHouse server.

The only place that knows ClickHouse's driver. Schema changes are numbered files in schema/; what a row holds
is in tables.py.
"""
