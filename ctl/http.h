/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As much of HTTP as a scrape needs: what was asked for. Pure. */
#ifndef CTL_HTTP_H
#define CTL_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct http_request {
	bool head; /* no body is wanted */
	bool metrics; /* of /metrics; else of the page that leads there */
	bool openmetrics; /* it is preferred */
};

/* The end of the request's head, NULL: it has not come whole. `text` ends with a NUL. */
const char *http_end(const char *text);
/* Read the head, which is cut up. Returns the status of the answer: 200, or what is wrong. */
int http_parse(char *text, struct http_request *ret_request);
/* The words that go with it. */
const char *http_reason(int status);

#endif
