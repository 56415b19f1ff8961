/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmptcp: Multipath TCP for programs, with TCP where there is none. `pkg-config --cflags --libs
 * libmptcp`.
 *
 *	int fd = mptcp_dial("example.org", "https", NULL);
 *
 *	if (fd < 0)
 *		fprintf(stderr, "%s\n", mptcp_error_text(fd));
 *	else if (mptcp_is_used(fd) == 1)
 *		puts("Multipath TCP");
 *
 * What comes out are ordinary stream sockets: read(), write(), poll(), shutdown(), close().
 *
 * Errors. Functions return 0 or what they say, and a negative errno on failure; errno itself is left
 * as it was. mptcp_error_text() has a sentence for each. What those say that are not plain errors of
 * the kernel:
 *	-ENOENT		there is no host of that name, or it has no address of the family
 *	-ESRCH		there is no service of that name
 *	-EAGAIN		the name servers did not answer; later they may
 *	-EREMOTEIO	the name servers cannot say, and will not later
 *	-EINVAL		an argument is wrong: an unknown flag, a port above 65535, an empty name
 *	-ENAMETOOLONG	a host or service name that is longer than any
 *	-E2BIG		options of a later version of this library that this one does not know
 *	-ETIMEDOUT	the time was over, or the peer did not answer
 *	-EINPROGRESS	mptcp_dial_continue(): not yet
 *	-ENOTCONN	the question has an answer for connected sockets only
 *	-EOPNOTSUPP	the socket is no TCP or MPTCP socket; or the kernel cannot tell (Linux before 5.16)
 *
 * Structures that callers fill in, the options, begin with their size, so that later versions can
 * append members: zero the whole, set `size` to the sizeof, then what you want. All zero is the
 * default, and so is NULL instead of the options. A structure that the library fills in, struct
 * mptcp_socket_info, is allocated by the library and freed by mptcp_info_free(); do not copy it as a
 * whole.
 *
 * Units. Times are milliseconds (_ms) or microseconds (_us). A port is part of an address, in network
 * order there, or is text: "443", "https".
 *
 * Threads. All functions may be called in several threads at once; one struct mptcp_dialer belongs to
 * one thread at a time. The library installs no signal handler and prints nothing. It starts a thread
 * where a lookup of a name has to end in time, see mptcp_dial(); such a thread takes no signals. After
 * fork() the child may use and close the descriptors; a dial that is under way belongs to the parent,
 * and the child may free it.
 *
 * Every descriptor is closed on exec() unless said otherwise.
 *
 * Linux 5.16 or later for all; what needs a later one says so. RFC 8684 is MPTCP, RFC 8305 Happy
 * Eyeballs.
 */
#ifndef MPTCP_SOCKET_H
#define MPTCP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

struct addrinfo;

/* A sentence about `error`, a negative errno of this library (its sign does not matter). Static. */
const char *mptcp_error_text(int error);

/* ---- is there MPTCP here? ---- */

/*
 * Does the kernel make MPTCP sockets for this process: 1 or 0; or -errno if that could not be found
 * out (-EMFILE, -ENOMEM …), to be asked again.
 *
 * The first answer is kept for the life of the process, so that all its parts and threads are told
 * the same, and asking costs nothing. It holds for the network namespace of the thread that asked
 * first, at that time: `sysctl net.mptcp.enabled` can change, a thread can enter another namespace,
 * and a seccomp filter can be installed. None of this matters to mptcp_socket(), mptcp_dial() and
 * mptcp_listen(), which ask the kernel for every socket anew; there is no need to call this first.
 */
int mptcp_supported(void);
/* Ask the kernel again, for this thread and now, and keep that answer from now on. */
int mptcp_supported_again(void);
/*
 * Why the last answer was no, in words: "this kernel was built without MPTCP", "MPTCP is switched off
 * in this network namespace (sysctl net.mptcp.enabled)" …; NULL if it was yes. Static. Where nobody
 * has asked it asks.
 */
const char *mptcp_unsupported_reason(void);

