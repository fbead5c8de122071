"""Everything that leaves the machine passes here."""
