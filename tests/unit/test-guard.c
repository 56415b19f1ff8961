/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process that died of a plugin leaves behind, and what the next one makes of it. */
#include "guard.h"

#include <glib.h>
#include <signal.h>
#include <string.h>

#define PLUGIN 0x1111111122222222u
#define OTHER 0x3333333344444444u
#define TOKEN 0xf1aceb40u
#define NOW 100000u

static void enter(struct guard *guard, enum guard_function function, uint32_t token)
{
	guard_enter(guard, function, PLUGIN, token, NOW);
}

/* A fault of its own, such as SIGSEGV, was caught. */
static void die(struct guard *guard, int number)
{
	guard->call.died_ms = NOW + 1;
	guard->call.signal = (uint32_t)number;
}

static struct guard_aside judge(struct guard *guard, enum guard_verdict expected, uint64_t now_ms)
{
	struct guard_aside aside = {0};

	g_assert_cmpint(guard_judge(guard, now_ms, &aside), ==, expected);
	g_assert_cmpuint(guard->call.id, ==, 0);
	g_assert_cmpuint(guard->call.signal, ==, 0);
	return aside;
}

static void test_returns(void)
{
	struct guard guard = {0};

	enter(&guard, GUARD_PLAN_PATHS, TOKEN);
	guard_leave(&guard);
	judge(&guard, GUARD_NOTHING, NOW);
	g_assert_cmpuint(guard.n_asides, ==, 0);
}

/* It died of itself: of a signal that is nobody's fault but that of the daemon. */
static void test_dies_elsewhere(void)
{
	struct guard guard = {0};

	enter(&guard, GUARD_PLAN_PATHS, TOKEN);
	guard_leave(&guard);
	die(&guard, SIGSEGV);
	judge(&guard, GUARD_NOTHING, NOW);
	g_assert_false(guard_is_aside(&guard, PLUGIN, TOKEN));
}

static void test_connection(void)
{
	struct guard guard = {0};
	struct guard_aside aside;

	enter(&guard, GUARD_PLAN_PATHS, TOKEN);
	die(&guard, SIGSEGV);
	aside = judge(&guard, GUARD_ASIDE, NOW + 5);
	g_assert_cmphex(aside.token, ==, TOKEN);
	g_assert_cmpuint(aside.since_ms, ==, NOW + 5);
	g_assert_cmpint(aside.signal, ==, SIGSEGV);
	g_assert_cmpstr(guard_function_name(aside.function), ==, "plan_paths");
	g_assert_true(guard_is_aside(&guard, PLUGIN, TOKEN));
	g_assert_false(guard_is_aside(&guard, PLUGIN, TOKEN + 1));
	g_assert_false(guard_is_aside(&guard, PLUGIN, 0));
	g_assert_false(guard_is_aside(&guard, OTHER, TOKEN));
}

static void test_third(void)
{
	struct guard guard = {0};

	for (uint32_t i = 1; i <= GUARD_CONNECTIONS; i++) {
		g_assert_false(guard_is_aside(&guard, PLUGIN, 0));
		enter(&guard, GUARD_PLAN_PATHS, i);
		die(&guard, SIGABRT);
		g_assert_cmpuint(judge(&guard, GUARD_ASIDE, NOW).token, ==,
				 i == GUARD_CONNECTIONS ? 0 : i);
		/* a life between them that ends well makes no difference */
		judge(&guard, GUARD_NOTHING, NOW);
	}
	g_assert_true(guard_is_aside(&guard, PLUGIN, 0));
	g_assert_true(guard_is_aside(&guard, PLUGIN, TOKEN));
	g_assert_cmpuint(guard.n_asides, ==, 1);
}

/* Killed between taking the verdict and clearing the mark: one death is one death. */
static void test_judged_twice(void)
{
	struct guard guard = {0};

	for (int i = 0; i < 5; i++) {
		enter(&guard, GUARD_PLAN_PATHS, TOKEN);
		die(&guard, SIGSEGV);
		g_assert_cmphex(judge(&guard, GUARD_ASIDE, NOW).token, ==, TOKEN);
	}
	g_assert_cmpuint(guard.n_asides, ==, 1);
}

static void test_without_connection(void)
{
	static const enum guard_function functions[] = {GUARD_LOAD, GUARD_START, GUARD_STOP,
							GUARD_PLAN_ENDPOINTS};

	for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
		struct guard guard = {0};

		enter(&guard, functions[i], 0);
		die(&guard, SIGBUS);
		judge(&guard, GUARD_ASIDE, NOW);
		g_assert_true(guard_is_aside(&guard, PLUGIN, 0));
	}
}

