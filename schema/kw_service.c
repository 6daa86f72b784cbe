/* service.yaml: who the service is, where it listens, how people prove who they are, which backends it
 * uses. */
#include "schema/kw_parts.h"

#define AT(FIELD) HUB_OFFSET(struct hub_service, FIELD)

static const struct hub_row service[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_RESTART, AT(name), .rule = HUB_NAME_CODE, .example = "messaging",
     .help = "Name of the service."},
    {"project", HUB_KIND_NAME, HUB_ROW_RESTART, .offset = AT(project), .rule = HUB_NAME_LABEL, .fallback = "hubd",
     .help = "Project name, used in Kafka topics."},
    {"basePath", HUB_KIND_STRING, HUB_ROW_RESTART, .offset = AT(base_path), .fallback = "", .max = 200,
     .example = "/messaging-api", .breaks = HUB_BREAKS_CLIENTS,
     .help = "Prefix of all paths when a reverse proxy does or does not strip it; both work."},
    {0},
};
static const struct hub_fields table_service = {"Service", 0, service, "Identity of the service."};

static const struct hub_row tls[] = {
    {"certFile", HUB_KIND_STRING, HUB_ROW_REQUIRED | HUB_ROW_FILE, AT(tls_cert_file),
     .help = "PEM file with the certificate chain."},
    {"keyFile", HUB_KIND_STRING, HUB_ROW_REQUIRED | HUB_ROW_FILE, AT(tls_key_file),
     .help = "PEM file with the private key."},
    {0},
};
static const struct hub_fields table_tls = {"Tls", 0, tls, "Certificate and key for TLS."};

static const struct hub_row compression[] = {
    {"websocket", HUB_KIND_BOOL, .offset = AT(deflate_websocket), .fallback = "false",
     .help = "Agrees on permessage-deflate with clients that offer it; what goes to many is compressed once for all."},
    {"http", HUB_KIND_BOOL, .offset = AT(gzip_http), .fallback = "true",
     .help = "Answers polls, REST and files in gzip when the client takes it."},
    {"threshold", HUB_KIND_INT, .offset = AT(deflate_threshold), .fallback = "1024", .min = 64, .max = 1048576,
     .help = "Bytes from which on a message or an answer is compressed."},
    {0},
};
static const struct hub_fields table_compression = {"Compression", 0, compression,
                                                    "What is compressed on its way out."};

