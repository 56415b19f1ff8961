/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checker.h"

#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "trial.h"

extern char **environ;

/* The process limits itself; this is for one that cannot. */
#define DEADLINE_MS (TRIAL_MS + 2000)
/* What it says beyond is lost. */
#define TEXT_MAX 65536

struct asker {
	checker_func on_done;
	void *data;
};

struct checker {
	struct loop *loop;
	const struct config_setup *setup;
	struct l_queue *waiting, *served; /* of struct asker: for the next check, for this one */
	/* while one runs: */
	pid_t pid; /* of the process and its group; 0: none runs */
	int output; /* a memfd: what it says */
	struct loop_source end; /* a pidfd, owned: readable when it has ended */
	struct loop_timer deadline;
};

static void begin(struct checker *checker);

static void answer(struct l_queue *askers, int r, const char *text)
{
	struct asker *asker;

	while ((asker = l_queue_pop_head(askers))) {
		asker->on_done(asker->data, r, text);
		l_free(asker);
	}
}

/* ---- its end ---- */

/* Whatever it left behind ends with it. Returns as of checker_func. */
static int reap(const struct checker *checker)
{
	int status = 0;

	kill(-checker->pid, SIGKILL);
	while (waitpid(checker->pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFEXITED(status) ? -EINVAL : -ECANCELED;
}

static void let_go(struct checker *checker)
{
	loop_clear_timer(&checker->deadline);
	loop_unwatch(&checker->end);
	close(checker->end.fd);
	close(checker->output);
	checker->pid = 0;
}

static void finish(struct checker *checker)
{
	AUTO(l_free) char *text = l_new(char, TEXT_MAX + 1);
	int r = reap(checker);

	if (pread(checker->output, text, TEXT_MAX, 0) < 0)
		text[0] = '\0';
	if (r == -ECANCELED)
		strcpy(text, "the check of the configuration came to no end\n");
	let_go(checker);
	answer(checker->served, r, text);
	if (!l_queue_isempty(checker->waiting))
		begin(checker);
}

static void on_deadline(void *data)
{
	finish(data);
}

static void on_end(void *data, int fd, uint32_t events)
{
	finish(data);
}

/* ---- its beginning ---- */

/* Of one size, so that nobody can fill the memory with words. */
static int open_output(void)
{
	int fd = memfd_create("check", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (ftruncate(fd, TEXT_MAX) < 0 ||
			fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)) {
		close(fd);
		return -EIO;
	}
	return fd < 0 ? -errno : fd;
}

/* The program that runs, also if its file has been replaced. 0 or -errno. */
static int spawn(const struct config_setup *setup, int output, pid_t *ret_pid)
{
	const char *const words[] = {"mptcpd",
				     "--check-config",
				     "--plugin-directory",
				     setup->plugin_directory,
				     setup->file       ? "--config"
				     : setup->instance ? "--instance"
						       : NULL,
				     setup->file ? setup->file : setup->instance,
				     NULL};
	char *argv[L_ARRAY_SIZE(words)];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	memcpy(argv, words, sizeof(words)); /* posix_spawn() only reads them */
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/", O_PATH, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	r = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* 0 or -errno: then nothing is running. */
static int start(struct checker *checker)
{
	int r;

	checker->output = open_output();
	if (checker->output < 0)
		return checker->output;
	loop_be_plain(checker->loop); /* the process would be favoured, too */
	r = spawn(checker->setup, checker->output, &checker->pid);
	if (r < 0) {
		checker->pid = 0;
		close(checker->output);
		return r;
	}
	checker->end.fd = (int)syscall(SYS_pidfd_open, checker->pid, 0);
	r = checker->end.fd < 0 ? -errno
				: loop_watch(checker->loop, &checker->end, LOOP_REST, EPOLLIN);
	if (r == 0) {
		loop_set_timer(checker->loop, &checker->deadline, loop_now_ms() + DEADLINE_MS);
		return 0;
	}
	reap(checker);
	let_go(checker);
	return r;
}

static void begin(struct checker *checker)
{
	struct l_queue *served = checker->served;
	int r;

	checker->served = checker->waiting;
	checker->waiting = served;
	r = start(checker);
	if (r < 0) {
		AUTO(l_free)
		char *text =
			l_strdup_printf("the configuration cannot be checked: %s\n", strerror(-r));

		answer(checker->served, r, text);
	}
}

void checker_ask(struct checker *checker, checker_func on_done, void *data)
{
	struct asker *asker = l_new(struct asker, 1);

	*asker = (struct asker){on_done, data};
	l_queue_push_tail(checker->waiting, asker);
	if (!checker->pid)
		begin(checker);
}

struct checker *checker_new(struct loop *loop, const struct config_setup *setup)
{
	struct checker *checker = l_new(struct checker, 1);

	checker->loop = loop;
	checker->setup = setup;
	checker->end = (struct loop_source){.on_ready = on_end, .data = checker};
	checker->deadline = (struct loop_timer){.on_due = on_deadline, .data = checker};
	checker->waiting = l_queue_new();
	checker->served = l_queue_new();
	return checker;
}

void checker_free(struct checker *checker)
{
	if (!checker)
		return;
	if (checker->pid) {
		reap(checker);
		let_go(checker);
	}
	answer(checker->served, -ECANCELED, "mptcpd ends\n");
	answer(checker->waiting, -ECANCELED, "mptcpd ends\n");
	l_queue_destroy(checker->served, NULL);
	l_queue_destroy(checker->waiting, NULL);
	l_free(checker);
}
