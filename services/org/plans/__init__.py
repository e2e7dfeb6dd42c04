"""Plans of organisations: what their regions may count, what they have used, and which plan they are on.

What lives here: UsageService, PlanService. What does not: what the plans grant (mesh/plans.py), and the
counting, which the projects' regions do. docs/plans.md has the rules.
"""
