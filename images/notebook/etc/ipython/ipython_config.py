"""Homes are on NFS, where SQLite's locks are slow at best: a notebook keeps its own history."""

c = get_config()
c.HistoryManager.enabled = False
