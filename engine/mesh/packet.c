/* Packets between nodes as bytes. */
#include "base/text/utf8.h"
#include "mesh/mesh_int.h"

#define HEAD 15 /* bytes before the name */

void hub_mesh_packet_add(struct hub_buf *out, const struct hub_mesh_packet *p) {
    struct hub_str name = hub_utf8_cut(p->name, HUB_MESH_NAME_MAX);
    hub_buf_reserve(out, HEAD + name.n + p->body.n);
    hub_buf_add_le(out, p->kind, 1);
    hub_buf_add_le(out, p->id, 8);
    hub_buf_add_le(out, p->ms, 4);
    hub_buf_add_le(out, name.n, 2);
    hub_buf_adds(out, name);
    hub_buf_adds(out, p->body);
}

bool hub_mesh_packet_read(struct hub_str bytes, struct hub_mesh_packet *p) {
    if (bytes.n < HEAD) return false;
    size_t name_n = (size_t)hub_read_le(bytes.p + 13, 2);
    if (name_n > HUB_MESH_NAME_MAX || name_n > bytes.n - HEAD) return false;
    *p = (struct hub_mesh_packet){.kind = (enum hub_mesh_kind)bytes.p[0],
                                  .id = hub_read_le(bytes.p + 1, 8),
                                  .ms = (uint32_t)hub_read_le(bytes.p + 9, 4),
                                  .name = hub_str(bytes.p + HEAD, name_n),
                                  .body = hub_str(bytes.p + HEAD + name_n, bytes.n - HEAD - name_n)};
    return p->kind >= HUB_MESH_ASK && p->kind <= HUB_MESH_PASS;
}

enum hub_code hub_mesh_body(struct hub_buf *out, const json_t *data, struct hub_err *err) {
    if (data)
        hub_json_add(out, data);
    else
        hub_buf_addz(out, "null");
    if (out->n <= HUB_MESH_BYTES_MAX) return HUB_OK;
    return hub_fail(err, HUB_TOO_LARGE, "%zu bytes of JSON; between nodes at most %u are sent", out->n,
                    HUB_MESH_BYTES_MAX);
}
