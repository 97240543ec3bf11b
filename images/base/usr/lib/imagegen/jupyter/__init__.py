"""What makes JupyterHub the hub of a workshop: where notebooks run, who logs in, and what the organiser sees."""
