"""Managing the nodes that exist: find, report, change, snapshot and remove them."""
