/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process dies in a call: whatever it dies of, the next one finds the mark in the state. */
#include "state.h"

#include <ell/ell.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash.h"
#include "scratch.h"

#define PLUGIN 0x1111111122222222u
#define TOKEN 0xf1aceb40u

struct world {
	char *directory;
	struct state_identity identity;
	struct state *state;
};

static void open_state(struct world *world)
{
	g_assert_cmpint(state_open(world->directory, &world->identity, &world->state), ==, 0);
	state_load(world->state, NULL, NULL);
}

static void set_up(struct world *world, gconstpointer data)
{
	world->directory = scratch_new();
	g_assert_cmpint(state_identify(&world->identity), ==, 0);
}

static void tear_down(struct world *world, gconstpointer data)
{
	state_close(world->state);
	scratch_free(world->directory);
}

/* A child enters a call and dies of `die`; returns what is then made of it. */
static enum guard_verdict die_in_call(struct world *world, void (*die)(void),
				      struct guard_aside *ret_aside)
{
	pid_t pid = fork();
	struct guard *guard;
	int status;

	if (pid == 0) {
		open_state(world);
		guard = state_guard(world->state);
		crash_watch(guard);
		guard_enter(guard, GUARD_PLAN_PATHS, PLUGIN, TOKEN, 1000);
		if (die)
			die();
		guard_leave(guard);
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	open_state(world);
	return guard_judge(state_guard(world->state), 1500, ret_aside);
}

static void fault(void)
{
	volatile uintptr_t nowhere = 8;

	*(volatile int *)nowhere = 1;
}

static void leave(void)
{
	exit(0);
}

static void vanish(void)
{
	_exit(0);
}

static void get_killed(void)
{
	kill(getpid(), SIGKILL);
}

static void get_aborted_by_another(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		kill(getppid(), SIGABRT);
		_exit(0);
	}
	for (;;)
		pause();
}

static void test_faults(struct world *world, gconstpointer data)
{
	static const struct {
		void (*die)(void);
		int number;
	} cases[] = {{fault, SIGSEGV}, {abort, SIGABRT}, {leave, GUARD_EXIT}};
	struct guard_aside aside;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_assert_cmpint(die_in_call(world, cases[i].die, &aside), ==, GUARD_ASIDE);
		g_assert_cmpuint(aside.id, ==, PLUGIN);
		g_assert_cmpint(aside.signal, ==, cases[i].number);
		g_assert_cmpint(aside.token, ==, TOKEN);
		guard_retain(state_guard(world->state), NULL, 0);
		g_clear_pointer(&world->state, state_close);
	}
}

static void test_killed(struct world *world, gconstpointer data)
{
	struct guard_aside aside;

	g_assert_cmpint(die_in_call(world, get_killed, &aside), ==, GUARD_DOUBT);
	g_assert_cmpint(aside.token, ==, TOKEN);
	g_clear_pointer(&world->state, state_close);
	g_assert_cmpint(die_in_call(world, vanish, &aside), ==, GUARD_DOUBT);
}

/* By the real clock, the call began long ago. */
static void test_aborted(struct world *world, gconstpointer data)
{
	struct guard_aside aside;

	g_assert_cmpint(die_in_call(world, get_aborted_by_another, &aside), ==, GUARD_ASIDE);
	g_assert_cmpint(aside.signal, ==, SIGABRT);
	g_assert_cmpint(aside.token, ==, TOKEN);
}

static void test_well(struct world *world, gconstpointer data)
{
	struct guard_aside aside;

	g_assert_cmpint(die_in_call(world, NULL, &aside), ==, GUARD_NOTHING);
}

static void test_kept(struct world *world, gconstpointer data)
{
	struct guard_aside aside;

	die_in_call(world, fault, &aside);
	for (int life = 0; life < 3; life++) {
		g_clear_pointer(&world->state, state_close);
		open_state(world);
		g_assert_cmpint(guard_judge(state_guard(world->state), 2000, &aside), ==,
				GUARD_NOTHING);
		g_assert_true(guard_is_aside(state_guard(world->state), PLUGIN, TOKEN));
	}
	g_clear_pointer(&world->state, state_close);
	world->identity.netns++; /* tokens are of one network namespace */
	open_state(world);
	g_assert_false(guard_is_aside(state_guard(world->state), PLUGIN, TOKEN));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	l_log_set_null();
#define ADD(name, func)                                                                            \
	g_test_add("/state/guard/" name, struct world, NULL, set_up, func, tear_down)
	ADD("fault-abort-and-exit-are-noted", test_faults);
	ADD("mark-outlives-sigkill", test_killed);
	ADD("watchdogs-abort-is-noted-with-its-time", test_aborted);
	ADD("call-that-returned-leaves-nothing", test_well);
	ADD("what-is-set-aside-stays-so-in-this-namespace-alone", test_kept);
	return g_test_run();
}