/* What the kernel can do besides; it is found out, and kept, together with mptcp_supported(). */
enum mptcp_feature {
	MPTCP_FEATURE_IPV6 = 1 << 0, /* MPTCP over IPv6; a kernel may be built without it */
	MPTCP_FEATURE_INFO =
		1 << 1, /* it tells of a fallback to TCP, and of subflows; Linux 5.16 */
	MPTCP_FEATURE_FULL_INFO = 1 << 2, /* mptcp_get_info() is of one moment; Linux 6.5 */
	MPTCP_FEATURE_KEEPALIVE = 1 << 3, /* `keepalive_s` is regarded for MPTCP sockets */
};
/* Those of enum mptcp_feature, or'ed; 0 without MPTCP. -errno as mptcp_supported(). */
int mptcp_features(void);

/* ---- sockets ---- */

/*
 * A stream socket of `family`, AF_INET or AF_INET6: MPTCP where that is possible, else TCP. `flags`
 * are SOCK_NONBLOCK and SOCK_CLOEXEC, as for socket(2). Without SOCK_CLOEXEC it stays open on exec().
 *
 * TCP it is where the kernel was built without MPTCP (EPROTONOSUPPORT), does not know its number
 * (EINVAL, Linux before 5.6), where it is switched off (ENOPROTOOPT), or refused to this process
 * (EPERM, EACCES, ENOSYS: by a seccomp filter or a security module).
 * -EINVAL: a flag that is not one of these. Others: those of socket(2) for TCP.
 */
int mptcp_socket(int family, int flags);

/* ---- dial ---- */

enum mptcp_dial_flag {
	MPTCP_DIAL_NONBLOCK = 1 << 0, /* the descriptor is O_NONBLOCK */
	MPTCP_DIAL_NUMERIC = 1 << 1, /* `host` is an address; nobody is asked for names */
	MPTCP_DIAL_PLAIN = 1 << 2, /* TCP, even where MPTCP is possible */
};

struct mptcp_dial_options {
	size_t size; /* sizeof(struct mptcp_dial_options) */
	unsigned int flags; /* of enum mptcp_dial_flag */
	int family; /* AF_INET or AF_INET6; 0 (AF_UNSPEC): both */
	/*
	 * For all of it, the lookup of the name included. 0: as long as the kernel tries, two minutes
	 * an address. Negative: the time is over already, -ETIMEDOUT; so pass what is left of a
	 * deadline as it is, and -1 if that is exactly 0.
	 */
	int timeout_ms;
	/* How long an attempt is alone before the next address is tried beside it. 0: 250; at least
	 * 10, at most 2000 (RFC 8305, section 8). */
	int attempt_delay_ms;
	/* Connect from this address of ours, as text without a port ("192.0.2.1", "fe80::1%eth0");
	 * only addresses of its family are tried then. */
	const char *local_address;
	/* Connect by this link alone ("eth0", SO_BINDTODEVICE). It holds for the initial subflow;
	 * other subflows are made by the path manager as it sees fit. */
	const char *interface;
	/*
	 * Above 0: TCP probes an idle peer after so many seconds, 32767 at most, and again every quarter
	 * of that (of at least one second); after four without an answer the subflow is closed. Nothing else finds
	 * out that the path of an idle connection is dead. Other subflows carry on; a connection without
	 * any ends after `sysctl net.mptcp.close_timeout` (60 s): poll() says POLLHUP then, recv() fails
	 * with ENOTCONN and send() with EPIPE, and not with ETIMEDOUT as TCP does. Where the kernel has
	 * no such times for MPTCP (no MPTCP_FEATURE_KEEPALIVE) those of net.ipv4.tcp_keepalive_* hold.
	 */
	int keepalive_s;
	/* Where the EAI_* of getaddrinfo() goes that became the error; 0 if it was another. It has to
	 * live as long as a dialer that was started with it. NULL: nowhere. */
	int *ret_lookup_error;
};

