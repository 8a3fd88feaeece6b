"""A small name server on loopback, over UDP and TCP, which may also answer nonsense, late, or never."""

import contextlib
import socket
import struct
import threading
from typing import Literal

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

Mood = Literal["well", "silent", "garbage", "broken"]
TTL = 60


class NameServer:
    """`server["a.fr", "TXT"] = [b"v=spf1 -all"]`; moods by name, or of the whole server."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], list[str | bytes]] = {}
        self.moods: dict[str, Mood] = {}
        self.mood: Mood = "well"
        self.asked: list[str] = []
        self.ttl = TTL
        while True:  # the same port for both
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._udp.bind(("127.0.0.1", 0))
            self._tcp = socket.socket()
            with contextlib.suppress(OSError):
                self._tcp.bind(self._udp.getsockname())
                break
            self._udp.close()
            self._tcp.close()
        self._tcp.listen()
        self.setting = f"127.0.0.1:{self._udp.getsockname()[1]}"
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._datagrams, self._streams)]
        for thread in self._threads:
            thread.start()

    def __setitem__(self, key: tuple[str, str], records: list[str | bytes]) -> None:
        self.known[key] = records

    def stop(self) -> None:
        self._udp.sendto(b"", self._udp.getsockname())
        with socket.create_connection(self._tcp.getsockname()):
            pass
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def _datagrams(self) -> None:
        while True:
            data, peer = self._udp.recvfrom(4000)
            if not data:
                return
            answer = self._answer(data, 1232)
            if answer is not None:
                self._udp.sendto(answer, peer)

    def _streams(self) -> None:
        while True:
            connection, _ = self._tcp.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                head = connection.recv(2)
                if len(head) < 2:
                    return
                answer = self._answer(connection.recv(struct.unpack("!H", head)[0]), 65535)
                if answer is not None:
                    connection.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, data: bytes, most: int) -> bytes | None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name} {kind}")
        mood = self.moods.get(name, self.mood)
        if mood == "silent":
            return None
        if mood == "garbage":
            return data[:2] + b"\x84\x00" + b"\xff" * 40
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if mood == "broken":
            response.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.known:
            response.answer.append(self._rrset(question.name, kind, self.known[name, kind]))
        elif (name, "CNAME") in self.known:
            response.answer.append(self._rrset(question.name, "CNAME", self.known[name, "CNAME"]))
            target = str(self.known[name, "CNAME"][0]).rstrip(".")
            if (target, kind) in self.known:
                response.answer.append(self._rrset(dns.name.from_text(target), kind, self.known[target, kind]))
        elif not any(known == name for known, _ in self.known):
            response.set_rcode(dns.rcode.NXDOMAIN)
        wire = response.to_wire(max_size=65535)
        if len(wire) > most:
            response.flags |= dns.flags.TC
            response.answer.clear()
            wire = response.to_wire()
        return wire

    def _rrset(self, name: dns.name.Name, kind: str, records: list[str | bytes]) -> dns.rrset.RRset:
        found: list[dns.rdata.Rdata] = []
        for one in records:
            if isinstance(one, bytes):
                strings = [one[at : at + 255] for at in range(0, len(one), 255)] or [b""]
                found.append(dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings))
            else:
                found.append(dns.rdata.from_text("IN", kind, one))
        return dns.rrset.from_rdata_list(name, self.ttl, found)
