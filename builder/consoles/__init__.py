"""Serial consoles: what a machine printed, as plain lines, and the sentences that mean trouble."""
