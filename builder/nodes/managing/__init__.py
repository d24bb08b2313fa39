"""Managing existing nodes: find, report, change, snapshot and remove them."""
