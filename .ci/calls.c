/* Prints the outcome of system calls as `name errno`, 0 where one succeeds: in a container, those that must fail and those
   that programs need. A call by the numbers of 32-bit x86 is a process of its own, which the kernel may kill. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *name, long result)
{
	printf("%s %d\n", name, result < 0 ? errno : 0);
	fflush(stdout);
}

static void family(const char *name, long number, int type, int protocol)
{
	say(name, syscall(SYS_socket, number, type, protocol));
}

/* The kernel's answer to a call by a number of 32-bit x86, or the signal that ended it, from 1000 on. */
static void old(const char *name, long number, long a, long b, long c)
{
	int status;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		long result;
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
		_exit((int)result < 0 ? -(int)result : 0);
	}
	waitpid(child, &status, 0);
	printf("%s %d\n", name, WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status));
}

static void trace(void)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	say("trace", ptrace(PTRACE_ATTACH, child, 0, 0));
	waitpid(child, &status, 0);
	kill(child, SIGKILL);
}

int main(void)
{
	static const int rare[] = {3, 4, 5, 6, 8, 9, 11, 15, 17, 19, 20, 21, 23, 24, 25, 26, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46};
	char name[32];
	int pair[2];
	for (unsigned i = 0; i < sizeof rare / sizeof *rare; i++) {
		snprintf(name, sizeof name, "family-%d", rare[i]);
		family(name, rare[i], SOCK_SEQPACKET, 0);
	}
	family("crypto-wide", (1L << 32) | 38, SOCK_SEQPACKET, 0);
	family("vsock-wide", (1L << 32) | 40, SOCK_STREAM, 0);
	family("netfilter", 16, SOCK_RAW, 12);
	family("netlink-crypto", 16, SOCK_RAW, 21);
	family("unix", 1, SOCK_STREAM, 0);
	family("tcp", 2, SOCK_STREAM | SOCK_CLOEXEC, 0);
	family("udp", 2, SOCK_DGRAM | SOCK_NONBLOCK, 17);
	family("tcp6", 10, SOCK_STREAM, 6);
	family("route", 16, SOCK_RAW, 0);
	family("uevent", 16, SOCK_DGRAM, 15);
	say("pair", socketpair(1, SOCK_STREAM, 0, pair));
	say("pair-tipc", socketpair(30, SOCK_STREAM, 0, pair));
	old("old-getpid", 20, 0, 0, 0);
	old("old-socket", 359, 38, SOCK_SEQPACKET, 0);
	old("old-socketcall", 102, 1, 0, 0);
	trace();
	say("fork", fork() ? 1 : (_exit(0), 0));
	return 0;
}
