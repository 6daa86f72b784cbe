/* Addresses as 16 bytes, whatever their family. */
#include "base/match/cidr.h"

#include <arpa/inet.h>

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool parse_plain(struct hub_str text, struct hub_ip *out) {
    char copy[HUB_IP_TEXT];
    if (!text.n || text.n >= sizeof copy || memchr(text.p, '\0', text.n)) return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    memcpy(out->bytes, v4_prefix, sizeof v4_prefix);
    return inet_pton(AF_INET, copy, out->bytes + 12) == 1 || inet_pton(AF_INET6, copy, out->bytes) == 1;
}

static bool is_port(struct hub_str s) {
    uint64_t n;
    return s.n > 1 && s.p[0] == ':' && hub_str_u64(hub_str(s.p + 1, s.n - 1), &n) && n <= 65535;
}

bool hub_ip_parse(struct hub_str text, struct hub_ip *out) {
    if (parse_plain(text, out)) return true;
    bool bracket = text.n && text.p[0] == '[';
    size_t end = hub_str_find(text, bracket ? ']' : ':'), rest = end + bracket;
    if (end >= text.n || (rest < text.n && !is_port(hub_str(text.p + rest, text.n - rest)))) return false;
    return parse_plain(bracket ? hub_str(text.p + 1, end - 1) : hub_str(text.p, end), out);
}

bool hub_ip_is_v4(const struct hub_ip *ip) { return memcmp(ip->bytes, v4_prefix, sizeof v4_prefix) == 0; }

struct hub_ip hub_ip_network(const struct hub_ip *ip) {
    struct hub_ip net = *ip;
    if (!hub_ip_is_v4(ip)) memset(net.bytes + sizeof net.bytes / 2, 0, sizeof net.bytes / 2);
    return net;
}

/* By hand: inet_ntop prints with printf, for each connection. */
static void format_v4(const uint8_t bytes[4], char *out) {
    for (int i = 0; i < 4; i++) {
        if (bytes[i] >= 100) *out++ = (char)('0' + bytes[i] / 100);
        if (bytes[i] >= 10) *out++ = (char)('0' + bytes[i] / 10 % 10);
        *out++ = (char)('0' + bytes[i] % 10);
        *out++ = i < 3 ? '.' : '\0';
    }
}

void hub_ip_format(const struct hub_ip *ip, char out[HUB_IP_TEXT]) {
    if (hub_ip_is_v4(ip))
        format_v4(ip->bytes + 12, out);
    else
        inet_ntop(AF_INET6, ip->bytes, out, HUB_IP_TEXT);
}

bool hub_ip_parse_network(struct hub_str text, struct hub_ip *out) {
    if (!hub_ip_parse(text, out)) return false;
    *out = hub_ip_network(out);
    return true;
}

struct hub_str hub_ip_counted(struct hub_str address, char out[HUB_IP_TEXT]) {
    struct hub_ip ip;
    if (!hub_ip_parse_network(address, &ip)) return address;
    hub_ip_format(&ip, out);
    return hub_cstr(out);
}

/* No bit behind the prefix may be set: 10.0.0.1/8 would be read as 10.0.0.1 by one and as 10.0.0.0/8 by
 * another. */
static bool has_bits_behind(const struct hub_cidr *c) {
    for (unsigned bit = c->bits; bit < 128; bit++)
        if (c->ip.bytes[bit / 8] >> (7 - bit % 8) & 1) return true;
    return false;
}

const char *hub_cidr_parse(struct hub_str text, struct hub_cidr *out) {
    size_t slash = hub_str_find(text, '/');
    uint64_t bits;
    if (!parse_plain(hub_str(text.p, slash), &out->ip))
        return "expected an address or a range, as 10.0.0.0/8 or fd00::/8";
    bool v4 = hub_ip_is_v4(&out->ip) && hub_str_find(hub_str(text.p, slash), ':') >= slash;
    out->bits = 128;
    if (slash >= text.n) return NULL;
    if (!hub_str_u64(hub_str(text.p + slash + 1, text.n - slash - 1), &bits) || bits > (v4 ? 32 : 128))
        return v4 ? "the length behind the slash is 0 to 32" : "the length behind the slash is 0 to 128";
    out->bits = (unsigned)bits + (v4 ? 96 : 0);
    return has_bits_behind(out) ? "bits are set behind the length of its prefix" : NULL;
}

bool hub_cidr_has(const struct hub_cidr *range, const struct hub_ip *ip) {
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(range->ip.bytes, ip->bytes, whole) != 0) return false;
    return !rest || !((range->ip.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest));
}
