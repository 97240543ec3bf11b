"""Where cloud-init looks for data sources besides its own: `datasource_pkg_list` in 90-imagegen.cfg."""
