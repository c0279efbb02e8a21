"""Numbers of the Linux socket interface that the module `socket` names not at all, or not everywhere.

Only numbers live here, no code. They are of the generic Linux ABI (x86, arm, riscv, s390); see ip(7),
ipv6(7), raw(7), icmp(7), socket(7) and the kernel's headers named at each group.
"""

from __future__ import annotations

# linux/in.h
IP_TOS = 1
IP_TTL = 2
IP_HDRINCL = 3
IP_PKTINFO = 8
IP_MTU_DISCOVER = 10
IP_RECVERR = 11
IP_RECVTTL = 12
IP_RECVERR_RFC4884 = 26

# linux/in6.h
IPV6_CHECKSUM = 7
IPV6_FLOWINFO = 11
IPV6_UNICAST_HOPS = 16
IPV6_MTU_DISCOVER = 23
IPV6_RECVERR = 25
IPV6_RECVERR_RFC4884 = 31
IPV6_FLOWINFO_SEND = 33
IPV6_RECVPKTINFO = 49
IPV6_PKTINFO = 50
IPV6_RECVHOPLIMIT = 51
IPV6_HOPLIMIT = 52
IPV6_TCLASS = 67

# The same numbers in both families.
PMTUDISC_DONT = 0
PMTUDISC_PROBE = 3

# linux/icmp.h, linux/icmpv6.h
SOL_IP = 0
SOL_IPV6 = 41
SOL_RAW = 255
SOL_ICMPV6 = 58
ICMP_FILTER = 1
ICMP6_FILTER = 1

# asm-generic/socket.h
SOL_SOCKET = 1
SO_BINDTODEVICE = 25
SO_ATTACH_FILTER = 26
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33
SO_MARK = 36
SO_TIMESTAMPING = 37
SO_MEMINFO = 55
SCM_TS_OPT_ID = 81
MEMINFO_QUEUED = 0
MEMINFO_DROPS = 8
MEMINFO_SIZE = 36

# linux/net_tstamp.h
TX_SOFTWARE = 1 << 1
RX_SOFTWARE = 1 << 3
SOFTWARE = 1 << 4
OPT_ID = 1 << 7
OPT_TSONLY = 1 << 11

# linux/eventpoll.h
EPOLLIN = 1 << 0
EPOLLOUT = 1 << 2
EPOLLERR = 1 << 3

# linux/socket.h
MSG_PROBE = 0x10
MSG_TRUNC = 0x20
MSG_DONTWAIT = 0x40
MSG_ERRQUEUE = 0x2000

# linux/errqueue.h
ORIGIN_LOCAL = 1
ORIGIN_ICMP = 2
ORIGIN_ICMP6 = 3
ORIGIN_TIMESTAMPING = 4
RFC4884_INVALID = 1