static const struct hub_row listen[] = {
    {"host", HUB_KIND_STRING, .offset = AT(host), .fallback = "127.0.0.1", .max = 255,
     .help = "Address to listen on: an IPv4 or IPv6 address, a name (localhost takes both families), or unix:/path for "
             "a socket file."},
    {"port", HUB_KIND_INT, .offset = AT(port), .fallback = "8080", .max = 65535,
     .help = "Port to listen on; 0 takes any free port and prints it."},
    {"threads", HUB_KIND_INT, .offset = AT(threads), .fallback = "1", .min = 1, .max = 64,
     .help = "Loops that serve clients, each on a thread of its own. In this version only 1."},
    {"path", HUB_KIND_STRING, .offset = AT(listen_path), .fallback = "/socket.io", .max = 200, .example = "/realtime",
     .breaks = HUB_BREAKS_CLIENTS,
     .help = "Path of Engine.IO, polling and WebSocket alike; what clients give as their option path."},
    {"corsOrigins", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, AT(cors_origins),
     .example = "[\"https://app.example.com\", \"https://*.example.com\", \"capacitor://localhost\"]",
     .breaks = HUB_BREAKS_GRANTS,
     .help = "Origins of pages that may come in beside those of the service's own host, cookies included; [\"*\"] lets "
             "all in, without cookies."},
    {"trustedProxies", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, AT(trusted_proxies),
     .example = "[\"10.0.0.0/8\", \"fd00::/8\"]",
     .help = "Addresses and ranges of reverse proxies whose X-Forwarded-For, -Proto and -Host count; unix: is whoever "
             "comes by the socket file."},
    {"maxPendingPerAddress", HUB_KIND_INT, .offset = AT(max_pending_per_address), .fallback = "256", .min = 1,
     .max = 1000000,
     .help = "Requests, and as many sessions, of one address (of IPv6: one /64) that have not signed in; further ones "
             "get 429."},
    {"maxPending", HUB_KIND_INT, .offset = AT(max_pending), .fallback = "2048", .min = 1, .max = 1000000,
     .help = "The same for all addresses together; further ones get 503. Each holds at most 16 KiB of what it sent."},
    {"maxPayload", HUB_KIND_INT, .offset = AT(max_payload), .fallback = "1000000", .min = 128, .max = 100000000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS,
     .help = "Largest Engine.IO payload in bytes; must exceed every hub's maxMessageSize."},
    {"pingInterval", HUB_KIND_DURATION, .offset = AT(ping_interval), .fallback = "25000", .min = 100, .max = 3600000,
     .help = "Milliseconds between pings."},
    {"pingTimeout", HUB_KIND_DURATION, .offset = AT(ping_timeout), .fallback = "20000", .min = 100, .max = 3600000,
     .help = "Milliseconds to wait for the answer to a ping."},
    {"connectTimeout", HUB_KIND_DURATION, .offset = AT(connect_timeout), .fallback = "45000", .min = 100,
     .max = 3600000, .help = "Milliseconds a connection has to join a first namespace."},
    {"keepAliveTimeout", HUB_KIND_DURATION, .offset = AT(keep_alive_timeout), .fallback = "75000", .min = 1000,
     .max = 3600000,
     .help = "Milliseconds an HTTP connection is kept open between requests; longer than the load balancer in front "
             "keeps it."},
    {"maxQueueBytes", HUB_KIND_INT, .offset = AT(max_queue_bytes), .fallback = "1048576", .min = 1024, .max = 1 << 30,
     .help = "Outbound bytes queued per connection before it counts as a slow reader."},
    {"maxWaitingBytes", HUB_KIND_INT, .offset = AT(max_waiting_bytes), .fallback = "67108864", .min = 1048576,
     .max = 1LL << 40,
     .help = "Memory of all payloads together that wait for their turn, the store or a script: of those over 64 KiB, "
             "and as much of smaller ones; further ones are overloaded."},
    {"compression", HUB_KIND_GROUP, .table = &table_compression, .help = "What is compressed on its way out."},
    {"tls", HUB_KIND_GROUP, .table = &table_tls, .help = "Serves TLS with this certificate."},
    {0},
};
static const struct hub_fields table_listen = {"Listen", 0, listen, "The listener and the limits of a connection."};

static const struct hub_words algorithms[] = {
    {"HS256", ""}, {"HS384", ""}, {"HS512", ""}, {"RS256", ""}, {"RS384", ""},
    {"RS512", ""}, {"PS256", ""}, {"ES256", ""}, {"EdDSA", ""}, {0},
};

