/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop: descriptors, timers and tasks. It allocates nothing: what is watched, timed or
 * put off is embedded in its owner.
 *
 * Descriptors have one of two ranks. Those of rank LOOP_FIRST are served in every turn, the one
 * that was watched first before all others; they stay watched as long as the loop runs. Of the
 * rest and of the timers one each is served a turn, in the order in which they became ready:
 * however many there are, what is first waits for one of each at most. The tasks, of which there are
 * few, run once a turn each. So whoever is served keeps it short and has a task do what is left.
 */
#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

enum loop_rank { LOOP_FIRST, LOOP_REST };

/* A descriptor. `events` are those of epoll; EPOLLERR and EPOLLHUP come unasked, too. */
struct loop_source {
	void (*on_ready)(void *data, int fd, uint32_t events);
	void *data;
	struct loop *loop; /* NULL: not watched */
	int fd; /* its owner's, open as long as it is watched */
	enum loop_rank rank;
	uint32_t events; /* what is waited for */
};

struct loop_timer {
	void (*on_due)(void *data);
	void *data;
	struct loop *loop; /* NULL: not set */
	struct loop_timer *next;
	uint64_t due_ms;
};

struct loop_task {
	void (*run)(void *data);
	void *data;
	struct loop *loop; /* NULL: not waiting */
	struct loop_task *next;
};

struct loop {
	int nice, plain_nice; /* of the process: when it is favoured (0: never), and else */
	bool is_favoured;
	int fd, rest_fd; /* epoll instances: the second is a member of the first */
	struct loop_source rest; /* … as this */
	struct loop_source *first;
	struct loop_timer *timers; /* the one due next at the head */
	struct loop_task *tasks, **last_task;
	bool is_over;
};

/* Milliseconds of CLOCK_BOOTTIME, which timers go by. */
uint64_t loop_now_ms(void);
/* The same moment as people and other programs tell it: since 1970. */
uint64_t loop_real_ms(uint64_t at_ms);

/* 0 or -errno. */
int loop_init(struct loop *loop);
/* What is still watched, set or waiting must not be touched afterwards but to be unwatched. */
void loop_done(struct loop *loop);
/* Serve until loop_quit(). 0 or -errno. */
int loop_run(struct loop *loop);
/* Wait until something is to be done, and serve it. 0 or -errno. */
int loop_turn(struct loop *loop);
void loop_quit(struct loop *loop);

/*
 * Let the process have this nice value, a lower one, from each turn's beginning on: whoever waits with it
 * is woken at once where all processors are busy. 0: no longer. Where it may not have it, or somebody
 * gives it another one, it is no longer favoured.
 */
void loop_favour(struct loop *loop, int nice);
/* Let it have its own one again until the next turn, as it has for the rest: whoever is served may ask for much. */
void loop_be_plain(struct loop *loop);

/* Watch source->fd. 0 or -errno: it is not watched then. */
int loop_watch(struct loop *loop, struct loop_source *source, enum loop_rank rank, uint32_t events);
/* Wait for other events. 0 or -errno: it waits for what it did before. */
int loop_rewatch(struct loop_source *source, uint32_t events);
/* Before the descriptor is closed. Does nothing where it is not watched. */
void loop_unwatch(struct loop_source *source);

/* Call on_due once, not before `due_ms`. Replaces what was set before. */
void loop_set_timer(struct loop *loop, struct loop_timer *timer, uint64_t due_ms);
void loop_clear_timer(struct loop_timer *timer);

/* Run it once, after all that waits already; from a task, in the next turn. Does nothing where it waits. */
void loop_put_off(struct loop *loop, struct loop_task *task);
/* The same, before all that waits. */
void loop_put_first(struct loop *loop, struct loop_task *task);
void loop_drop_task(struct loop_task *task);

#endif
