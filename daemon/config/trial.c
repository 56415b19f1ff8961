/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trial.h"

#include <ell/ell.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "standard.h"

/* More text than this is cut. */
#define TEXT_MAX (256 * 1024)
/* Beside what it has at the beginning. */
#define MEMORY_MAX (256u << 20)

/* What the two processes share. */
struct shared {
	struct guard guard;
	char place[CALLS_PLACE_SIZE];
	bool done, good;
	char text[TEXT_MAX];
};

/* ---- the child ---- */

static size_t count_memory(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (file && fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit(int resource, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0 || limit.rlim_max < value)
		return;
	limit.rlim_cur = value;
	setrlimit(resource, &limit);
}

/* Nothing of the parent's is in reach: no descriptor, no signal handler, no terminal's ^C. */
static void isolate(void)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int number = 1; number < SIGRTMIN; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	standard_close_from(STDERR_FILENO + 1);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, TRIAL_MS / 1000 + 1);
	limit(RLIMIT_AS, count_memory() + MEMORY_MAX);
}

static void tell(struct shared *shared, const char *text)
{
	snprintf(shared->text, sizeof(shared->text), "%s", text ? text : "");
}

__attribute__((noreturn)) static void run_child(const struct config_setup *setup,
						struct shared *shared)
{
	struct config_setup own = *setup;
	struct config *config = NULL;
	char *faults = NULL;

	isolate();
	own.guard = &shared->guard;
	own.place = shared->place;
	if (config_load(&own, &config, &faults) == 0) {
		shared->good = true;
		tell(shared, config->warnings);
		config_free(config);
	} else {
		tell(shared, faults);
	}
	shared->done = true;
	_exit(0);
}

/* ---- the parent ---- */

/* Wait for its end; false: it had to be brought about. */
static bool await_end(pid_t pid, int *ret_status)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), r;
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};

	do
		r = poll(&poll_fd, 1, TRIAL_MS);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
	if (pidfd >= 0)
		close(pidfd);
	return r > 0;
}

/* In words, as the end of a sentence, what became of a child that did not get through. */
static char *describe_end(const struct shared *shared, bool ended, int status)
{
	const struct guard_call *call = &shared->guard.call;
	const char *in = call->id ? guard_function_name(call->function) : "the daemon's own code";

	if (!ended)
		return l_strdup_printf("does not return within %d s from %s", TRIAL_MS / 1000, in);
	if (WIFSIGNALED(status))
		return l_strdup_printf("crashes in %s: %s", in, strsignal(WTERMSIG(status)));
	return l_strdup_printf("ends the process in %s", in);
}

static void judge(const struct shared *shared, bool ended, int status, struct trial *trial)
{
	AUTO(l_free) char *end = NULL;

	if (shared->done) {
		trial->outcome = shared->good ? TRIAL_GOOD : TRIAL_BAD;
		trial->text = l_strdup(shared->text);
		return;
	}
	end = describe_end(shared, ended, status);
	trial->outcome = TRIAL_DIED;
	trial->call = shared->guard.call;
	if (WIFSIGNALED(status) && ended)
		trial->call.signal = (uint32_t)WTERMSIG(status);
	trial->text =
		l_strdup_printf("%s %s\n",
				trial->call.id ? shared->place : "the check of the configuration",
				end);
}

int trial_run(const struct config_setup *setup, struct trial *ret_trial)
{
	struct trial trial = {.outcome = TRIAL_DIED};
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0, err;
	bool ended;
	pid_t pid;

	if (shared == MAP_FAILED)
		return -errno;
	if (setup->guard)
		shared->guard = *setup->guard;
	shared->guard.call = (struct guard_call){0};
	fflush(NULL);
	pid = fork();
	err = -errno;
	if (pid == 0)
		run_child(setup, shared);
	if (pid > 0) {
		ended = await_end(pid, &status);
		judge(shared, ended, status, &trial);
		*ret_trial = trial;
	}
	munmap(shared, sizeof(*shared));
	return pid > 0 ? 0 : err;
}