/*
 * Connect to `service` ("https", "443") of `host`: a name, an IPv4 address, an IPv6 address without
 * brackets and, where it needs one, with its scope ("fe80::1%eth0"); NULL is this host itself.
 * Returns a connected descriptor, blocking unless MPTCP_DIAL_NONBLOCK.
 *
 * The addresses of the host are tried in the order of getaddrinfo(3), which answers when it has those
 * of both families; the families take turns (RFC 8305, section 4). The next attempt begins
 * `attempt_delay_ms` after the last one, or at once when one fails; the first that connects is returned
 * and all others are closed. At most 64 addresses are tried. When all fail, the error is that of the
 * first address that could be reached from here. Signals do not interrupt it.
 *
 * Name servers may take long: resolv.conf(5) has 5 s and two attempts for each of them as the default.
 * With `timeout_ms`, and always in the non-blocking form, a name that is no address is looked up in a
 * thread of its own. When the time is over the caller has -ETIMEDOUT then and there; the thread, with
 * one descriptor, ends as soon as the lookup does. Where no thread can be started the caller looks the
 * name up itself and waits. Who has a resolver of his own passes its addresses to
 * mptcp_dial_start_addresses().
 *
 * That the descriptor is connected does not mean that MPTCP is used: see mptcp_is_used(). If the peer
 * speaks TCP only, or something between strips the option, the connection is TCP, at no cost in time.
 * If something between drops every SYN with the option, Linux 6.12 and later sends the third without it
 * after 3 s (`sysctl net.mptcp.syn_retrans_before_tcp_fallback`), and then makes all new connections of
 * the namespace TCP for an hour, doubling it each time (`sysctl net.mptcp.blackhole_timeout`). Earlier
 * kernels send the option for two minutes and give up. So where an attempt by MPTCP has had no answer
 * for 4 s, or for half of the time that was left if that is less, TCP is tried at the same address
 * beside it, and the first that connects is returned; mptcp_is_requested() is 0 for such a socket.
 *
 * Errors: those above, and of the attempts: -ECONNREFUSED, -ENETUNREACH, -EHOSTUNREACH,
 * -EADDRNOTAVAIL, -ENODEV (no such interface), -EMFILE, -ENOMEM …; the latter also when the time is
 * over and there were no means to begin the next attempt.
 */
int mptcp_dial(const char *host, const char *service, const struct mptcp_dial_options *options);

/*
 * The non-blocking form. Begin with mptcp_dial_start(), wait until mptcp_dial_fd() is readable (with
 * poll(), epoll or an event loop), call mptcp_dial_continue(), and so on until that says something
 * else than -EINPROGRESS; then mptcp_dial_free(). `timeout_ms` counts from the start, and the
 * descriptor becomes readable when it is over: no timer of the caller's is needed.
 */
struct mptcp_dialer;

/* 0, and a dialer to be freed; the strings are copied. No attempt is made before
 * mptcp_dial_continue(). Errors as of mptcp_dial(), before anything was asked or sent. */
int mptcp_dial_start(const char *host, const char *service,
		     const struct mptcp_dial_options *options, struct mptcp_dialer **ret_dialer);
/* The same for addresses that the caller has looked up, with their ports; what is neither AF_INET nor
 * AF_INET6 is left out. The list is copied. -ENOENT: there are none. */
int mptcp_dial_start_addresses(const struct addrinfo *addresses,
			       const struct mptcp_dial_options *options,
			       struct mptcp_dialer **ret_dialer);
/* The descriptor to wait for, the same for the life of the dialer, which owns it. It is readable from
 * the start. */
int mptcp_dial_fd(const struct mptcp_dialer *dialer);
/* Do what there is to do, without waiting: -EINPROGRESS, or the connected descriptor, which belongs to
 * the caller from then on, or the error of mptcp_dial(). After the end: -EISCONN, or that error. */
int mptcp_dial_continue(struct mptcp_dialer *dialer);
/* Give up what is under way, if anything, and free it. NULL is fine. */
void mptcp_dial_free(struct mptcp_dialer *dialer);

/* ---- listen ---- */

