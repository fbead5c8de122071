"""Simulators: the outside world, misbehaving on demand, and the search for what must not get out."""
