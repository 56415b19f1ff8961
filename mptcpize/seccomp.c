/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Seccomp: a filter that has the kernel ask our supervisor about each socket() for TCP, and about
 * nothing else, whoever calls it and however.
 */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend.h"
#include "cli.h"
#include "supervisor.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#else
#define NATIVE_ARCH 0
#endif

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define ALLOW_UNLESS(value)                                                                        \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0),                                          \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define ALLOW_UNLESS_EITHER(a, b)                                                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 2, 0),                                              \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 1, 0),                                      \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/*
 * is_tcp() of tcp.h, in the words of the kernel, which looks at the lower halves of the arguments,
 * too. Calls by another convention (32 bits, x32) have another architecture or number.
 */
static struct sock_filter filter[] = {
	LOAD(arch),
	ALLOW_UNLESS(NATIVE_ARCH),
	LOAD(nr),
	ALLOW_UNLESS(__NR_socket),
	LOAD(args[0]),
	ALLOW_UNLESS_EITHER(AF_INET, AF_INET6),
	LOAD(args[1]),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (uint32_t) ~(SOCK_NONBLOCK | SOCK_CLOEXEC)),
	ALLOW_UNLESS(SOCK_STREAM),
	LOAD(args[2]),
	ALLOW_UNLESS_EITHER(0, IPPROTO_TCP),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
};

/* May we filter without giving up that programs gain privileges? So may who has CAP_SYS_ADMIN. */
static bool may_filter(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &head, sets) == 0 && sets[0].effective & 1U << CAP_SYS_ADMIN;
}

static const char *unfit(const struct program *program)
{
	if (NATIVE_ARCH == 0)
		return "would need a filter that is not written for this machine yet";
	if (program->kind == PROGRAM_KIND_FOREIGN)
		return "is for another machine or word size than the filter";
	if (program->privilege && !may_filter())
		return "would lose the privileges that it gets when it starts";
	return NULL;
}

/* Are TCP sockets made MPTCP before we begin, by whoever filters this process already? */
static bool is_done(void)
{
	int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), protocol = 0;
	socklen_t size = sizeof(protocol);

	if (fd < 0)
		return false;
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
	close(fd);
	return protocol == IPPROTO_MPTCP;
}

/*
 * The listener of the filter, or an error. A call that the supervisor has taken is not interrupted
 * by signals where the kernel can do so (5.19): Go sends itself many. That filters exist shall not
 * make the program slower, as it does on older processors unless it is asked for.
 */
static int install(void)
{
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};
	unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			  flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);

	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	return fd < 0 ? -errno : (int)fd;
}

static int filter_this(void)
{
	if (!may_filter())
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return install();
}

/*
 * Would there be a listener? Whoever tries gives up its privileges: so not the program, but the
 * supervisor, which asks for no socket that the filter is for.
 */
static int try(void)
{
	int listener = filter_this();

	if (listener < 0)
		return listener;
	close(listener);
	return 0;
}

static int fail(int error)
{
	switch (error) {
	case EBUSY:
		return cli_fail("this process is supervised by another filter already, and the "
				"kernel allows one");
	case ECHILD:
		return cli_fail("seccomp filters are forbidden here, by one that kills whoever "
				"tries to make one (SystemCallFilter= of systemd?)");
	case EPERM:
	case EACCES:
	case ENOSYS:
	case EINVAL:
	case EOPNOTSUPP:
		return cli_fail("seccomp filters with a supervisor are not allowed here, or not "
				"known to the kernel: %s",
				strerror(error));
	case ESRCH:
		return cli_fail("seccomp needs the /proc of this pid namespace");
	default:
		return cli_fail("cannot supervise by seccomp: %s", strerror(error));
	}
}

static int start(const struct program *program, const struct keepalive *keepalive)
{
	struct supervisor_link supervisor;
	int listener, r = supervisor_start(keepalive, try, &supervisor);

	if (r == -EBUSY && is_done())
		return EXIT_DONE;
	if (r < 0)
		return fail(-r);
	listener = filter_this();
	r = supervisor_serve(&supervisor, listener);
	if (listener < 0)
		return fail(-listener);
	if (r < 0) { /* nobody answers: socket() fails from now on */
		close(listener);
		fail(-r);
		return EXIT_OURS;
	}
	close(listener);
	return EXIT_DONE;
}

const struct backend seccomp_backend = {"seccomp", unfit, start};
