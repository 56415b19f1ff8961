/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program of the backend "bpf": what the kernel makes of socket(…, IPPROTO_TCP) in one cgroup and
 * below. Its own declarations stand for the headers of a kernel, which it needs none of: numbers come
 * in, and a number goes out.
 */
typedef unsigned char __u8;
typedef unsigned short __u16, __be16;
typedef unsigned int __u32, __be32, __wsum;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;

enum {
	BPF_MAP_TYPE_CGROUP_ARRAY = 8,
};

#include <bpf/bpf_helpers.h>

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_NONBLOCK 04000
#define SOCK_CLOEXEC 02000000
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262

/* The cgroup, which mptcpize puts in. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cgroups SEC(".maps");

/* int update_socket_protocol(int family, int type, int protocol): what it returns is used. */
SEC("fmod_ret/update_socket_protocol")
int update_protocol(const __u64 *arguments)
{
	int family = (int)arguments[0], type = (int)arguments[1], protocol = (int)arguments[2];

	if ((family == AF_INET || family == AF_INET6) &&
	    (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM &&
	    (protocol == 0 || protocol == IPPROTO_TCP) &&
	    bpf_current_task_under_cgroup(&cgroups, 0) == 1)
		return IPPROTO_MPTCP;
	return protocol;
}

/* That helper is for those alone who say so. */
char _license[] SEC("license") = "GPL";
