/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sockets VERB [ARGUMENT…]: a program that mptcpize runs. It makes sockets in the ways that programs
 * do, in all ways that could go wrong, and prints what they are, a word a socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, level, name, &value, &size) < 0 ? -1 : value;
}

static void print_socket(int fd)
{
	if (fd < 0)
		printf("error-%s\n", strerrorname_np(errno));
	else if (get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_MPTCP)
		printf("mptcp\n");
	else if (get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP)
		printf("tcp\n");
	else
		printf("protocol-%d\n", get(fd, SOL_SOCKET, SO_PROTOCOL));
	fflush(stdout);
}

static int tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

/* FAMILY TYPE PROTOCOL: what socket() gives, with its flags, and whether errno stayed. */
static int do_call(char **args)
{
	int fd;

	errno = 77;
	fd = socket(atoi(args[0]), (int)strtol(args[1], NULL, 0), atoi(args[2]));
	if (fd >= 0)
		printf("%s %s %s ", fcntl(fd, F_GETFL) & O_NONBLOCK ? "nonblock" : "block",
		       fcntl(fd, F_GETFD) & FD_CLOEXEC ? "cloexec" : "keep",
		       errno == 77 ? "errno-kept" : "errno-changed");
	print_socket(fd);
	return 0;
}

static int do_keepalive(char **args)
{
	int fd = tcp_socket();

	printf("%d %d %d %d\n", get(fd, SOL_SOCKET, SO_KEEPALIVE),
	       get(fd, IPPROTO_TCP, TCP_KEEPIDLE), get(fd, IPPROTO_TCP, TCP_KEEPINTVL),
	       get(fd, IPPROTO_TCP, TCP_KEEPCNT));
	return 0;
}

static void *make_many(void *count)
{
	uintptr_t n = 0;

	for (int i = *(int *)count; i > 0; i--) {
		int fd = tcp_socket();

		n += get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_MPTCP;
		close(fd);
	}
	return (void *)n;
}

/* N COUNT: so many threads at once make so many sockets each. Prints how many were MPTCP. */
static int do_threads(char **args)
{
	int n = atoi(args[0]), count = atoi(args[1]);
	pthread_t threads[512];
	uintptr_t sum = 0;

	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, make_many, &count) != 0)
			return 1;
	for (int i = 0; i < n; i++) {
		void *found;

		pthread_join(threads[i], &found);
		sum += (uintptr_t)found;
	}
	printf("%ju\n", (uintmax_t)sum);
	return 0;
}

/* N: with room for so many files, how many sockets there are, and what comes then. */
static int do_limit(char **args)
{
	rlim_t n = strtoul(args[0], NULL, 10);
	struct rlimit limit = {n, n};
	int mptcp = 0, fd;

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1;
	while ((fd = tcp_socket()) >= 0)
		mptcp += get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_MPTCP;
	printf("%d %s\n", mptcp, strerrorname_np(errno));
	return 0;
}

/* FIFO: goes to the background, as daemons do, and makes a socket when FIFO says so. */
static int do_daemon(char **args)
{
	char byte;
	int fd;

	if (fork() > 0)
		return 0;
	setsid();
	if (fork() > 0)
		_exit(0);
	fd = open(args[0], O_RDONLY);
	if (read(fd, &byte, 1) < 0)
		return 1;
	print_socket(tcp_socket());
	return 0;
}

/* All that a program may do to what it inherited. */
static int do_closefrom(char **args)
{
	syscall(SYS_close_range, 3, ~0U, 0);
	for (int number = 1; number < 65; number++)
		signal(number, SIG_DFL);
	print_socket(tcp_socket());
	return 0;
}

/* In a network namespace of its own: a socket, and is it one of there? */
static int do_unshare(char **args)
{
	struct stat own, its;
	int fd, net;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return 1;
	fd = tcp_socket();
	net = ioctl(fd, SIOCGSKNS);
	if (net >= 0 && stat("/proc/self/ns/net", &own) == 0 && fstat(net, &its) == 0)
		printf("%s ", own.st_ino == its.st_ino ? "here" : "elsewhere");
	print_socket(fd);
	return 0;
}

/* UID: whose socket is it, of one who became another user? */
static int do_setuid(char **args)
{
	struct stat status;
	int fd;

	if (setuid((uid_t)atoi(args[0])) < 0)
		return 1;
	fd = tcp_socket();
	fstat(fd, &status);
	printf("%u ", status.st_uid);
	print_socket(fd);
	return 0;
}

/* UID GID PORT: whose socket is it, and does it connect past a firewall that knows? */
static int do_identity(char **args)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(args[2])),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	uid_t uid = (uid_t)atoi(args[0]);
	gid_t gid = (gid_t)atoi(args[1]);
	struct stat status;
	int fd;

	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return 1;
	fd = tcp_socket();
	fstat(fd, &status);
	printf("%u:%u ", status.st_uid, status.st_gid);
	printf("%s ", connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? strerrorname_np(errno)
									  : "connected");
	print_socket(fd);
	return 0;
}

/* A child makes one in a network namespace of its own; what is ours then? */
static int do_left(char **args)
{
	pid_t child = fork();

	if (child == 0)
		_exit(unshare(CLONE_NEWNET) < 0 || tcp_socket() < 0);
	if (waitpid(child, &(int){0}, 0) != child)
		return 1;
	print_socket(tcp_socket());
	return 0;
}

