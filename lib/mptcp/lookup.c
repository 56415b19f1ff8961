/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lookup.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "private.h"

enum { LONGEST_HOST = 1024, LONGEST_SERVICE = 64 };

/* Owned by the asker and by the thread; the last to let go frees it. */
struct lookup {
	struct lookup_request request; /* the strings follow this structure */
	struct lookup_result result;
	atomic_bool is_done;
	atomic_int n_owners;
	pid_t process; /* that has the thread */
	int fd; /* eventfd */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_number(const char *text)
{
	while (is_digit(*text))
		text++;
	return !*text;
}

/* getaddrinfo() of some C libraries cuts a port to 16 bits, and reads "+1" as one: no service. */
static int check_service(const struct lookup_request *request)
{
	const char *service = request->service;
	unsigned long port;

	if (!service || !*service)
		return -EINVAL;
	if (strlen(service) > LONGEST_SERVICE)
		return -ENAMETOOLONG;
	if (!is_number(service)) {
		bool is_name = is_digit(*service) || (*service >= 'a' && *service <= 'z') ||
			       (*service >= 'A' && *service <= 'Z');
		return is_name ? 0 : -EINVAL;
	}
	port = strtoul(service, NULL, 10);
	return port > UINT16_MAX || (port == 0 && !request->passive) ? -EINVAL : 0;
}

int mptcp_lookup_check(const struct lookup_request *request)
{
	if (request->family != AF_UNSPEC && request->family != AF_INET &&
	    request->family != AF_INET6)
		return -EAFNOSUPPORT;
	if (request->host && !*request->host)
		return -EINVAL;
	if (request->host && strlen(request->host) > LONGEST_HOST)
		return -ENAMETOOLONG;
	return check_service(request);
}

/* Who cannot open the files and sockets to look with has not found that there is nothing. */
static bool is_lack(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* -errno for an EAI_*; errno is what getaddrinfo() left. */
static int error_of(int code)
{
	if (code && is_lack(errno))
		return -errno;
	switch (code) {
	case 0:
		return 0;
	case EAI_SERVICE:
		return -ESRCH;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_FAIL:
		return -EREMOTEIO;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_FAMILY:
		return -EAFNOSUPPORT;
	case EAI_SYSTEM:
		return errno ? -errno : -EREMOTEIO;
	case EAI_NONAME:
#ifdef EAI_NODATA
	case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
	case EAI_ADDRFAMILY:
#endif
		return -ENOENT;
	default:
		return -EINVAL;
	}
}

static struct lookup_result ask(const struct lookup_request *request, int flags)
{
	const char *service = request->service;
	struct addrinfo hints = {.ai_family = request->family,
				 .ai_socktype = SOCK_STREAM,
				 .ai_protocol = IPPROTO_TCP,
				 .ai_flags = flags};
	struct lookup_result result = {0};

	if (request->passive)
		hints.ai_flags |= AI_PASSIVE;
	if (is_number(service))
		hints.ai_flags |= AI_NUMERICSERV;
	errno = 0;
	result.code = getaddrinfo(request->host, service, &hints, &result.list);
	result.error = error_of(result.code);
	if (result.code)
		result.list = NULL;
	return result;
}

/* Some C libraries call an unknown service a name that does not exist. */
static bool is_service_known(const struct lookup_request *request)
{
	struct lookup_request any = {.service = request->service, .passive = true};
	struct lookup_result result = ask(&any, 0);

	if (result.list)
		freeaddrinfo(result.list);
	return result.code != EAI_SERVICE && result.code != EAI_NONAME;
}

bool mptcp_lookup_now(const struct lookup_request *request, bool wait, struct lookup_result *ret)
{
	int saved = errno;
	struct lookup_result result = ask(request, AI_NUMERICHOST);
	/* No name has a colon. */
	bool is_final = !request->host || request->numeric || result.code != EAI_NONAME ||
			strchr(request->host, ':');

	if (!is_number(request->service) && result.code && !is_service_known(request)) {
		result = (struct lookup_result){.code = EAI_SERVICE, .error = -ESRCH};
		is_final = true;
	}
	if (!is_final && wait)
		result = ask(request, 0);
	errno = saved;
	if (is_final || wait)
		*ret = result;
	return is_final || wait;
}

int mptcp_lookup_fd(const struct lookup *lookup)
{
	return lookup->fd;
}

bool mptcp_lookup_take(struct lookup *lookup, struct lookup_result *ret)
{
	if (!atomic_load(&lookup->is_done))
		return false;
	*ret = lookup->result;
	lookup->result.list = NULL;
	return true;
}

void mptcp_lookup_release(struct lookup *lookup)
{
	if (!lookup)
		return;
	/* A child of fork() has no thread beside it, and what that was about to write is not read. */
	if (lookup->process != getpid())
		lookup->result.list = atomic_load(&lookup->is_done) ? lookup->result.list : NULL;
	else if (atomic_fetch_sub(&lookup->n_owners, 1) > 1)
		return;
	if (lookup->result.list)
		freeaddrinfo(lookup->result.list);
	mptcp_close_fd(lookup->fd);
	free(lookup);
}

static void *run_lookup(void *data)
{
	struct lookup *lookup = data;
	uint64_t one = 1;

	lookup->result = ask(&lookup->request, 0);
	atomic_store(&lookup->is_done, true);
	/* It cannot fail: nobody else writes there. */
	while (write(lookup->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	mptcp_lookup_release(lookup);
	return NULL;
}

/* Start the thread, which takes no signals. */
static int start_thread(struct lookup *lookup)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	if (pthread_attr_init(&attributes))
		return -ENOMEM;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attributes, run_lookup, lookup);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -r;
}

struct lookup *mptcp_lookup_start(const struct lookup_request *request)
{
	size_t host = strlen(request->host) + 1, service = strlen(request->service) + 1;
	struct lookup *lookup = calloc(1, sizeof(*lookup) + host + service);
	int saved = errno;
	char *text;

	if (!lookup)
		return NULL;
	text = (char *)(lookup + 1);
	lookup->request = *request;
	lookup->request.host = memcpy(text, request->host, host);
	lookup->request.service = memcpy(text + host, request->service, service);
	lookup->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	lookup->process = getpid();
	atomic_init(&lookup->n_owners, 2);
	if (lookup->fd < 0 || start_thread(lookup)) {
		atomic_store(&lookup->n_owners, 1);
		mptcp_lookup_release(lookup);
		lookup = NULL;
	}
	errno = saved;
	return lookup;
}
