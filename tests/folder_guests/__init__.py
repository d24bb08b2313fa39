"""Guests whose disks are folders: the real Guest, in an appliance that is a name space instead of a machine.

A step test that needs no boot loader, package manager or running system takes such a guest, and
then takes milliseconds. tests/guest/test_contract.py holds both appliances to the same behaviour.
"""

from tests.folder_guests.appliance import FolderAppliance
from tests.folder_guests.guest import Change, changes, folder_guest

__all__ = ["Change", "FolderAppliance", "changes", "folder_guest"]
