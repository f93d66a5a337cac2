"""codels: a language server that gives any editor the help of a local code model."""

__version__ = "0.1.0"
