// The ioctls of interfaces on sockets of several families: what each returns, errno or union, for lo, eth0 and a
// name that nobody has; SIOCGIFCONF; and what setting an address, a mask and a route by ioctl leads to.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <netinet/in.h>

static const int requests[] = {
    SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMETRIC, SIOCGIFMTU,
    SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFTXQLEN, SIOCGIFMAP, SIOCGIFMEM, SIOCGIFSLAVE, SIOCGARP, SIOCATMARK,
    SIOCINQ, SIOCGMIIPHY, SIOCGIFBR, SIOCGIFCOUNT, SIOCSIFMETRIC, SIOCSIFMAP, SIOCSIFENCAP, SIOCGIFENCAP, 0x89ab,
    SIOCGIFNAME,
};

static void show(int family, int type, const char *name, int index) {
    int fd = socket(family, type, 0);
    printf("%s on family %d:", name, family);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct ifreq request = {.ifr_ifindex = index};
        char room[256] = {0};
        strcpy(request.ifr_name, name);
        memcpy(room, &request, sizeof request);
        int result = ioctl(fd, requests[i], room);
        printf(" %x=%d", requests[i], result < 0 ? -errno : result);
        if (result < 0 || requests[i] == SIOCINQ) continue;
        for (size_t at = 16; at < sizeof request; at++) printf("%s%02x", at > 16 ? "" : ":", (unsigned char)room[at]);
    }
    printf("\n");
}

static void configured(void) {
    struct ifreq entries[8];
    struct ifconf conf = {.ifc_len = sizeof entries, .ifc_req = entries};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), result = ioctl(fd, SIOCGIFCONF, &conf);
    printf("SIOCGIFCONF %d: %zu\n", result, conf.ifc_len / sizeof *entries);
    for (size_t i = 0; i < conf.ifc_len / sizeof *entries; i++)
        printf("  %s %s\n", entries[i].ifr_name,
               inet_ntoa(((struct sockaddr_in *)&entries[i].ifr_addr)->sin_addr));
    conf.ifc_len = sizeof *entries + 3;
    result = ioctl(fd, SIOCGIFCONF, &conf);
    printf("room for one %d: %d\n", result, conf.ifc_len);
    conf = (struct ifconf){0};
    result = ioctl(fd, SIOCGIFCONF, &conf);
    printf("size %d: %d\n", result, conf.ifc_len);
}

static void set(int fd, int number, const char *name, const char *text) {
    struct ifreq request = {0};
    struct sockaddr_in *address = (void *)&request.ifr_addr;
    strcpy(request.ifr_name, name);
    address->sin_family = AF_INET;
    inet_pton(AF_INET, text, &address->sin_addr);
    int result = ioctl(fd, number, &request);
    printf("%x %s %s: %d\n", number, name, text, result < 0 ? -errno : result);
}

static void add(int fd, int number, const char *to, const char *mask, const char *via, const char *device) {
    struct rtentry route = {.rt_flags = RTF_UP | (via ? RTF_GATEWAY : 0), .rt_dev = (char *)device};
    struct sockaddr_in *parts[] = {(void *)&route.rt_dst, (void *)&route.rt_genmask, (void *)&route.rt_gateway};
    const char *texts[] = {to, mask, via};
    for (int i = 0; i < 3; i++) {
        parts[i]->sin_family = AF_INET;
        if (texts[i]) inet_pton(AF_INET, texts[i], &parts[i]->sin_addr);
    }
    int result = ioctl(fd, number, &route);
    printf("%x %s %s %s: %d\n", number, to, via ? via : "-", device ? device : "-", result < 0 ? -errno : result);
}

int main(void) {
    const struct { int family, type; } sockets[] = {
        {AF_INET, SOCK_DGRAM}, {AF_INET, SOCK_STREAM}, {AF_INET6, SOCK_DGRAM}, {AF_UNIX, SOCK_DGRAM}, {AF_NETLINK, SOCK_RAW},
    };
    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
        show(sockets[i].family, sockets[i].type, "lo", 1);
        show(sockets[i].family, sockets[i].type, "eth0", 2);
        show(sockets[i].family, sockets[i].type, "nobody", 77);
    }
    configured();
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    set(fd, SIOCSIFADDR, "eth0:1", "10.7.0.1");
    set(fd, SIOCSIFNETMASK, "eth0:1", "255.255.0.0");
    set(fd, SIOCSIFNETMASK, "eth0:1", "255.0.255.0");
    set(fd, SIOCSIFBRDADDR, "eth0:1", "10.7.255.254");
    set(fd, SIOCSIFNETMASK, "eth0:2", "255.255.0.0");
    set(fd, SIOCSIFADDR, "nobody", "10.7.0.1");
    configured();
    show(AF_INET, SOCK_DGRAM, "eth0:1", 2);
    add(fd, SIOCADDRT, "192.168.7.0", "255.255.255.0", "10.0.2.9", NULL);
    add(fd, SIOCADDRT, "192.168.7.0", "255.255.255.0", "10.0.2.9", NULL);
    add(fd, SIOCADDRT, "192.168.8.0", "255.255.255.0", NULL, "eth0");
    add(fd, SIOCADDRT, "192.168.8.0", "255.255.255.0", NULL, NULL);
    add(fd, SIOCADDRT, "192.168.9.1", "255.255.255.0", NULL, "eth0");
    add(fd, SIOCADDRT, "192.168.9.0", "255.255.255.0", "99.1.1.1", NULL);
    add(fd, SIOCADDRT, "192.168.9.0", "255.255.255.0", NULL, "nobody");
    add(fd, SIOCDELRT, "192.168.7.0", "255.255.255.0", NULL, NULL);
    add(fd, SIOCDELRT, "192.168.7.0", "255.255.255.0", NULL, NULL);
    set(fd, SIOCSIFADDR, "eth0:1", "0.0.0.0");
    configured();
    return 0;
}
