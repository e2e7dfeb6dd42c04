"""What every hop does: identity, planes, guards, errors, telemetry, the ledger.

Knows no service and no database. May import only the generated contracts.
"""
