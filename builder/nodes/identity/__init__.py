"""Who a node is: its name, interfaces, addresses, and how it learns them."""
