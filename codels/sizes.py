"""Bytes in words."""


def size_text(n_bytes: int) -> str:
    """1,234,567 bytes are 1.2 MB; for people."""
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
