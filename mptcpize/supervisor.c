/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "standard.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* since Linux 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#define CHANNEL_FD 3 /* where it stands in the supervisor; above it nothing is open */
#define FILE_SIZE 4096 /* of what is read in /proc at once */
#define NAMESPACE_SIZE 32

struct supervisor {
	const struct keepalive *keepalive;
	int listener;
	int proc; /* /proc */
	int own_net; /* our network namespace */
	char net[NAMESPACE_SIZE]; /* the same, as /proc names it */
	char cgroup[FILE_SIZE];
	uid_t uid;
	gid_t gid;
	uint32_t latest; /* thread that asked, */
	int latest_cgroup; /* and its file: to open that costs more than to read it. -1: none */
};

/* What belongs to a notification while it stands: a thread that waits has what it had. */
struct caller {
	char net[NAMESPACE_SIZE];
	uid_t uid;
	gid_t gid;
};

/* The path in the tree of cgroup 2, which that file has in its last line; "" where there is none. */
static int read_cgroup(int fd, char *ret_cgroup)
{
	char text[FILE_SIZE] = "\n", *line;
	ssize_t n = pread(fd, text + 1, sizeof(text) - 2, 0);

	if (n < 0)
		return -errno;
	text[1 + n] = '\0';
	line = strstr(text, "\n0::");
	strcpy(ret_cgroup, line ? line : "");
	return 0;
}

