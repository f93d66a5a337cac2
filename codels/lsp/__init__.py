"""The edge towards editors. Nothing outside this package knows LSP."""
