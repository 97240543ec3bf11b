"""Security updates, at the first boot of an instance and never while a class is at work."""
