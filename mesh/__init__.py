"""What every hop does: identity, planes, guards, errors, telemetry, the ledger.

And what several services do alike: who may do what, plans, the ways out (egress, webhooks, exports).
Knows no service and no database. May import only the generated contracts.
"""
