"""Homes are on NFS, where SQLite's locks are slow at best: a notebook keeps its own history."""

c = get_config()  # type: ignore[name-defined]  # It is defined where this is read.
c.HistoryManager.enabled = False
