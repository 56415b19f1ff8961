/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *http_end(const char *text)
{
	const char *crlf = strstr(text, "\r\n\r\n"), *lf = strstr(text, "\n\n");

	if (crlf && (!lf || crlf < lf))
		return crlf + 4;
	return lf ? lf + 2 : NULL;
}

const char *http_reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 431:
		return "Request Header Fields Too Large";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}

/* ---- which format ---- */

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t");
	length = strlen(text);
	while (length && strchr(" \t\r", text[length - 1]))
		text[--length] = '\0';
	return text;
}

/* The weight of a media type, negative: one of another version. */
static double read_weight(char *parameters)
{
	double weight = 1;
	char *parameter;

	while ((parameter = strsep(&parameters, ";"))) {
		parameter = trim(parameter);
		if (strncasecmp(parameter, "q=", 2) == 0)
			weight = strtod(parameter + 2, NULL);
		else if (strncasecmp(parameter, "version=", 8) == 0 &&
			 strcmp(parameter + 8, "1.0.0") != 0 && strcmp(parameter + 8, "0.0.4") != 0)
			return -1;
	}
	return weight;
}

struct accepted {
	double openmetrics, text;
};

static void read_accept(char *types, struct accepted *accepted)
{
	char *each;

	while ((each = strsep(&types, ","))) {
		char *name = strsep(&each, ";");
		double weight = read_weight(each);

		name = trim(name);
		if (strcasecmp(name, "application/openmetrics-text") == 0) {
			if (weight > accepted->openmetrics)
				accepted->openmetrics = weight;
		} else if (strcasecmp(name, "text/plain") == 0 && weight > accepted->text) {
			accepted->text = weight;
		}
	}
}

/* ---- the request ---- */

/* "GET /metrics HTTP/1.1" */
static int read_line(char *line, struct http_request *ret_request)
{
	const char *method = strsep(&line, " "), *version;
	char *target = line ? strsep(&line, " ") : NULL;

	version = line ? trim(line) : "";
	if (!target || !*target || strncmp(version, "HTTP/", 5) != 0)
		return 400;
	if (strncmp(version, "HTTP/1.", 7) != 0)
		return 505;
	ret_request->head = strcmp(method, "HEAD") == 0;
	if (!ret_request->head && strcmp(method, "GET") != 0)
		return 405;
	/* A proxy is asked with the whole address. */
	if (strncasecmp(target, "http://", 7) == 0)
		target += 7 + strcspn(target + 7, "/");
	target[strcspn(target, "?#")] = '\0';
	ret_request->metrics = strcmp(target, "/metrics") == 0;
	return ret_request->metrics || !*target || strcmp(target, "/") == 0 ? 200 : 404;
}

int http_parse(char *text, struct http_request *ret_request)
{
	struct accepted accepted = {0};
	char *line = strsep(&text, "\n");
	int status;

	*ret_request = (struct http_request){0};
	status = read_line(line, ret_request);
	while ((line = strsep(&text, "\n"))) {
		char *name = strsep(&line, ":");

		if (line && strcasecmp(name, "accept") == 0)
			read_accept(line, &accepted);
	}
	ret_request->openmetrics =
		accepted.openmetrics > 0 && accepted.openmetrics >= accepted.text;
	return status;
}
