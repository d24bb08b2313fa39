"""What goes with a version so that others can judge it: what is in it, how it was made, who vouches for it."""