enum mptcp_listen_flag {
	MPTCP_LISTEN_NONBLOCK = 1 << 0, /* the descriptor is O_NONBLOCK */
	MPTCP_LISTEN_NUMERIC = 1 << 1, /* `host` is an address; nobody is asked for names */
	MPTCP_LISTEN_PLAIN = 1 << 2, /* TCP, even where MPTCP is possible */
	MPTCP_LISTEN_REUSE_PORT = 1 << 3, /* SO_REUSEPORT: several listeners share the port */
};

struct mptcp_listen_options {
	size_t size; /* sizeof(struct mptcp_listen_options) */
	unsigned int flags; /* of enum mptcp_listen_flag */
	int family; /* AF_INET or AF_INET6 alone; 0 (AF_UNSPEC): both */
	int backlog; /* 0: as much as net.core.somaxconn allows */
	const char *interface; /* only what comes by this link ("eth0"); NULL: any */
	int *ret_lookup_error; /* as above */
};

/*
 * Listen on `service` ("http", "80"; "0" is a free port, which getsockname() tells) of `host`.
 *
 * NULL is every address of this host. One socket then takes both families, and IPv4 peers have
 * addresses like ::ffff:192.0.2.1; where the host has no IPv6 it is an IPv4 socket, and where there is
 * no MPTCP over IPv6 (no MPTCP_FEATURE_IPV6) it is TCP: AF_INET then is MPTCP for IPv4. An address or
 * a name is the first address of it that this host has, and an IPv6 socket takes IPv6 alone then, as it
 * does with AF_INET6. The port can be taken again at once by the next life of a server
 * (SO_REUSEADDR). Looking up a name blocks: servers have addresses.
 *
 * A client without MPTCP gets a TCP socket from accept(), whatever the listener is.
 *
 * Errors: those above, -EADDRINUSE, -EADDRNOTAVAIL (not an address of this host), -EACCES (a port of
 * the privileged), -ENODEV, -EMFILE …
 */
int mptcp_listen(const char *host, const char *service, const struct mptcp_listen_options *options);

/* ---- what has become of it? ---- */

/*
 * Was the socket made as MPTCP (SO_PROTOCOL), be it connected or not, and whatever is spoken on it
 * now? 1 or 0. -EBADF, -ENOTSOCK.
 */
int mptcp_is_requested(int fd);
/*
 * Does this connection use MPTCP now? 1: yes. 0: it is TCP, made as TCP or fallen back, or accepted
 * from a peer without MPTCP; or the socket is of another kind and never can. -ENOTCONN: an MPTCP
 * socket that is not connected, not yet or no more, or listens. -EBADF, -ENOTSOCK. -EOPNOTSUPP:
 * Linux before 5.16, which cannot tell.
 *
 * An answer of yes may turn into no: a connection falls back while there is one subflow, and
 * something on the way begins to meddle (RFC 8684, section 3.7). No never turns into yes.
 */
int mptcp_is_used(int fd);
/*
 * Is this a connection for which MPTCP was asked, and which is TCP nonetheless? 1 or 0. Errors as
 * above. 0 also for the TCP socket that accept() gives for a client without MPTCP: this side asked
 * for nothing, and the kernel knows of no MPTCP socket there; and for one that mptcp_dial() made as TCP.
 */
int mptcp_has_fallen_back(int fd);

/* ---- information ---- */

/* What of the structures below the kernel has told; what it has not is 0 there. */
enum mptcp_known {
	MPTCP_KNOWN_FIGURES = 1 << 0, /* from `token` on; not for TCP */
	MPTCP_KNOWN_BYTES = 1 << 1, /* from `retransmits` on; Linux 6.5 */
	MPTCP_KNOWN_TOTAL = 1 << 2, /* `subflows_total`; Linux 6.8 */
	MPTCP_KNOWN_TIMES = 1 << 3, /* from `last_data_sent_ms` on; Linux 6.10 */
	MPTCP_KNOWN_ID = 1 << 4, /* of a subflow: `id`; Linux 6.5 */
	MPTCP_KNOWN_TCP = 1 << 5, /* of a subflow: from `tcp_state` on */
};

