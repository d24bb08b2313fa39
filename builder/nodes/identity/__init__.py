"""What makes a node that node: its name, interfaces and addresses, and how it learns them."""
