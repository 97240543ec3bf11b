"""Homes are on NFS, where SQLite's locks are slow at best: signatures and history stay in memory."""

c = get_config()  # type: ignore[name-defined]  # It is defined where this is read.
c.NotebookNotary.db_file = ":memory:"
c.HistoryManager.enabled = False
# Seconds. A whole class starts its kernels at the same time: better late than an error.
c.MappingKernelManager.kernel_info_timeout = 300
