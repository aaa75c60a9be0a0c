// getifaddrs(3), if_nametoindex(3), if_indextoname(3), if_nameindex(3), getaddrinfo(3) with AI_ADDRCONFIG.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const char *text(const struct sockaddr *address, char *room) {
    if (!address) return "-";
    const void *from = address->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                                                     : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6) return "link";
    return inet_ntop(address->sa_family, from, room, INET6_ADDRSTRLEN);
}

int main(void) {
    struct ifaddrs *all, *each;
    if (getifaddrs(&all)) return perror("getifaddrs"), 1;
    for (each = all; each; each = each->ifa_next) {
        char one[INET6_ADDRSTRLEN], two[INET6_ADDRSTRLEN], three[INET6_ADDRSTRLEN];
        printf("%s flags %x: %s mask %s other %s\n", each->ifa_name, each->ifa_flags, text(each->ifa_addr, one),
               text(each->ifa_netmask, two), text(each->ifa_broadaddr, three));
    }
    char name[IF_NAMESIZE];
    printf("%u %u %u %s\n", if_nametoindex("lo"), if_nametoindex("eth0"), if_nametoindex("nobody"),
           if_indextoname(2, name));
    struct if_nameindex *names = if_nameindex();
    for (int i = 0; names && names[i].if_name; i++) printf("%u %s\n", names[i].if_index, names[i].if_name);
    const char *hosts[] = {"127.0.0.1", "::1", "10.0.2.15"};
    for (int i = 0; i < 3; i++) {
        struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;
        printf("%s: %s\n", hosts[i], getaddrinfo(hosts[i], "80", &hints, &found) ? "no" : "yes");
    }
    return 0;
}
