/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dial: a lookup, then attempts side by side, until one connects, all have failed, or the time is
 * over. Where MPTCP has no answer for so long that its option may be why, TCP is tried beside it: Linux
 * before 6.12 sends the option with each SYN, for two minutes, and later kernels until 3 s have passed. The blocking form waits in poll() for what is under way; the other one has all of it, and a
 * timer, in an epoll that its caller waits for. Both take the same steps.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "attempt.h"
#include "lookup.h"
#include "private.h"
#include "race.h"
#include "runners.h"

enum {
	DELAY_MS = 250,
	SHORTEST_DELAY_MS = 10,
	LONGEST_DELAY_MS = 2000,
	PATIENCE_MS = 4000, /* with MPTCP; and no more than half of the time that is left */
};

struct mptcp_dialer {
	struct attempt_request request;
	struct lookup_request question; /* of a name; its strings are these two: */
	char *host, *service; /* owned */
	struct lookup *lookup; /* owned; while it runs */
	int family;
	bool blocking; /* what the winner shall be */
	bool is_asked, is_racing;
	uint64_t delay_ms, deadline_ms;
	struct race race;
	struct address addresses[MAX_ADDRESSES];
	bool is_silent[MAX_ADDRESSES]; /* an attempt by MPTCP is under way there */
	struct runners runners; /* its epoll: the form that does not wait */
	int timer; /* owned, or -1 without an epoll */
	int *ret_code; /* the caller's, or NULL: EAI_* */
	int lack; /* why the next attempt could not begin when it was due, or 0 */
	int end; /* 0 while it goes on; the error, or -EISCONN */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- what is waited for ---- */

static void stop_lookup(struct mptcp_dialer *d)
{
	if (d->lookup)
		mptcp_runners_unwatch(&d->runners, mptcp_lookup_fd(d->lookup));
	mptcp_lookup_release(d->lookup);
	d->lookup = NULL;
}

static void stop_all(struct mptcp_dialer *d)
{
	stop_lookup(d);
	mptcp_runners_stop(&d->runners);
}

/* When there is something to do though no descriptor says so. */
static uint64_t wake_ms(const struct mptcp_dialer *d)
{
	uint64_t wake = d->is_racing ? mptcp_race_wake_ms(&d->race) : d->lookup ? UINT64_MAX : 0;

	return wake < d->deadline_ms ? wake : d->deadline_ms;
}

/* For the other form: the epoll is readable when that time has come. */
static void set_timer(struct mptcp_dialer *d)
{
	uint64_t wake = d->end ? 0 : wake_ms(d);
	struct itimerspec spec = {0};

	if (wake != UINT64_MAX) {
		spec.it_value.tv_sec = (time_t)(wake / 1000);
		spec.it_value.tv_nsec = (long)(wake % 1000) * 1000000 + 1; /* 0 would be never */
	}
	timerfd_settime(d->timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* For the blocking form, in ms as poll() takes them. */
static int left_ms(const struct mptcp_dialer *d)
{
	uint64_t wake = wake_ms(d), now = now_ms();

	if (wake == UINT64_MAX)
		return -1;
	if (wake <= now)
		return 0;
	return wake - now < 60000 ? (int)(wake - now) : 60000;
}

/* ---- steps ---- */

static void begin_race(struct mptcp_dialer *d, const struct addrinfo *list)
{
	size_t n = mptcp_order_addresses(list, d->family, d->addresses);

	mptcp_race_begin(&d->race, n, d->delay_ms, now_ms());
	d->race.error = n ? 0 : -ENOENT;
	d->is_racing = true;
}

static void take_answer(struct mptcp_dialer *d, struct lookup_result *result)
{
	if (d->ret_code)
		*d->ret_code = result->code;
	if (result->error)
		d->end = result->error;
	else
		begin_race(d, result->list);
	if (result->list)
		freeaddrinfo(result->list);
}

/* Ask for the addresses; for a name in a thread, if time matters. */
static void ask(struct mptcp_dialer *d)
{
	bool hurry = d->runners.epoll >= 0 || d->deadline_ms != UINT64_MAX;
	struct lookup_result result;

	d->is_asked = true;
	if (!hurry || !mptcp_lookup_now(&d->question, false, &result)) {
		d->lookup = hurry ? mptcp_lookup_start(&d->question) : NULL;
		if (d->lookup &&
		    mptcp_runners_watch(&d->runners, mptcp_lookup_fd(d->lookup), EPOLLIN) < 0)
			stop_lookup(d);
		if (d->lookup)
			return;
		mptcp_lookup_now(&d->question, true, &result);
	}
	take_answer(d, &result);
}

static bool is_lack(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS ||
	       error == -ENOSPC;
}

static uint64_t second_round_ms(const struct mptcp_dialer *d)
{
	uint64_t now = now_ms(), half = (d->deadline_ms - now) / 2;

	return now + (half < PATIENCE_MS ? half : PATIENCE_MS);
}

/* Begin an attempt; in the second round by TCP, where MPTCP has no answer yet. */
static void start_next(struct mptcp_dialer *d)
{
	struct race *race = &d->race;
	size_t at = race->next;
	int fd, r;

	if (race->is_again && !d->is_silent[at]) {
		mptcp_race_pass(race);
		return;
	}
	fd = mptcp_attempt_start(&d->request, &d->addresses[at],
				 d->request.plain || race->is_again);
	r = fd < 0 ? fd : mptcp_runners_add(&d->runners, fd, at);
	d->lack = 0;
	if (r < 0 && is_lack(r) && d->runners.n > 0) {
		d->lack = r;
		mptcp_race_postponed(race, now_ms());
	} else if (r < 0) {
		mptcp_race_skipped(race, r, now_ms());
	} else {
		d->is_silent[at] = mptcp_is_requested(fd) == 1 || race->is_again;
		mptcp_race_started(race, now_ms());
		if (d->is_silent[at] && race->again_ms == UINT64_MAX)
			race->again_ms = second_round_ms(d);
	}
}

/* One has failed. If TCP did, MPTCP needs not be waited for at the same address. */
static void fail(struct mptcp_dialer *d, size_t i, int error)
{
	size_t at = d->runners.at[i], first = mptcp_runners_find(&d->runners, at);

	mptcp_close_fd(mptcp_runners_take(&d->runners, i));
	if (first < i)
		mptcp_close_fd(mptcp_runners_take(&d->runners, first));
	else
		d->is_silent[at] = false;
	mptcp_race_failed(&d->race, error, now_ms());
}

/* See what has become of those under way: the winner's descriptor, or -EINPROGRESS. Of several that
 * have connected meanwhile the one that began first wins. */
static int look(struct mptcp_dialer *d)
{
	size_t i = 0;

	while (i < d->runners.n) {
		int r = mptcp_attempt_result(d->runners.fds[i].fd, d->runners.fds[i].revents);

		if (r == 0)
			return mptcp_runners_take(&d->runners, i);
		if (r == -EINPROGRESS) {
			i++;
			continue;
		}
		fail(d, i, r);
		i = 0;
	}
	return -EINPROGRESS;
}

/* It has connected: the others end. */
static int finish(struct mptcp_dialer *d, int fd)
{
	stop_all(d);
	d->end = -EISCONN;
	if (d->blocking && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0) {
		d->end = -errno;
		mptcp_close_fd(fd);
		return d->end;
	}
	return fd;
}

/* Wait for descriptors, at most so long. */
static void await(struct mptcp_dialer *d, int timeout_ms)
{
	struct pollfd lookup = {.fd = d->lookup ? mptcp_lookup_fd(d->lookup) : -1,
				.events = POLLIN};
	struct pollfd *fds = d->is_racing ? d->runners.fds : &lookup;
	size_t n = d->is_racing ? d->runners.n : 1;

	if (poll(fds, n, timeout_ms) >= 0)
		return;
	if (errno != EINTR)
		d->end = -errno;
	for (size_t i = 0; i < n; i++)
		fds[i].revents = 0;
}

/* Begin what is due, and see whether all is lost. */
static void race_on(struct mptcp_dialer *d)
{
	mptcp_race_again(&d->race, now_ms());
	while (mptcp_race_is_due(&d->race, now_ms()))
		start_next(d);
	if (mptcp_race_is_lost(&d->race, d->runners.n))
		d->end = d->race.error;
}

/* Whatever can be done after waiting so long: the descriptor, -EINPROGRESS, or the error. */
static int step(struct mptcp_dialer *d, int timeout_ms)
{
	struct lookup_result result;
	int fd = -EINPROGRESS;

	if (!d->is_racing && !d->is_asked)
		ask(d);
	else
		await(d, timeout_ms);
	if (d->lookup && mptcp_lookup_take(d->lookup, &result)) {
		stop_lookup(d);
		take_answer(d, &result);
	}
	if (d->is_racing)
		fd = look(d);
	if (fd >= 0)
		return finish(d, fd);
	if (!d->end && now_ms() >= d->deadline_ms)
		d->end = d->lack ? d->lack : -ETIMEDOUT;
	if (!d->end && d->is_racing)
		race_on(d);
	if (d->end)
		stop_all(d);
	return d->end ? d->end : -EINPROGRESS;
}

/* ---- begin and end ---- */

static int read_options(const struct mptcp_dial_options *given, struct mptcp_dial_options *ret)
{
	const unsigned int flags = MPTCP_DIAL_NONBLOCK | MPTCP_DIAL_NUMERIC | MPTCP_DIAL_PLAIN;
	int r = mptcp_copy_options(given, ret, sizeof(*ret));

	if (r < 0)
		return r;
	if (ret->ret_lookup_error)
		*ret->ret_lookup_error = 0;
	if (ret->flags & ~flags)
		return -EINVAL;
	if (!ret->attempt_delay_ms)
		ret->attempt_delay_ms = DELAY_MS;
	if (ret->attempt_delay_ms < SHORTEST_DELAY_MS || ret->attempt_delay_ms > LONGEST_DELAY_MS)
		return -EINVAL;
	return ret->timeout_ms < 0 ? -ETIMEDOUT : 0;
}

static int new_dialer(const struct mptcp_dial_options *options, struct mptcp_dialer **ret)
{
	struct mptcp_dialer *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->runners.epoll = d->timer = -1;
	d->blocking = !(options->flags & MPTCP_DIAL_NONBLOCK);
	d->family = options->family;
	d->ret_code = options->ret_lookup_error;
	d->delay_ms = (uint64_t)options->attempt_delay_ms;
	/* And 1: the present millisecond has begun already. */
	d->deadline_ms =
		options->timeout_ms ? now_ms() + (uint64_t)options->timeout_ms + 1 : UINT64_MAX;
	r = mptcp_attempt_request(options, &d->request);
	if (r == 0 && d->request.local.size) {
		int family = d->request.local.any.sa_family;

		if (d->family != AF_UNSPEC && d->family != family)
			r = -EAFNOSUPPORT;
		d->family = family;
	}
	if (r < 0)
		mptcp_dial_free(d);
	else
		*ret = d;
	return r;
}

/* One with a question. */
static int new_for_name(const char *host, const char *service,
			const struct mptcp_dial_options *options, struct mptcp_dialer **ret)
{
	struct lookup_request question = {.host = host,
					  .service = service,
					  .family = options->family,
					  .numeric = options->flags & MPTCP_DIAL_NUMERIC};
	struct mptcp_dialer *d;
	int r = mptcp_lookup_check(&question);

	if (r == 0)
		r = new_dialer(options, &d);
	if (r < 0)
		return r;
	d->host = host ? strdup(host) : NULL;
	d->service = strdup(service);
	if ((host && !d->host) || !d->service) {
		mptcp_dial_free(d);
		return -ENOMEM;
	}
	d->question = question;
	d->question.host = d->host;
	d->question.service = d->service;
	d->question.family = d->family;
	*ret = d;
	return 0;
}

static int open_epoll(struct mptcp_dialer *d)
{
	d->runners.epoll = epoll_create1(EPOLL_CLOEXEC);
	d->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->runners.epoll < 0 || d->timer < 0)
		return -errno;
	set_timer(d);
	return mptcp_runners_watch(&d->runners, d->timer, EPOLLIN);
}

/* Make it one to wait for; it is freed on failure. */
static int hand_out(struct mptcp_dialer *d, struct mptcp_dialer **ret)
{
	int saved = errno, r = open_epoll(d);

	errno = saved;
	if (r < 0)
		mptcp_dial_free(d);
	else
		*ret = d;
	return r;
}

MPTCP_EXPORT int mptcp_dial(const char *host, const char *service,
			    const struct mptcp_dial_options *given)
{
	struct mptcp_dial_options options;
	struct mptcp_dialer *d = NULL;
	int saved = errno, r = read_options(given, &options);

	if (r == 0)
		r = new_for_name(host, service, &options, &d);
	if (r == 0) {
		do
			r = step(d, left_ms(d));
		while (r == -EINPROGRESS);
	}
	mptcp_dial_free(d);
	errno = saved;
	return r;
}

MPTCP_EXPORT int mptcp_dial_start(const char *host, const char *service,
				  const struct mptcp_dial_options *given,
				  struct mptcp_dialer **ret_dialer)
{
	struct mptcp_dial_options options;
	struct mptcp_dialer *d;
	int r = read_options(given, &options);

	if (r == 0)
		r = new_for_name(host, service, &options, &d);
	return r < 0 ? r : hand_out(d, ret_dialer);
}

MPTCP_EXPORT int mptcp_dial_start_addresses(const struct addrinfo *addresses,
					    const struct mptcp_dial_options *given,
					    struct mptcp_dialer **ret_dialer)
{
	struct mptcp_dial_options options;
	struct mptcp_dialer *d;
	int r = read_options(given, &options);

	if (r == 0)
		r = new_dialer(&options, &d);
	if (r < 0)
		return r;
	begin_race(d, addresses);
	if (d->race.n == 0) {
		mptcp_dial_free(d);
		return -ENOENT;
	}
	return hand_out(d, ret_dialer);
}

MPTCP_EXPORT int mptcp_dial_fd(const struct mptcp_dialer *d)
{
	return d->runners.epoll;
}

MPTCP_EXPORT int mptcp_dial_continue(struct mptcp_dialer *d)
{
	int saved = errno, r = d->end;

	if (!r) {
		r = step(d, 0);
		set_timer(d);
	}
	errno = saved;
	return r;
}

MPTCP_EXPORT void mptcp_dial_free(struct mptcp_dialer *d)
{
	if (!d)
		return;
	/* First, so that a child does not change what its parent waits for. */
	mptcp_close_fd(d->runners.epoll);
	d->runners.epoll = -1;
	stop_all(d);
	mptcp_close_fd(d->timer);
	free(d->host);
	free(d->service);
	free(d);
}
