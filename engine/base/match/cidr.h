/* IP addresses and ranges of them (CIDR): "10.0.0.0/8", "fd00::/8", or a single address. */
#ifndef HUB_BASE_CIDR_H
#define HUB_BASE_CIDR_H
#include "base/text/str.h"

#define HUB_IP_TEXT 46 /* bytes of the longest text, NUL included */

/* In network order; IPv4 as ::ffff:a.b.c.d, so that either notation is the same address. */
struct hub_ip {
    uint8_t bytes[16];
};
/* "10.0.0.1", "::1", "[::1]", each also with ":port" behind it (IPv6 then in brackets), as X-Forwarded-For
 * has them. */
bool hub_ip_parse(struct hub_str text, struct hub_ip *out);
bool hub_ip_is_v4(const struct hub_ip *ip);
/* What its client can hardly change: an IPv4 address, or the first half of an IPv6 one. */
struct hub_ip hub_ip_network(const struct hub_ip *ip);
bool hub_ip_parse_network(struct hub_str text, struct hub_ip *out); /* that of an address as hub_ip_parse reads it */
static inline struct hub_str hub_ip_key(const struct hub_ip *ip) {
    return hub_str((const char *)ip->bytes, sizeof ip->bytes);
}
void hub_ip_format(const struct hub_ip *ip, char out[HUB_IP_TEXT]);
/* Whom somebody at ADDRESS counts as where nobody has a name: its network as text, in OUT; what is no address
 * as it stands. */
struct hub_str hub_ip_counted(struct hub_str address, char out[HUB_IP_TEXT]);

struct hub_cidr {
    struct hub_ip ip;
    unsigned bits; /* of 128 */
};
/* NULL, or what is wrong with TEXT. */
const char *hub_cidr_parse(struct hub_str text, struct hub_cidr *out);
bool hub_cidr_has(const struct hub_cidr *range, const struct hub_ip *ip);
#endif
