/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fetch PORT: read all that a server on 127.0.0.1 says to "GET /"; as little as any libc has. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in server = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "80")),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	char answer[4096];
	ssize_t n;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)) < 0 ||
	    write(fd, request, sizeof(request) - 1) != (ssize_t)sizeof(request) - 1) {
		perror("fetch");
		return 1;
	}
	while ((n = read(fd, answer, sizeof(answer))) > 0)
		fwrite(answer, 1, (size_t)n, stdout);
	return n < 0;
}
