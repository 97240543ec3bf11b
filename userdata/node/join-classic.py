"""Keeps this machine's join container, which tells the hub's Consul where this machine's Docker is."""

from imagegen.classic import member

member.main()
