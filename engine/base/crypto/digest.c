/* Digests by OpenSSL, whose algorithms are looked up once: a look-up costs more than the digest of a short
 * text. */
#include "base/crypto/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

static EVP_MD *sha256, *sha1; /* until the process ends */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch_algorithms(void) {
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
}

/* As lack of memory everywhere, that of an algorithm ends the process: there is no name to go on with. */
static void digest_text(EVP_MD *const *algorithm, struct hub_str s, unsigned char *out) {
    pthread_once(&fetched, fetch_algorithms);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && *algorithm && EVP_DigestInit_ex2(ctx, *algorithm, NULL) == 1 &&
                EVP_DigestUpdate(ctx, s.p, s.n) == 1 && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    if (!good) abort();
}

void hub_digest(struct hub_str s, char out[HUB_DIGEST_SIZE]) {
    static const char hex[] = "0123456789abcdef";
    unsigned char all[EVP_MAX_MD_SIZE];
    digest_text(&sha256, s, all);
    for (int i = 0; i < HUB_DIGEST_SIZE / 2; i++) out[2 * i] = hex[all[i] >> 4], out[2 * i + 1] = hex[all[i] & 15];
    out[HUB_DIGEST_SIZE - 1] = 0;
}

void hub_sha1(struct hub_str s, unsigned char out[HUB_SHA1_SIZE]) { digest_text(&sha1, s, out); }
