"""The firewall of golden machines: who may connect to them, and where notebooks may not."""
