/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * BPF: the kernel itself makes MPTCP of the TCP that is asked for, in a cgroup of the program's own. It
 * is asked for nothing, whatever the program is, and costs next to nothing; but it takes root.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "beside.h"
#include "cli.h"
#include "own-cgroup.h"

#define BTF "/sys/kernel/btf/vmlinux"

static const char *unfit(const struct program *program)
{
	return NULL;
}

/* Load it for this cgroup. Returns a descriptor, with which it goes, or -errno. */
static int attach(const char *hook, int cgroup)
{
	struct bpf_object *object = bpf_object__open_file(hook, NULL);
	struct bpf_link *link = NULL;
	int r = object ? bpf_object__load(object) : -errno, fd;

	if (r == 0)
		r = bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "cgroups"),
					&(int){0}, &cgroup, BPF_ANY);
	if (r == 0) {
		link = bpf_program__attach(bpf_object__next_program(object, NULL));
		if (!link)
			r = -errno;
	}
	fd = link ? dup(bpf_link__fd(link)) : r;
	bpf_link__destroy(link);
	bpf_object__close(object);
	return fd;
}

static int fail(int r)
{
	switch (-r) {
	case EPERM:
	case EACCES:
		if (geteuid() != 0)
			return cli_fail("bpf: only root may have the kernel run it");
		return cli_fail(
			"bpf: the kernel refuses it: it is locked down, or there is neither "
			"CAP_SYS_ADMIN nor CAP_BPF with CAP_PERFMON");
	case ESRCH:
		return cli_fail("bpf: this kernel has no hook for it: Linux 6.6 is the first");
	default:
		return cli_fail("bpf: %s", strerror(-r));
	}
}

static int start_in(struct own_cgroup *cgroup)
{
	char beside[PATH_MAX];
	int fd = attach(beside_find("hook.bpf.o", MPTCPIZE_HOOK, beside), cgroup->fd), r;

	if (fd < 0)
		return fd;
	r = own_cgroup_enter(cgroup, fd);
	close(fd);
	return r;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int start(const struct program *program, const struct keepalive *keepalive)
{
	struct own_cgroup cgroup;
	int fd, r;

	if (keepalive->idle)
		return cli_fail("bpf: --keepalive goes with the other backends alone");
	/* What the kernel made MPTCP would fail there, instead of being TCP. */
	fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	if (fd < 0)
		return cli_fail("bpf: there is no MPTCP here: %s", strerror(errno));
	close(fd);
	if (access(BTF, R_OK) < 0)
		return cli_fail("bpf: this kernel does not describe itself in " BTF);
	r = own_cgroup_make(&cgroup);
	if (r == -EACCES || r == -EPERM)
		return fail(r);
	if (r < 0)
		return cli_fail("bpf: no cgroup can be made below ours: %s", strerror(-r));
	libbpf_set_print(silent);
	r = start_in(&cgroup);
	if (r == 0)
		return EXIT_DONE;
	own_cgroup_remove(&cgroup);
	return fail(r);
}

const struct backend bpf_backend = {"bpf", unfit, start};