/* SIGKILL in a call that was young says nothing at first. _exit() in a plugin looks the same. */
static void test_killed(void)
{
	struct guard guard = {0};

	for (int i = 1; i < GUARD_DOUBTS; i++) {
		enter(&guard, GUARD_PLAN_PATHS, TOKEN);
		judge(&guard, GUARD_DOUBT, NOW + GUARD_HUNG_MS - 1);
		g_assert_false(guard_is_aside(&guard, PLUGIN, TOKEN));
		judge(&guard, GUARD_NOTHING, NOW);
	}
	enter(&guard, GUARD_PLAN_PATHS, TOKEN + 1);
	judge(&guard, GUARD_ASIDE, NOW + GUARD_HUNG_MS - 1);
	g_assert_true(guard_is_aside(&guard, PLUGIN, TOKEN + 1));
	g_assert_false(guard_is_aside(&guard, PLUGIN, TOKEN));
}

/* Between them it came to rest, and so all of its plugins do. */
static void test_killed_often(void)
{
	struct guard guard = {0};

	guard_set_aside(&guard, &(struct guard_aside){.id = OTHER});
	for (int i = 0; i < 10; i++) {
		enter(&guard, GUARD_PLAN_PATHS, TOKEN);
		judge(&guard, GUARD_DOUBT, NOW + 5);
		guard_end_doubts(&guard);
	}
	g_assert_cmpuint(guard.n_asides, ==, 1);
	g_assert_true(guard_is_aside(&guard, OTHER, 0));
}

static void test_hangs(void)
{
	struct guard guard = {0};

	enter(&guard, GUARD_PLAN_PATHS, TOKEN);
	judge(&guard, GUARD_ASIDE, NOW + GUARD_HUNG_MS);
	g_assert_true(guard_is_aside(&guard, PLUGIN, TOKEN));
}

/* The watchdog's SIGABRT comes after long, that of a person at any time. */
static void test_from_outside(void)
{
	struct guard guard = {0};

	enter(&guard, GUARD_PLAN_PATHS, TOKEN);
	die(&guard, SIGABRT);
	guard.call.from_outside = true;
	judge(&guard, GUARD_DOUBT, NOW + 60000);
	memset(&guard, 0, sizeof(guard));
	enter(&guard, GUARD_PLAN_PATHS, TOKEN);
	die(&guard, SIGABRT);
	guard.call.died_ms = NOW + GUARD_HUNG_MS;
	guard.call.from_outside = true;
	judge(&guard, GUARD_ASIDE, NOW + 60000);
}

static void test_retain(void)
{
	static const uint64_t ids[] = {OTHER, 7};
	struct guard guard = {0};

	guard_set_aside(&guard, &(struct guard_aside){.id = PLUGIN});
	guard_set_aside(&guard, &(struct guard_aside){.id = OTHER, .token = TOKEN});
	guard_retain(&guard, ids, 2);
	g_assert_false(guard_is_aside(&guard, PLUGIN, 0));
	g_assert_true(guard_is_aside(&guard, OTHER, TOKEN));
	guard_retain(&guard, NULL, 0);
	g_assert_cmpuint(guard.n_asides, ==, 0);
}

/* The newest count; and what cannot be is not believed. */
static void test_full(void)
{
	struct guard guard = {0};

	for (uint64_t id = 1; id <= GUARD_ASIDES + 1; id++)
		guard_set_aside(&guard, &(struct guard_aside){.id = id});
	g_assert_cmpuint(guard.n_asides, ==, GUARD_ASIDES);
	g_assert_false(guard_is_aside(&guard, 1, 0));
	g_assert_true(guard_is_aside(&guard, GUARD_ASIDES + 1, 0));
	guard.n_asides = UINT32_MAX;
	judge(&guard, GUARD_NOTHING, NOW);
	g_assert_cmpuint(guard.n_asides, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/guard/call-that-returned-is-nothing", test_returns);
	g_test_add_func("/guard/death-outside-of-plugins-is-nothing", test_dies_elsewhere);
	g_test_add_func("/guard/death-sets-aside-for-the-connection", test_connection);
	g_test_add_func("/guard/third-connection-sets-aside-for-all", test_third);
	g_test_add_func("/guard/one-death-counts-once", test_judged_twice);
	g_test_add_func("/guard/death-without-connection-sets-aside-for-all",
			test_without_connection);
	g_test_add_func("/guard/kill-in-a-young-call-is-chance-at-first", test_killed);
	g_test_add_func("/guard/kills-in-lives-that-come-to-rest-are-chance", test_killed_often);
	g_test_add_func("/guard/kill-in-an-old-call-ends-a-hang", test_hangs);
	g_test_add_func("/guard/signal-from-outside-is-judged-by-the-calls-age", test_from_outside);
	g_test_add_func("/guard/changed-plugins-are-forgotten", test_retain);
	g_test_add_func("/guard/full-keeps-the-newest", test_full);
	return g_test_run();
}
