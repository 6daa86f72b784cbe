/* What jwt.c (tokens), jwt_key.c (keys) and jwt_alg.c (algorithms) share. */
#ifndef HUB_AUTH_JWT_INT_H
#define HUB_AUTH_JWT_INT_H
#include <openssl/evp.h>

#include "auth/jwt.h"

/* A key has exactly one kind, and an algorithm asks for exactly one: a public key can never be taken for a
 * secret. */
enum hub_jwt_kind { HUB_JWT_HMAC, HUB_JWT_RSA, HUB_JWT_P256, HUB_JWT_ED25519 };

struct hub_jwt_alg {
    const char *name;
    enum hub_jwt_kind kind;
    const char *digest; /* OpenSSL's name; NULL where the scheme brings its own */
    bool pss;
    int mac; /* HMAC: index into hub_jwt_key.mac */
};

struct hub_jwt_key {
    enum hub_jwt_kind kind;
    char *kid;                     /* NULL = serves tokens with any kid */
    const struct hub_jwt_alg *alg; /* NULL = every algorithm of its kind */
    EVP_PKEY *pkey;                /* NULL for HMAC */
    uint64_t print;                /* the same for the same key */
    EVP_MAC_CTX *mac[3]; /* HMAC only: keyed for SHA-256, 384, 512. Starting one over costs a quarter of a one-shot
                            HMAC; it changes in use, so a set of keys belongs to one thread. */
};

#define HUB_JWT_ALG_MAX 9
#define HUB_JWT_KEY_MAX 64

struct hub_jwt_keys {
    const struct hub_jwt_alg *algs[HUB_JWT_ALG_MAX]; /* those the service lists */
    size_t alg_n;
    struct hub_jwt_key *keys;
    size_t key_n;
    char *issuer; /* NULL = not checked */
    char **audience;
    size_t audience_n; /* 0 = not checked */
    int64_t leeway;    /* seconds */
    uint64_t used;     /* see hub_jwt_used */
};

/* NULL when NAME is no algorithm hubd knows ("none" is not one). */
const struct hub_jwt_alg *hub_jwt_alg_find(struct hub_str name);
/* The same among those the service lists. */
const struct hub_jwt_alg *hub_jwt_alg_listed(const struct hub_jwt_keys *keys, struct hub_str name);
/* True when SIGNATURE is KEY's over SIGNED under ALG. KEY must be of ALG's kind. */
bool hub_jwt_alg_verify(const struct hub_jwt_alg *alg, const struct hub_jwt_key *key, struct hub_str signed_part,
                        struct hub_str signature);
/* Appends the signature's bytes. False when OpenSSL refuses the key. */
bool hub_jwt_alg_sign(const struct hub_jwt_alg *alg, const struct hub_jwt_key *key, struct hub_str signed_part,
                      struct hub_buf *signature);

/* Takes PKEY over in every case. False with *WHY set when hubd has no algorithm for such a key. */
bool hub_jwt_key_adopt(struct hub_jwt_key *key, EVP_PKEY *pkey, const char **why);
/* From the text of a private key file. HUB_INTERNAL on failure; text names the cause, not the file. */
enum hub_code hub_jwt_key_private(struct hub_jwt_key *key, struct hub_str pem, struct hub_err *err);
/* Copies SECRET. False when it is empty. */
bool hub_jwt_key_secret(struct hub_jwt_key *key, struct hub_str secret);
void hub_jwt_key_clear(struct hub_jwt_key *key);
#endif
