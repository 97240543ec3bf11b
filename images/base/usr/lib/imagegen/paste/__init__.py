"""What was pasted as user-data: whether it is what imagegen printed, and what became of it on the way."""
