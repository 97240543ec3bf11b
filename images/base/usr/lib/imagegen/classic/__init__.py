"""The classic engine of 2016: a standalone Swarm, with Consul to find its nodes."""
