"""OpenID providers for tests: a real one in a process of its own, and one that lies on demand."""
