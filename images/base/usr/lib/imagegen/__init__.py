"""The programs of a workshop's machines. They are the same for every workshop: what an organiser decides is data."""
