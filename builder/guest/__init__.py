"""Guests and the appliance in which they are changed. The only package that imports guestfs."""
