/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runners.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "private.h"

int mptcp_runners_watch(const struct runners *runners, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events};

	if (runners->epoll < 0)
		return 0;
	return epoll_ctl(runners->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void mptcp_runners_unwatch(const struct runners *runners, int fd)
{
	if (runners->epoll >= 0)
		epoll_ctl(runners->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int mptcp_runners_add(struct runners *runners, int fd, size_t at)
{
	int r = mptcp_runners_watch(runners, fd, EPOLLOUT);

	if (r < 0) {
		mptcp_close_fd(fd);
		return r;
	}
	runners->fds[runners->n] = (struct pollfd){.fd = fd, .events = POLLOUT};
	runners->at[runners->n++] = at;
	return 0;
}

int mptcp_runners_take(struct runners *runners, size_t i)
{
	int fd = runners->fds[i].fd;
	size_t rest = --runners->n - i;

	mptcp_runners_unwatch(runners, fd);
	memmove(&runners->fds[i], &runners->fds[i + 1], rest * sizeof(runners->fds[0]));
	memmove(&runners->at[i], &runners->at[i + 1], rest * sizeof(runners->at[0]));
	return fd;
}

size_t mptcp_runners_find(const struct runners *runners, size_t at)
{
	size_t i = 0;

	while (i < runners->n && runners->at[i] != at)
		i++;
	return i;
}

void mptcp_runners_stop(struct runners *runners)
{
	while (runners->n > 0)
		mptcp_close_fd(mptcp_runners_take(runners, runners->n - 1));
}
