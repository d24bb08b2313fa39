"""libvirt's errors are translated, and calls on a busy pool are retried."""

from __future__ import annotations

import libvirt
import pytest

from builder.errors import HypervisorError
from builder.hypervisor import calls
from builder.hypervisor.calls import call, find, none_if_gone


class Pool:
    """Refuses a few times, as libvirt does while it is writing a volume."""

    def __init__(self, refusals: int) -> None:
        self.left = refusals

    def refresh(self, value: int) -> int:
        if self.left:
            self.left -= 1
            raise libvirt.libvirtError("internal error: pool 'default' has asynchronous jobs running.")
        return value


def test_calls_on_a_busy_pool_are_retried() -> None:
    pool = Pool(3)
    assert call(pool.refresh, 7) == 7
    assert pool.left == 0


def test_retries_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PATIENCE", 0.1)
    with pytest.raises(HypervisorError) as caught:
        call(Pool(1000).refresh, 7)
    assert "asynchronous jobs running" in str(caught.value)


def test_missing_objects_are_none() -> None:
    connection = libvirt.open("test:///default")
    try:
        assert find(connection.lookupByName, "nobody") is None
        assert find(connection.storagePoolLookupByName, "nowhere") is None
        assert find(connection.lookupByName, "test") is not None
        with pytest.raises(HypervisorError, match="libvirt reports an error") as caught:
            call(connection.lookupByName, "nobody")
        assert caught.value.code == libvirt.VIR_ERR_NO_DOMAIN
        assert caught.value.exit_code == 3
    finally:
        connection.close()


def test_other_errors_are_raised() -> None:
    def refuse() -> None:
        raise HypervisorError("no", code=libvirt.VIR_ERR_INTERNAL_ERROR)

    with pytest.raises(HypervisorError):
        none_if_gone(refuse)
