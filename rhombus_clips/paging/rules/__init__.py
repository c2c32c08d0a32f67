"""The paging rules. They decide what to request next, and do no I/O."""
