"""Which model serves which role: what was named and what is here (`selection`), what this machine can do (`ways`)."""
