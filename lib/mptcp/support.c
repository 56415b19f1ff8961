/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is there MPTCP here? One look, which all threads are told. No lock: after fork() and in signal
 * handlers it answers as well. Threads that ask first at the same time may each look; the first
 * answer to be kept is everybody's.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>

#include "private.h"

/* What was found: nothing yet (0), or ASKED with the features, or with the error in the low bits. */
enum { ASKED = 1 << 30, REFUSED = 1 << 29, VALUE = (1 << 29) - 1 };

static atomic_int answer;

static const struct {
	int error;
	const char *reason;
} reasons[] = {
	{EPROTONOSUPPORT, "this kernel was built without MPTCP"},
	{EINVAL, "this kernel is too old for MPTCP, which came with Linux 5.6"},
	{ENOPROTOOPT, "MPTCP is switched off in this network namespace (sysctl net.mptcp.enabled)"},
	{EPERM, "a seccomp filter or a security module refuses MPTCP to this process (EPERM)"},
	{EACCES, "a security module refuses MPTCP to this process (EACCES)"},
	{ENOSYS, "a seccomp filter refuses MPTCP to this process (ENOSYS)"},
	{EAFNOSUPPORT, "there is neither IPv4 nor IPv6 for this process"},
};
enum { N_REASONS = sizeof(reasons) / sizeof(*reasons) };

static int n_reason(int error)
{
	int i = 0;

	while (i < N_REASONS && reasons[i].error != error)
		i++;
	return i;
}

static int features_of(int fd)
{
	char bytes[512];
	socklen_t size = sizeof(bytes);
	int features = 0;

	if (getsockopt(fd, LEVEL_MPTCP, OPTION_INFO, bytes, &size) == 0)
		features |= MPTCP_FEATURE_INFO;
	size = 0; /* too short where it is known */
	if (getsockopt(fd, LEVEL_MPTCP, OPTION_FULL_INFO, bytes, &size) == 0 || errno == EINVAL)
		features |= MPTCP_FEATURE_FULL_INFO;
	if (mptcp_set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60) == 0)
		features |= MPTCP_FEATURE_KEEPALIVE;
	return features;
}

static int new_probe(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, PROTOCOL_MPTCP);

	return fd < 0 ? -errno : fd;
}

/* Look: an answer, or -errno if this was none. */
static int look(void)
{
	int saved = errno, ipv6 = new_probe(AF_INET6), ipv4 = new_probe(AF_INET);
	int fd = ipv4 >= 0 ? ipv4 : ipv6, result = ipv4;

	if (fd >= 0)
		result = ASKED | features_of(fd) | (ipv6 >= 0 ? MPTCP_FEATURE_IPV6 : 0);
	else if (ipv4 == -EAFNOSUPPORT && ipv6 != -EAFNOSUPPORT)
		result = ipv6;
	if (fd < 0 && n_reason(-result) < N_REASONS)
		result = ASKED | REFUSED | -result;
	mptcp_close_fd(ipv4);
	mptcp_close_fd(ipv6);
	errno = saved;
	return result;
}

/* The answer that is kept; -errno if there is none yet. */
static int asked(void)
{
	int kept = atomic_load(&answer), found;

	if (kept)
		return kept;
	found = look();
	if (found > 0 && !atomic_compare_exchange_strong(&answer, &kept, found))
		found = kept;
	return found;
}

static int is_yes(int found)
{
	return found < 0 ? found : !(found & REFUSED);
}

MPTCP_EXPORT int mptcp_supported(void)
{
	return is_yes(asked());
}

MPTCP_EXPORT int mptcp_supported_again(void)
{
	int found = look();

	if (found > 0)
		atomic_store(&answer, found);
	return is_yes(found);
}

MPTCP_EXPORT const char *mptcp_unsupported_reason(void)
{
	int found = asked();

	if (found < 0)
		return "no socket could be made to find out";
	return found & REFUSED ? reasons[n_reason(found & VALUE)].reason : NULL;
}

MPTCP_EXPORT int mptcp_features(void)
{
	int found = asked();

	return found < 0 ? found : found & REFUSED ? 0 : found & VALUE;
}
