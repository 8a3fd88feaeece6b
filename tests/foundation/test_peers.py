"""What counts as one peer, and what a whole /48 of IPv6 may have open."""

import pytest

from mailserver.foundation.network.peers import WIDER, Crowded, Peers
from mailserver.foundation.settings import Limits

PEER = 2


def test_a_48_has_no_more_for_all_its_64s() -> None:
    peers = Peers(Limits(connections_per_peer=PEER))
    sites = iter(range(1000))
    entered = [peers.admit(f"2001:db8:1:{next(sites):x}::1") for _ in range(PEER * WIDER)]
    with pytest.raises(Crowded):
        peers.admit(f"2001:db8:1:{next(sites):x}::1")
    peers.admit("2001:db8:2::1").leave()
    peers.admit("192.0.2.1").leave()
    # Who has said who they are does not count there any more, nor who has gone.
    assert entered[0].identify(1)
    entered[1].leave()
    again = [peers.admit(f"2001:db8:1:{next(sites):x}::1") for _ in range(2)]
    with pytest.raises(Crowded):
        peers.admit(f"2001:db8:1:{next(sites):x}::1")
    for one in [*entered, *again]:
        one.leave()
    assert peers.count == 0
    assert not peers._strangers
