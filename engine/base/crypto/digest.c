/* SHA-256, for names. */
#include "base/crypto/digest.h"

#include <openssl/sha.h>

void hub_digest(struct hub_str s, char out[HUB_DIGEST_SIZE]) {
    static const char hex[] = "0123456789abcdef";
    unsigned char all[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)s.p, s.n, all);
    for (int i = 0; i < HUB_DIGEST_SIZE / 2; i++) out[2 * i] = hex[all[i] >> 4], out[2 * i + 1] = hex[all[i] & 15];
    out[HUB_DIGEST_SIZE - 1] = 0;
}
