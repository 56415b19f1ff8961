/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "hot.h"

/* Sources of the first rank told by one system call; those left out are told by the next. */
#define READY_MAX 16

uint64_t loop_now_ms(void)
{
	return clock_boot_ms();
}

uint64_t loop_real_ms(uint64_t at_ms)
{
	return clock_real_us() / 1000 - clock_boot_ms() + at_ms;
}

/* ---- who is favoured ---- */

/* Whoever gives it another nice value meanwhile means that one, whichever it has then. */
static void be_favoured(struct loop *loop)
{
	if (!loop->nice || loop->is_favoured)
		return;
	loop->is_favoured = loop->nice < loop->plain_nice &&
			    getpriority(PRIO_PROCESS, 0) == loop->plain_nice &&
			    setpriority(PRIO_PROCESS, 0, loop->nice) == 0;
	if (!loop->is_favoured)
		loop->nice = 0;
}

void loop_be_plain(struct loop *loop)
{
	if (!loop->is_favoured)
		return;
	if (getpriority(PRIO_PROCESS, 0) == loop->nice)
		(void)setpriority(PRIO_PROCESS, 0, loop->plain_nice);
	else
		loop->nice = 0;
	loop->is_favoured = false;
}

void loop_favour(struct loop *loop, int nice)
{
	if (nice != loop->nice)
		loop_be_plain(loop);
	if (!loop->is_favoured)
		loop->plain_nice = getpriority(PRIO_PROCESS, 0);
	loop->nice = nice;
}

/* ---- descriptors ---- */

HOT static void serve(const struct epoll_event *event)
{
	struct loop_source *source = event->data.ptr;

	source->on_ready(source->data, source->fd, event->events);
}

/* epoll moves what it told to the end of its list, so they take turns. */
static void serve_rest(struct loop *loop)
{
	struct epoll_event ready;

	loop_be_plain(loop);
	if (epoll_wait(loop->rest_fd, &ready, 1, 0) == 1)
		serve(&ready);
}

static int control(struct loop_source *source, int operation, uint32_t events)
{
	struct loop *loop = source->loop;
	struct epoll_event event = {.events = events, .data.ptr = source};
	int fd = source->rank == LOOP_FIRST ? loop->fd : loop->rest_fd;

	return epoll_ctl(fd, operation, source->fd, &event) < 0 ? -errno : 0;
}

int loop_watch(struct loop *loop, struct loop_source *source, enum loop_rank rank, uint32_t events)
{
	int r;

	source->loop = loop;
	source->rank = rank;
	source->events = events;
	r = control(source, EPOLL_CTL_ADD, events);
	if (r < 0)
		source->loop = NULL;
	else if (!loop->first)
		loop->first = source;
	return r;
}

int loop_rewatch(struct loop_source *source, uint32_t events)
{
	int r = events == source->events ? 0 : control(source, EPOLL_CTL_MOD, events);

	if (r == 0)
		source->events = events;
	return r;
}

void loop_unwatch(struct loop_source *source)
{
	if (!source->loop)
		return;
	(void)control(source, EPOLL_CTL_DEL, 0);
	if (source->loop->first == source)
		source->loop->first = NULL;
	source->loop = NULL;
}

/* ---- timers ---- */

void loop_set_timer(struct loop *loop, struct loop_timer *timer, uint64_t due_ms)
{
	struct loop_timer **link = &loop->timers;

	loop_clear_timer(timer);
	while (*link && (*link)->due_ms <= due_ms)
		link = &(*link)->next;
	timer->loop = loop;
	timer->due_ms = due_ms;
	timer->next = *link;
	*link = timer;
}

void loop_clear_timer(struct loop_timer *timer)
{
	struct loop_timer **link;

	if (!timer->loop)
		return;
	link = &timer->loop->timers;
	while (*link != timer)
		link = &(*link)->next;
	*link = timer->next;
	timer->loop = NULL;
}

static void run_timer(struct loop *loop)
{
	struct loop_timer *timer = loop->timers;

	if (!timer || timer->due_ms > loop_now_ms())
		return;
	loop_clear_timer(timer);
	timer->on_due(timer->data);
}

/* Never early: both the clock and what is left are cut to milliseconds. */
HOT static int time_left(const struct loop *loop)
{
	uint64_t now;

	if (loop->tasks)
		return 0;
	if (!loop->timers)
		return -1;
	now = loop_now_ms();
	if (loop->timers->due_ms <= now)
		return 0;
	return loop->timers->due_ms - now < INT_MAX ? (int)(loop->timers->due_ms - now) : INT_MAX;
}

/* ---- tasks ---- */

void loop_put_off(struct loop *loop, struct loop_task *task)
{
	if (task->loop)
		return;
	task->loop = loop;
	task->next = NULL;
	*loop->last_task = task;
	loop->last_task = &task->next;
}

void loop_put_first(struct loop *loop, struct loop_task *task)
{
	loop_drop_task(task);
	task->loop = loop;
	task->next = loop->tasks;
	loop->tasks = task;
	if (!task->next)
		loop->last_task = &task->next;
}

void loop_drop_task(struct loop_task *task)
{
	struct loop_task **link;

	if (!task->loop)
		return;
	link = &task->loop->tasks;
	while (*link != task)
		link = &(*link)->next;
	*link = task->next;
	if (!task->next)
		task->loop->last_task = link;
	task->loop = NULL;
}

/* Those that wait now: what they put off has its turn in the next one. */
HOT static void run_tasks(struct loop *loop)
{
	size_t n = 0;

	for (const struct loop_task *task = loop->tasks; task; task = task->next)
		n++;
	for (; n > 0 && loop->tasks; n--) {
		struct loop_task *task = loop->tasks;

		loop_drop_task(task);
		task->run(task->data);
	}
}

/* ---- the loop ---- */

int loop_init(struct loop *loop)
{
	int r = 0;

	*loop = (struct loop){.last_task = &loop->tasks};
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	loop->rest_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->fd < 0 || loop->rest_fd < 0)
		r = -errno;
	loop->rest.fd = loop->rest_fd;
	if (r == 0)
		r = loop_watch(loop, &loop->rest, LOOP_FIRST, EPOLLIN);
	loop->first = NULL;
	if (r < 0)
		loop_done(loop);
	return r;
}

void loop_done(struct loop *loop)
{
	if (loop->rest_fd >= 0)
		close(loop->rest_fd);
	if (loop->fd >= 0)
		close(loop->fd);
	loop->fd = loop->rest_fd = -1;
}

HOT int loop_turn(struct loop *loop)
{
	struct epoll_event ready[READY_MAX];
	bool has_rest = false;
	int n;

	be_favoured(loop);
	n = epoll_wait(loop->fd, ready, READY_MAX, time_left(loop));
	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++)
		if (ready[i].data.ptr == loop->first)
			serve(&ready[i]);
	for (int i = 0; i < n; i++) {
		if (ready[i].data.ptr == &loop->rest)
			has_rest = true;
		else if (ready[i].data.ptr != loop->first)
			serve(&ready[i]);
	}
	if (has_rest)
		serve_rest(loop);
	run_timer(loop);
	run_tasks(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int r = 0;

	loop->is_over = false;
	while (!loop->is_over && r == 0)
		r = loop_turn(loop);
	return r;
}

void loop_quit(struct loop *loop)
{
	loop->is_over = true;
}
