"""Guests shaped like EL, made from Debian's own packages: for tests, where no EL mirror can be assumed."""

from tests.guests.make import ElGuest, make_guests

__all__ = ["ElGuest", "make_guests"]
