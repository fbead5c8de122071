"""Key slots, wrapping, lock and unlock, signing, anchor."""
