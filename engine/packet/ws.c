/* The WebSocket frame header, masking, close payload and handshake key. */
#include "packet/ws.h"

#include "base/crypto/digest.h"
#include "base/text/utf8.h"

static bool opcode_is_known(unsigned opcode) {
    return opcode <= HUB_WS_BINARY || (opcode >= HUB_WS_CLOSE && opcode <= HUB_WS_PONG);
}

enum hub_ws_parse hub_ws_head_parse(struct hub_str bytes, struct hub_ws_head *out) {
    const unsigned char *p = (const unsigned char *)bytes.p;
    if (bytes.n < 1) return HUB_WS_MORE;
    out->fin = p[0] & 0x80;
    out->opcode = p[0] & 0x0f;
    out->deflated = p[0] & HUB_WS_DEFLATED;
    if ((p[0] & 0x30) || !opcode_is_known(out->opcode)) return HUB_WS_BAD;
    if (out->deflated && out->opcode != HUB_WS_TEXT && out->opcode != HUB_WS_BINARY) return HUB_WS_BAD;
    bool control = out->opcode >= HUB_WS_CLOSE;
    if (control && !out->fin) return HUB_WS_BAD;
    if (bytes.n < 2) return HUB_WS_MORE;
    unsigned len = p[1] & 0x7f;
    if (!(p[1] & 0x80) || (control && len > 125)) return HUB_WS_BAD;
    size_t wide = len == 127 ? 8 : len == 126 ? 2 : 0;
    if (bytes.n < 2 + wide) return HUB_WS_MORE;
    out->len = wide ? hub_ws_number(p + 2, wide) : len;
    if ((wide == 2 && out->len < 126) || (wide == 8 && (out->len <= 0xffff || out->len >> 63))) return HUB_WS_BAD;
    if (bytes.n < 2 + wide + 4) return HUB_WS_MORE;
    memcpy(out->mask, p + 2 + wide, 4);
    out->head = (uint8_t)(2 + wide + 4);
    return HUB_WS_OK;
}

size_t hub_ws_head_write(uint8_t out[10], int opcode, uint64_t len) {
    size_t wide = len > 0xffff ? 8 : len > 125 ? 2 : 0;
    out[0] = (uint8_t)(0x80 | opcode);
    out[1] = (uint8_t)(wide == 8 ? 127 : wide == 2 ? 126 : len);
    for (size_t i = 0; i < wide; i++) out[2 + i] = (uint8_t)(len >> 8 * (wide - 1 - i));
    return 2 + wide;
}

void hub_ws_unmask(char *p, size_t n, const uint8_t mask[4], uint64_t offset) {
    uint8_t turned[8];
    for (int i = 0; i < 8; i++) turned[i] = mask[(offset + (unsigned)i) & 3];
    uint64_t word, key;
    memcpy(&key, turned, 8);
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        uint64_t words[4];
        memcpy(words, p + i, 32);
        words[0] ^= key, words[1] ^= key, words[2] ^= key, words[3] ^= key;
        memcpy(p + i, words, 32);
    }
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, p + i, 8);
        word ^= key;
        memcpy(p + i, &word, 8);
    }
    for (; i < n; i++) p[i] = (char)((uint8_t)p[i] ^ turned[i & 7]);
}

void hub_ws_close_payload(struct hub_buf *out, int code, const char *reason) {
    size_t n = reason ? strlen(reason) : 0;
    if (n > 123) n = 123;
    while (n && !hub_utf8_valid(hub_str(reason, n))) n--; /* the cut must not split a character */
    hub_buf_addc(out, (char)(code >> 8));
    hub_buf_addc(out, (char)(code & 0xff));
    hub_buf_add(out, reason, n);
}

void hub_ws_accept(struct hub_str key, char out[29]) {
    struct hub_buf b = {0};
    unsigned char digest[HUB_SHA1_SIZE];
    hub_buf_adds(&b, key);
    hub_buf_adds(&b, HUB_STR("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    hub_sha1(hub_buf_str(&b), digest);
    hub_buf_clear(&b);
    hub_buf_add_base64(&b, hub_str((const char *)digest, sizeof digest));
    memcpy(out, hub_buf_cstr(&b), 29);
    hub_buf_free(&b);
}
