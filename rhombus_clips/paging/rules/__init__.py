"""The rules of a listing, with no I/O: they decide what to ask for next."""