static void on_alarm(int number)
{
}

/* N: makes so many while signals come; all are MPTCP, and none is left over. */
static int do_signals(char **args)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 50}, {0, 50}};
	int mptcp = 0, interrupted = 0;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = atoi(args[0]); i > 0;) {
		int fd = tcp_socket();

		if (fd < 0) {
			interrupted += errno == EINTR;
			continue;
		}
		mptcp += get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_MPTCP;
		close(fd);
		i--;
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	printf("%d mptcp, %d interrupted, next %d\n", mptcp, interrupted, tcp_socket());
	return 0;
}

/* Does wait() find a child that we did not make? */
static int do_wait(char **args)
{
	int r = waitpid(-1, NULL, WNOHANG);

	printf("%d %s\n", r, strerrorname_np(errno));
	return 0;
}

/* A filter of its own, as browsers and container runtimes have; LISTENER: with a supervisor. */
static int do_filter(char **args)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog program = {1, code};
	unsigned int flags = args[0] ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) < 0)
		printf("%s ", strerrorname_np(errno));
	print_socket(tcp_socket());
	return 0;
}

static int execute_filtered(struct sock_filter *code, unsigned short n, unsigned int flags,
			    char **args)
{
	struct sock_fprog program = {n, code};
	long fd;

	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (fd < 0 && errno == EACCES) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	}
	if (fd < 0 || (fd > 0 && dup((int)fd) < 0)) /* the listener stays open */
		return 1;
	execvp(*args, args);
	return 1;
}

/* PROGRAM…: under a supervisor that has nothing to say, but is the one that there may be. */
static int do_supervised(char **args)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

	return execute_filtered(code, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER, args);
}

static int execute_denied(unsigned int action, char **args)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return execute_filtered(code, 4, 0, args);
}

/* PROGRAM…: where filters are forbidden, as in a container, */
static int do_denied(char **args)
{
	return execute_denied(SECCOMP_RET_ERRNO | EPERM, args);
}

/* or as in a unit of systemd. */
static int do_deadly(char **args)
{
	return execute_denied(SECCOMP_RET_KILL_PROCESS, args);
}

/* The calls that 32-bit programs make. */
static int do_int80(char **args)
{
#if defined(__x86_64__)
	long fd;

	__asm__ volatile("int $0x80"
			 : "=a"(fd)
			 : "a"(359), "b"(AF_INET), "c"(SOCK_STREAM), "d"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	errno = (int)-fd;
	print_socket(fd < 0 ? -1 : (int)fd);
#else
	printf("tcp\n");
#endif
	return 0;
}

/* A socket made by io_uring, which is no system call of ours. */
static int do_uring(char **args)
{
	struct io_uring_params p = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
	unsigned char *sq, *cq;
	struct io_uring_sqe *sqe;

	if (ring < 0) {
		printf("none\n");
		return 0;
	}
	sq = mmap(NULL, p.sq_off.array + 4 * p.sq_entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		  PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		   IORING_OFF_SQES);
	*sqe = (struct io_uring_sqe){.opcode = 45 /* IORING_OP_SOCKET */,
				     .fd = AF_INET,
				     .off = SOCK_STREAM,
				     .len = 0};
	*(unsigned int *)(void *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(void *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return 1;
	errno = 0;
	print_socket(((struct io_uring_cqe *)(void *)(cq + p.cq_off.cqes))->res);
	return 0;
}

/* N: the time of a socket() and its close(), the least of many rounds, in ns. */
static int do_time(char **args)
{
	uint64_t least = UINT64_MAX;

	for (int round = atoi(args[0]); round > 0; round--) {
		struct timespec a, b;
		uint64_t took;

		clock_gettime(CLOCK_MONOTONIC, &a);
		for (int i = 0; i < 20; i++)
			close(tcp_socket());
		clock_gettime(CLOCK_MONOTONIC, &b);
		took = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000U + (uint64_t)b.tv_nsec -
		       (uint64_t)a.tv_nsec;
		least = took / 20 < least ? took / 20 : least;
	}
	printf("%ju\n", (uintmax_t)least);
	return 0;
}

/* May what it executes gain privileges? */
static int do_gains(char **args)
{
	printf("%s\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) ? "never" : "may");
	return 0;
}

static const struct {
	const char *name;
	int n_args;
	int (*run)(char **args);
} verbs[] = {
	{"call", 3, do_call},	    {"keepalive", 0, do_keepalive},
	{"threads", 2, do_threads}, {"limit", 1, do_limit},
	{"daemon", 1, do_daemon},   {"closefrom", 0, do_closefrom},
	{"unshare", 0, do_unshare}, {"setuid", 1, do_setuid},
	{"signals", 1, do_signals}, {"wait", 0, do_wait},
	{"filter", 0, do_filter},   {"int80", 0, do_int80},
	{"uring", 0, do_uring},	    {"supervised", 1, do_supervised},
	{"denied", 1, do_denied},   {"deadly", 1, do_deadly},
	{"time", 1, do_time},	    {"identity", 3, do_identity},
	{"left", 0, do_left},	    {"gains", 0, do_gains},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].n_args)
			return verbs[i].run(argv + 2);
	fprintf(stderr, "sockets: wrong usage\n");
	return 2;
}
