"""Everything that crosses a boundary: requests, views, errors."""