static const struct hub_row claims[] = {
    {"userId", HUB_KIND_STRING, .offset = AT(jwt.claim_user_id), .fallback = "userId", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Claim with the user's id; sub is used when it is absent."},
    {"roleId", HUB_KIND_STRING, .offset = AT(jwt.claim_role_id), .fallback = "roleId", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Claim with the user's role."},
    {0},
};
static const struct hub_fields table_claims = {"Claims", 0, claims, "Where the token holds what a session needs."};

static const struct hub_words key_set_schemes[] = {{"https://", ""}, {"http://", ""}, {0}};

static const struct hub_row jwt[] = {
    {"algorithms", HUB_KIND_WORDS, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, AT(jwt.algorithms), .words = algorithms,
     .example = "[RS256]", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Algorithms that are accepted; what the token says of itself is never trusted alone."},
    {"publicKeyFile", HUB_KIND_STRING, HUB_ROW_FILE, AT(jwt.public_key_file), .example = "keys/rs256.pem",
     .breaks = HUB_BREAKS_RIGHTS, .help = "PEM file with the public key."},
    {"secretEnv", HUB_KIND_NAME, .offset = AT(jwt.secret_env), .rule = HUB_NAME_IDENTIFIER, .example = "JWT_SECRET",
     .breaks = HUB_BREAKS_RIGHTS, .help = "Environment variable with the shared secret (HS algorithms)."},
    {"jwksUrl", HUB_KIND_STRING, HUB_ROW_URL, AT(jwt.jwks_url), .words = key_set_schemes, .breaks = HUB_BREAKS_RIGHTS,
     .help = "URL of a JSON Web Key Set: https, or http on loopback. Fetched at start, every ten minutes (or as "
             "Cache-Control: max-age says, from one "
             "minute to a day), and when a token names an unknown key."},
    {"jwksFile", HUB_KIND_STRING, HUB_ROW_FILE, AT(jwt.jwks_file), .breaks = HUB_BREAKS_RIGHTS,
     .help = "File with a JSON Web Key Set."},
    {"privateKeyFile", HUB_KIND_STRING, HUB_ROW_FILE, AT(jwt.private_key_file),
     .help = "PEM file with the private key; only hubctl token uses it."},
    {"issuer", HUB_KIND_STRING, .offset = AT(jwt.issuer), .breaks = HUB_BREAKS_RIGHTS,
     .help = "Required issuer (iss)."},
    {"audience", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = AT(jwt.audience), .example = "[app, admin]",
     .breaks = HUB_BREAKS_RIGHTS,
     .help = "Required audience: one, or a list of which the token's aud must name at least one."},
    {"leewaySeconds", HUB_KIND_DURATION, .offset = AT(jwt.leeway_seconds), .unit = 1000, .fallback = "5", .max = 600,
     .help = "Tolerated difference of clocks, in seconds."},
    {"claims", HUB_KIND_GROUP, .table = &table_claims, .help = "Names of the claims."},
    {0},
};
static const struct hub_fields table_jwt = {"Jwt", 0, jwt, "Tokens signed by an external issuer."};

static const struct hub_row session[] = {
    {"redisKey", HUB_KIND_STRING, HUB_ROW_REQUIRED, AT(session_redis_key), .example = "hexasession:${sessionId}",
     .breaks = HUB_BREAKS_RIGHTS,
     .help = "Key that must exist in Redis (cache.url), with claims by name, or with ${id} of the cookie; its JSON "
             "becomes the session."},
    {"cookie", HUB_KIND_STRING, .offset = AT(session_cookie), .max = 128, .example = "connect.sid",
     .breaks = HUB_BREAKS_RIGHTS,
     .help = "Cookie of express-session that names the session, for who comes without a token; redisKey is then "
             "\"sess:${id}\" with connect-redis. It counts from pages of the own host and of corsOrigins."},
    {"secretEnv", HUB_KIND_NAME, .offset = AT(session_secret_env), .rule = HUB_NAME_IDENTIFIER,
     .example = "SESSION_SECRET", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Environment variable with the secret that signs the cookie; several, parted by commas, are all good."},
    {"userId", HUB_KIND_STRING, .offset = AT(session_user_id), .fallback_note = "userId", .example = "passport.user",
     .breaks = HUB_BREAKS_RIGHTS,
     .help = "Where the session of a cookie holds the user's id; a path with dots reaches into objects. A session "
             "without it admits nobody."},
    {0},
};
static const struct hub_fields table_session = {
    "Session", 0, session, "The session must exist in Redis: as a second step after jwt, or named by a cookie."};

static const struct hub_vars vars_authenticate = {{"session", "claims"}};

static const struct hub_row auth[] = {
    {"jwt", HUB_KIND_GROUP, .count = 1 + AT(jwt.on), .table = &table_jwt, .help = "Admits holders of a valid token."},
    {"session", HUB_KIND_GROUP, .table = &table_session,
     .help = "Optional second step after jwt; with cookie a way in by itself."},
    {"dev", HUB_KIND_BOOL, .offset = AT(dev), .fallback = "false", .breaks = HUB_BREAKS_GRANTS,
     .help =
         "Accepts dev:<userId>[:<roleId>] as token; refused unless listen.host is loopback or HUBD_ALLOW_DEV_AUTH=1."},
    {"anonymous", HUB_KIND_BOOL, .offset = AT(anonymous), .fallback = "false", .breaks = HUB_BREAKS_GRANTS,
     .help = "Admits everyone with a generated userId and roleId guest."},
    {"authenticate", HUB_KIND_SCRIPT, .offset = AT(authenticate), .vars = &vars_authenticate,
     .breaks = HUB_BREAKS_RIGHTS, .help = "Hook that runs last and may deny or enrich the session."},
    {0},
};
static const struct hub_fields table_auth = {
    "Auth", 0, auth, "How users prove who they are: one of jwt, dev, anonymous; or a session's cookie."};

static const struct hub_words store_schemes[] = {{"sqlite:", ""}, {"postgresql://", ""}, {"postgres://", ""}, {0}};
static const struct hub_words cache_schemes[] = {
    {"memory:", ""},
    {"redis://", ""},
    {"rediss://", ""},
    {"redis+unix://", ""},
    {"redis+sentinel://", ""},
    {"rediss+sentinel://", ""},
    {0},
};
static const struct hub_words bus_schemes[] = {{"memory:", ""}, {"kafka://", ""}, {0}};
static const struct hub_words cluster_schemes[] = {{"redis://", ""}, {0}};

static const struct hub_row store[] = {
    {"url", HUB_KIND_STRING, HUB_ROW_URL, AT(store_url), .fallback_note = "sqlite:data/{service name}.db",
     .words = store_schemes, .example = "postgresql://user@host/db",
     .help = "Where messages and managed DataObjects live; sqlite paths are relative to the service directory."},
    {"readConnections", HUB_KIND_INT, .offset = AT(store_read_connections), .fallback = "2", .min = 1, .max = 64,
     .help =
         "Connections for reads (joins, history), beside the one that writes. The embedded store has its own readers."},
    {"statementTimeout", HUB_KIND_DURATION, .offset = AT(store_statement_timeout), .fallback = "5000", .min = 100,
     .max = 600000, .help = "Time that PostgreSQL may take for one statement, in milliseconds."},
    {0},
};
static const struct hub_row cache[] = {
    {"url", HUB_KIND_STRING, HUB_ROW_URL, AT(cache_url), .fallback = "memory:", .words = cache_schemes,
     .example = "redis://user:password@host:6379/0", .help = "Where cached decisions, rate limits and sessions live."},
    {0},
};
static const struct hub_row bus[] = {
    {"url", HUB_KIND_STRING, HUB_ROW_URL, AT(bus_url), .fallback = "memory:", .words = bus_schemes,
     .help = "Where data events are published and consumed."},
    {"options", HUB_KIND_MAP, .offset = AT(bus_options), .max = 16384,
     .example = "{security.protocol: sasl_ssl, sasl.username: hub}",
     .help = "Options of the bus, with kafka:// properties of librdkafka; the same may stand in the URL's query, which "
             "wins."},
    {0},
};
static const struct hub_row cluster[] = {
    {"url", HUB_KIND_STRING, HUB_ROW_URL | HUB_ROW_NOT_YET, AT(cluster_url), .fallback = "", .words = cluster_schemes,
     .help = "Joins nodes of the same service; empty is a single node."},
    {0},
};
static const struct hub_fields table_store = {"Store", 0, store, "The store."},
                               table_cache = {"Cache", 0, cache, "The cache."},
                               table_bus = {"Bus", 0, bus, "The message bus."},
                               table_cluster = {"Cluster", 0, cluster, "Several nodes."};

static const struct hub_row scripting[] = {
    {"cpuMs", HUB_KIND_DURATION, .offset = AT(script_cpu_ms), .fallback = "100", .min = 1, .max = 60000,
     .help = "CPU time of one script call, in milliseconds."},
    {"wallMs", HUB_KIND_DURATION, .offset = AT(script_wall_ms), .fallback = "5000", .min = 1, .max = 600000,
     .help = "Wall time of one script call, in milliseconds."},
    {"memoryMiB", HUB_KIND_INT, .offset = AT(script_memory_mib), .fallback = "64", .min = 1, .max = 65536,
     .help = "Memory of all scripts of the service, in MiB."},
    {0},
};
static const struct hub_fields table_scripting = {"Scripting", 0, scripting, "Limits of scripts."};

static const struct hub_row limits[] = {
    {"jobs", HUB_KIND_INT, .offset = AT(limit_jobs), .fallback = "1000000", .min = 1, .max = 1000000000,
     .help = "Jobs of one queue that may wait, for a worker or for their time; further ones are too_many."},
    {"invocations", HUB_KIND_INT, .offset = AT(limit_invocations), .fallback = "10000", .min = 1, .max = 1000000,
     .help = "Invocations of clients that may wait for their answers; further ones are too_many."},
    {"nodeCalls", HUB_KIND_INT, .offset = AT(limit_node_calls), .fallback = "10000", .min = 1, .max = 1000000,
     .help = "Calls of one node to nodes that may wait for their answers; further ones are too_many."},
    {0},
};
static const struct hub_fields table_limits = {"ServiceLimits", 0, limits,
                                               "Limits of what the service as a whole keeps."};

static const struct hub_row root[] = {
    {"service", HUB_KIND_GROUP, HUB_ROW_REQUIRED, .table = &table_service, .help = "Identity of the service."},
    {"listen", HUB_KIND_GROUP, HUB_ROW_RESTART, .table = &table_listen,
     .help = "The listener and the limits of a connection."},
    {"auth", HUB_KIND_GROUP, .table = &table_auth,
     .help = "How users prove who they are: one of jwt, dev, anonymous; or a session's cookie."},
    {"console", HUB_KIND_BOOL, .offset = AT(console), .fallback = "false",
     .help = "Serves the page to try the hubs at /console; always on with auth.dev."},
    {"store", HUB_KIND_GROUP, HUB_ROW_RESTART, .table = &table_store, .help = "The store."},
    {"cache", HUB_KIND_GROUP, HUB_ROW_RESTART, .table = &table_cache, .help = "The cache."},
    {"bus", HUB_KIND_GROUP, HUB_ROW_RESTART, .table = &table_bus, .help = "The message bus."},
    {"cluster", HUB_KIND_GROUP, HUB_ROW_RESTART, .table = &table_cluster, .help = "Several nodes."},
    {"scripting", HUB_KIND_GROUP, .table = &table_scripting, .help = "Limits of scripts."},
    {"dataObjects", HUB_KIND_LIST, .offset = AT(objects), .count = AT(object_n), .table = &hub_fields_object,
     .breaks = HUB_BREAKS_DATA, .help = "The records that hubs and scripts work with."},
    {"lifecycle", HUB_KIND_GROUP, .table = &hub_fields_service_lifecycle,
     .help = "Scripts that are called when the service starts and stops."},
    {"namespaces", HUB_KIND_LIST, .offset = AT(namespaces), .count = AT(namespace_n), .table = &hub_fields_namespace,
     .breaks = HUB_BREAKS_CLIENTS, .help = "Plain Socket.IO namespaces served by Lua."},
    {"queues", HUB_KIND_LIST, .offset = AT(queues), .count = AT(queue_n), .table = &hub_fields_queue,
     .breaks = HUB_BREAKS_DATA, .help = "Work that is kept in the store and carried out later."},
    {"clients", HUB_KIND_GROUP, .count = 1 + AT(clients.on), .table = &hub_fields_clients,
     .help = "How clients are told apart, and what the server may ask of them."},
    {"nodeHandlers", HUB_KIND_LIST, .offset = AT(node_handlers), .count = AT(node_handler_n),
     .table = &hub_fields_node_handler, .help = "What a node answers to others: nodes.call."},
    {"broadcasts", HUB_KIND_LIST, .offset = AT(broadcasts), .count = AT(broadcast_n),
     .table = &hub_fields_node_broadcast, .help = "What all nodes are told by one of them: nodes.broadcast."},
    {"plugins", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = AT(plugin_dirs), .example = "[plugins/antispam]",
     .help = "Folders with a plugin.yaml, relative to the service directory: parts that hubs and namespaces use."},
    {"limits", HUB_KIND_GROUP, .table = &table_limits, .help = "Limits of what the service as a whole keeps."},
    {0},
};
const struct hub_fields hub_fields_service = {
    "ServiceDocument", sizeof(struct hub_service), root,
    "One service: listener, authentication, backends, DataObjects, plain namespaces."};
