"""The appliance: the small QEMU machine of libguestfs. Only this package imports `guestfs`."""
