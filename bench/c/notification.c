/* Microseconds (lower is better) for a seccomp user notification on one CPU, answered at once by a supervisor that
 * does nothing else: no serviced call is cheaper. No case: run it by itself. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "bench.h"

enum { CALLS = 100000 };

static int intercepted(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockname, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, code };
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl");
	return must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program), "seccomp");
}

static int listener;

static void answer(void)
{
	for (;;) {
		struct seccomp_notif call = { 0 };
		must(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call), "receive");
		struct seccomp_notif_resp result = { .id = call.id };
		must(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &result), "send");
	}
}

int main(void)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	must(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
	listener = intercepted();
	pid_t pid = child(answer);
	double start = now();
	for (int i = 0; i < CALLS; i++)
		must(syscall(SYS_getsockname, 0, 0, 0), "getsockname");
	printf("%.2f\n", (now() - start) / CALLS * 1e6);
	end(pid);
}
