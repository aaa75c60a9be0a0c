/* A thread and a child use their parent's socket; a recvmsg fails with room for 77 bytes. With STAY the thread
   lives as long as its process. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

static int s;

static void *ask(void *unused)
{
    struct sockaddr_in a;
    socklen_t length = sizeof a;
    getsockname(s, (struct sockaddr *)&a, &length);
    if (unused)
        pause();
    return unused;
}

int main(void)
{
    char room[77];
    struct iovec piece = {room, sizeof room};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    pthread_t thread;
    s = socket(AF_INET, SOCK_DGRAM, 0);
    ask(0);
#ifdef STAY
    pthread_create(&thread, 0, ask, &s);
#else
    pthread_create(&thread, 0, ask, 0);
    pthread_join(thread, 0);
#endif
    recvmsg(s, &message, MSG_DONTWAIT);
    if (fork() == 0) {
        ask(0);
        _exit(0);
    }
    wait(0);
    return 0;
}
