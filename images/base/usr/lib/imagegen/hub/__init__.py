"""The programs of the hub."""