static int read_own_cgroup(struct supervisor *self)
{
	int fd = openat(self->proc, "self/cgroup", O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : read_cgroup(fd, self->cgroup);

	close(fd);
	return r;
}

/* "net:[4026531840]". 0, or an error. */
static int read_namespace(int proc, const char *path, char *ret_name)
{
	ssize_t n = readlinkat(proc, path, ret_name, NAMESPACE_SIZE - 1);

	if (n < 0)
		return -errno;
	ret_name[n] = '\0';
	return 0;
}

/* The directory of a thread in /proc, or a file there. */
static const char *thread_path(char *buffer, uint32_t pid, const char *file)
{
	char *at = buffer + 16;

	strcpy(at, file);
	do
		*--at = (char)('0' + pid % 10);
	while (pid /= 10);
	return at;
}

/* A file of a thread that has ended says so, even if another one has its number now. */
static int read_caller_cgroup(struct supervisor *self, uint32_t pid, char *ret_cgroup)
{
	char buffer[64];

	if (self->latest_cgroup >= 0) {
		if (self->latest == pid && read_cgroup(self->latest_cgroup, ret_cgroup) == 0)
			return 0;
		close(self->latest_cgroup);
	}
	self->latest = pid;
	self->latest_cgroup =
		openat(self->proc, thread_path(buffer, pid, "/cgroup"), O_RDONLY | O_CLOEXEC);
	return self->latest_cgroup < 0 ? -errno : read_cgroup(self->latest_cgroup, ret_cgroup);
}

/*
 * Who asks. An error: it cannot be known, or its socket must not be made here: who is in another
 * cgroup is subject to other rules.
 */
static int find_caller(struct supervisor *self, uint32_t pid, struct caller *ret_caller)
{
	char buffer[64], cgroup[FILE_SIZE];
	struct stat status;

	if (fstatat(self->proc, thread_path(buffer, pid, ""), &status, 0) < 0 ||
	    read_namespace(self->proc, thread_path(buffer, pid, "/ns/net"), ret_caller->net) < 0 ||
	    read_caller_cgroup(self, pid, cgroup) < 0)
		return -EPERM;
	if (strcmp(cgroup, self->cgroup) != 0 &&
	    (read_own_cgroup(self) < 0 || strcmp(cgroup, self->cgroup) != 0))
		return -EXDEV;
	ret_caller->uid = status.st_uid;
	ret_caller->gid = status.st_gid;
	return 0;
}

/* Both are what the caller's are; negative: we may not. Only their answer to nonsense tells. */
static int become(uid_t uid, gid_t gid)
{
	setfsgid(gid);
	setfsuid(uid);
	return (uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid ? 0 : -EPERM;
}

/*
 * A socket of the caller's user and group: firewalls look at who made it (meta skuid, --uid-owner),
 * which no fchown() changes, and routing rules at whose it is.
 */
static int socket_of(struct supervisor *self, const struct caller *caller, int family, int type)
{
	int fd = -1;

	if (caller->uid == self->uid && caller->gid == self->gid)
		return socket(family, type, IPPROTO_MPTCP);
	if (become(caller->uid, caller->gid) == 0)
		fd = socket(family, type, IPPROTO_MPTCP);
	become(self->uid, self->gid);
	return fd;
}

/* A socket in the namespace of a thread that left ours, if we may go there, and come back. */
static int socket_elsewhere(struct supervisor *self, uint32_t pid, const struct caller *caller,
			    int family, int type)
{
	char buffer[64];
	int net = openat(self->proc, thread_path(buffer, pid, "/ns/net"), O_RDONLY | O_CLOEXEC);
	int fd = -1;

	if (net < 0)
		return -1;
	/* Nobody comes back to what belongs to a user namespace above ours. */
	if (setns(self->own_net, CLONE_NEWNET) == 0 && setns(net, CLONE_NEWNET) == 0) {
		fd = socket_of(self, caller, family, type);
		setns(self->own_net, CLONE_NEWNET);
	}
	/* Where we are now: without memory it may still be there. */
	if (read_namespace(self->proc, "self/ns/net", self->net) < 0)
		*self->net = '\0';
	close(net);
	return fd;
}

/* The socket as the caller would have made it, but MPTCP; negative: it shall make its own. */
static int make_socket(struct supervisor *self, const struct seccomp_notif *request)
{
	int family = (int)request->data.args[0];
	int type = ((int)request->data.args[1] & SOCK_NONBLOCK) | SOCK_STREAM | SOCK_CLOEXEC;
	struct caller caller;
	int fd;

	if (find_caller(self, request->pid, &caller) < 0)
		return -1;
	if (strcmp(caller.net, self->net) == 0)
		fd = socket_of(self, &caller, family, type);
	else
		fd = socket_elsewhere(self, request->pid, &caller, family, type);
	if (fd < 0)
		return -1;
	keepalive_set(fd, self->keepalive);
	return fd;
}

/*
 * Hand the socket over in one act, so that whoever is gone or interrupted gets none. What cannot be
 * done (MPTCP is off, too many files) is left to the kernel: the caller's own socket(), for TCP.
 */
static void answer(struct supervisor *self, const struct seccomp_notif *request)
{
	struct seccomp_notif_addfd add = {
		.id = request->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.newfd_flags = (uint32_t)request->data.args[1] & SOCK_CLOEXEC,
	};
	struct seccomp_notif_resp own = {
		.id = request->id,
		.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};
	int fd = make_socket(self, request);
	bool done = false;

	if (fd >= 0) {
		add.srcfd = (uint32_t)fd;
		done = ioctl(self->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0;
		close(fd);
	}
	if (!done)
		ioctl(self->listener, SECCOMP_IOCTL_NOTIF_SEND, &own);
}

/* Has it computed for half of the time that it may (RLIMIT_CPU)? At the end of that it is killed. */
static bool is_worn(rlim_t seconds)
{
	struct timespec used;

	if (seconds == RLIM_INFINITY || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
		return false;
	/* As the kernel has it, 0 is 1. */
	return (rlim_t)used.tv_sec * 2 + (rlim_t)(used.tv_nsec / 500000000) >=
	       (seconds ? seconds : 1);
}

/* Returns whether there is more to do, which is another's. */
static bool serve(struct supervisor *self, rlim_t seconds)
{
	struct pollfd ready = {.fd = self->listener, .events = POLLIN};
	struct seccomp_notif request;

	while (!is_worn(seconds)) {
		if (poll(&ready, 1, -1) < 0)
			continue; /* no signal comes, and no memory may be free again */
		if (!(ready.revents & POLLIN))
			return false; /* POLLHUP: nobody is filtered any more */
		memset(&request, 0, sizeof(request));
		if (ioctl(self->listener, SECCOMP_IOCTL_NOTIF_RECV, &request) == 0)
			answer(self, &request);
	}
	return true;
}

/* Where time is limited one child after the other serves: each has as much as we have. */
static void serve_all(struct supervisor *self)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	int status = 0;

	/* Where it is known (Linux 6.6), who waits is woken on this processor: that is quicker. */
	ioctl(self->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	getrlimit(RLIMIT_CPU, &limit);
	do {
		pid_t child = limit.rlim_max == RLIM_INFINITY ? -1 : fork();

		if (child <= 0)
			_exit(serve(self, child == 0 ? limit.rlim_max : RLIM_INFINITY));
		while (waitpid(child, &status, 0) < 0)
			if (errno != EINTR)
				return;
	} while (WIFEXITED(status) && WEXITSTATUS(status) != 0);
}

/* One descriptor, or -1 when the other end is closed. */
static int receive(int channel)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static int send_fd(int channel, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	char byte = 0;
	struct iovec part = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.align = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	return sendmsg(channel, &message, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* The command line names the program: who looks for it by that (pkill -f) shall not find us. */
static void forget_arguments(void)
{
	char *own = program_invocation_name, buffer[FILE_SIZE];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	size_t size = 0, length = strlen(own);
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		size += (size_t)n;
	close(fd);
	if (size > length)
		memset(own + length, 0, size - length);
}

/*
 * Let go of all that is the program's: its terminal, its files (a reader of its output waits for the
 * last to close it), its directory. No signal but SIGKILL ends what its sockets depend on: who stops
 * a service sends one to all that is there, and the program may still have something to say.
 */
static int leave(int channel)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid();
	if (chdir("/") < 0)
		return -errno;
	if (channel != CHANNEL_FD && dup2(channel, CHANNEL_FD) < 0)
		return -errno;
	standard_close_from(CHANNEL_FD + 1);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		close(fd);
	standard_fill();
	forget_arguments();
	return prctl(PR_SET_NAME, "mptcpize");
}

/* Has /proc our pids? Those of another namespace are other processes. */
static bool is_our_proc(int proc)
{
	char name[16] = "";

	return readlinkat(proc, "self", name, sizeof(name) - 1) > 0 && atoi(name) == getpid();
}

static int prepare(struct supervisor *self, int channel, int (*try)(void))
{
	const uint32_t action = SECCOMP_RET_USER_NOTIF;
	int r = leave(channel);

	if (r < 0)
		return r;
	/* Where filters are forbidden on pain of death, this process dies, and not the program. */
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return -errno;
	r = try();
	if (r < 0)
		return r;
	self->uid = geteuid();
	self->gid = getegid();
	self->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!is_our_proc(self->proc))
		return -ESRCH;
	self->own_net = openat(self->proc, "self/ns/net", O_RDONLY | O_CLOEXEC);
	if (self->own_net < 0)
		return -errno;
	self->latest_cgroup = -1;
	r = read_namespace(self->proc, "self/ns/net", self->net);
	return r < 0 ? r : read_own_cgroup(self);
}

__attribute__((noreturn)) static void supervise(const struct keepalive *keepalive, int (*try)(void),
						int channel)
{
	static struct supervisor self;
	int r, probe;

	self.keepalive = keepalive;
	r = prepare(&self, channel, try);
	/* The first descriptor tells whether there is room for the listener. */
	probe = receive(CHANNEL_FD);
	if (r >= 0 && probe < 0)
		r = -EMFILE;
	close(probe);
	if (send(CHANNEL_FD, &r, sizeof(r), MSG_NOSIGNAL) == sizeof(r) && r >= 0) {
		self.listener = receive(CHANNEL_FD);
		close(CHANNEL_FD);
		if (self.listener >= 0)
			serve_all(&self);
	}
	_exit(0);
}

/* A child that ends without a signal stays a zombie of the program until it is asked for. */
static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
		;
}

int supervisor_start(const struct keepalive *keepalive, int (*try)(void),
		     struct supervisor_link *ret_link)
{
	int channel[2], r = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		return -errno;
	/* A fork() whose child ends without a signal: wait() does not see it. */
	pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (pid == 0)
		supervise(keepalive, try, channel[1]);
	if (pid < 0)
		r = -errno;
	close(channel[1]);
	/* Can a descriptor be handed over? Later it would be too late to find out. */
	if (r == 0)
		r = send_fd(channel[0], channel[0]);
	if (r == -EPIPE)
		r = 0; /* it has ended: of that below */
	if (r == 0 && recv(channel[0], &r, sizeof(r), 0) != sizeof(r))
		r = -ECHILD; /* it was killed */
	if (r == 0) {
		*ret_link = (struct supervisor_link){.pid = pid, .channel = channel[0]};
		return 0;
	}
	close(channel[0]);
	if (pid > 0)
		reap(pid);
	return r;
}

int supervisor_serve(const struct supervisor_link *link, int listener)
{
	int r = listener < 0 ? 0 : send_fd(link->channel, listener);

	close(link->channel);
	if (listener < 0)
		reap(link->pid);
	return r;
}
