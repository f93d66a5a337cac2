"""What proves a suggestion before anybody sees it."""
