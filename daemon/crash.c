/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crash.h"

#include <ell/ell.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"

/* SIGABRT is the watchdog's, too. */
static const int numbers[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

static struct guard_call nobody, *watched = &nobody;
static struct sigaction before[L_ARRAY_SIZE(numbers)];
/* A plugin may have used up the other stack. */
static uint8_t stack[65536] __attribute__((aligned(16)));

static void put_back(int number)
{
	for (size_t i = 0; i < L_ARRAY_SIZE(numbers); i++)
		if (numbers[i] == number)
			sigaction(number, &before[i], NULL);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	bool is_sent = info->si_code <= 0;

	/* The first one is the cause; who handles it in his own way may end with another. */
	if (watched->id && !watched->signal) {
		watched->died_ms = clock_boot_ms();
		watched->from_outside = is_sent && info->si_pid != getpid();
		watched->signal = (uint32_t)number;
	}
	put_back(number);
	/* What was not sent comes again when the instruction does. */
	if (is_sent)
		raise(number);
}

static void on_exit_in_call(void)
{
	if (watched->id)
		watched->signal = GUARD_EXIT;
}

void crash_watch(struct guard *guard)
{
	struct sigaction action = {.sa_sigaction = on_signal,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	stack_t now = {0}, ours = {.ss_sp = stack, .ss_size = sizeof(stack)};

	watched = &guard->call;
	if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE))
		sigaltstack(&ours, NULL);
	atexit(on_exit_in_call);
	for (size_t i = 0; i < L_ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, &before[i]);
}

void crash_forget(void)
{
	watched = &nobody;
}