enum mptcp_subflow_flag {
	MPTCP_SUBFLOW_INITIAL = 1 << 0, /* it has the addresses of the connection */
};

/*
 * One subflow: a TCP connection that carries data of the MPTCP connection. Address ids and the backup
 * flag are not told to the owner of a socket: `mptcpctl subflow` and `ss -ti` have them.
 */
struct mptcp_socket_subflow {
	const struct mptcp_socket_subflow *next; /* NULL: the last one */
	uint32_t known; /* of enum mptcp_known */
	uint32_t flags; /* of enum mptcp_subflow_flag */
	uint32_t id; /* the kernel's number of it, never used again in this connection */
	struct sockaddr_storage local, remote;

	/* What tcp(7) calls TCP_INFO, whole and as the kernel gave it, and the usual ones by name. */
	const void *tcp_info; /* a struct tcp_info of <linux/tcp.h>, of which so many bytes: */
	size_t tcp_info_size; /* more with later kernels */
	uint8_t tcp_state; /* TCP_ESTABLISHED … of <netinet/tcp.h> */
	uint32_t snd_mss, rcv_mss;
	uint32_t unacked, lost, retrans; /* segments under way */
	uint32_t last_data_sent_ms, last_data_recv_ms; /* ago */
	uint32_t rtt_us, rttvar_us, min_rtt_us, rto_us;
	uint32_t snd_cwnd; /* segments */
	uint32_t total_retrans; /* segments */
	uint32_t segs_out, segs_in;
	uint32_t notsent_bytes;
	uint64_t bytes_sent, bytes_retrans, bytes_acked, bytes_received;
	uint64_t pacing_rate, delivery_rate; /* bytes a second */
};

struct mptcp_socket_info {
	size_t size; /* so many bytes of this were filled in: later versions append */
	uint32_t known; /* of enum mptcp_known */
	bool used; /* as mptcp_is_used() */
	bool fallen_back; /* as mptcp_has_fallen_back() */
	size_t n_subflows;
	const struct mptcp_socket_subflow *subflows; /* the first; TCP has one, itself */

	/* The connection, as MPTCP_INFO of the kernel has it. */
	uint32_t token; /* ours, as `ss` and mptcpctl print it */
	uint8_t extra_subflows; /* beside the initial one */
	uint8_t add_addr_signaled, add_addr_accepted; /* addresses, ours and the peer's */
	uint8_t local_addr_used; /* local addresses that subflows were made from */
	uint8_t extra_subflows_max, add_addr_signal_max, add_addr_accepted_max, local_addr_max;
	bool checksum; /* DSS checksums are used */
	uint64_t write_seq, snd_una, rcv_nxt; /* of the data sequence */
	uint32_t retransmits; /* of the MPTCP level */
	uint64_t bytes_retrans, bytes_sent, bytes_received, bytes_acked;
	uint8_t subflows_total; /* with the initial one, while that is there */
	uint32_t last_data_sent_ms, last_data_recv_ms, last_ack_recv_ms; /* ago */
};

/*
 * All that the kernel tells of a connection, MPTCP or TCP, at one moment; before Linux 6.5 the
 * subflows are read by several calls, until two agree. It is as much as there are subflows, whatever
 * their number. *ret_info is to be freed; it is untouched on failure.
 *
 * A subflow that has ended may still be listed, with the tcp_state TCP_CLOSE (7); a connection whose
 * last one has gone may have an empty list. -ENOTCONN: not connected, or no more.
 * -EOPNOTSUPP: neither TCP nor MPTCP. -EBADF, -ENOTSOCK, -ENOMEM. -EAGAIN: subflows came and went so
 * quickly that no two looks agreed.
 */
int mptcp_get_info(int fd, struct mptcp_socket_info **ret_info);
/* NULL is fine. */
void mptcp_info_free(struct mptcp_socket_info *info);

#ifdef __cplusplus
}
#endif

#endif
