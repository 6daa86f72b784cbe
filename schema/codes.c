/* The catalogue of lint codes: what each means, how it looks, what would happen at run time. Codes are
 * stable once released. */
#include "schema/diag.h"

#define ERROR HUB_SEV_ERROR, false
#define WARNING HUB_SEV_WARNING, false
#define MENDED HUB_SEV_ERROR, true /* what it suggests is the only thing that can have been meant */
#define REFUSED "hubd refuses to start with the definition; on reload the old one keeps serving."
#define NOT_RUN "hubctl test runs nothing (exit code 3); hubd does not look at scenarios."

static const struct hub_code_row rows[] = {
    {"Y001", MENDED, "YAML syntax",
     "The file is not YAML. The position is where reading it failed; the cause is often a line above: a missing quote, "
     "bracket "
     "or colon, or an indentation that does not fit.",
     "hubBasics:\n"
     "  name: chat\n"
     " description: Rooms",
     "hubBasics:\n"
     "  name: chat\n"
     "  description: Rooms",
     REFUSED},
    {"Y002", ERROR, "tab used as indentation", "YAML indents with spaces; a tab there is an error of its own.",
     "hubBasics:\n"
     "\tname: chat",
     "hubBasics:\n"
     "  name: chat",
     REFUSED},
    {"Y003", ERROR, "duplicate key",
     "A mapping has the same key twice. YAML libraries disagree on which one counts, so neither does.",
     "guardrails:\n"
     "  maxRoomsPerUser: 5\n"
     "  maxRoomsPerUser: 10",
     "guardrails:\n"
     "  maxRoomsPerUser: 10",
     REFUSED},
    {"Y004", ERROR, "anchor or alias",
     "Definitions have no anchors (&name) and no aliases (*name): what a hub does stands where it is read. Text that "
     "starts "
     "with & or * needs quotes.",
     "hubRoles:\n"
     "  - &base {name: member}\n"
     "  - *base",
     "hubRoles:\n"
     "  - {name: member}\n"
     "  - {name: guest}",
     REFUSED},
    {"Y005", ERROR, "second document", "One file holds one definition; a line \"---\" starts another document.",
     "hubBasics: {name: chat}\n"
     "---\n"
     "hubBasics: {name: game}",
     "# chat.hub.yaml\n"
     "hubBasics: {name: chat}",
     REFUSED},
    {"Y006", ERROR, "merge key", "The merge key << is not supported; write the keys out.",
     "listen:\n"
     "  <<: {port: 8080}",
     "listen:\n"
     "  port: 8080",
     REFUSED},
    {"Y007", ERROR, "nested too deeply", "Lists and mappings may be nested at most 64 levels deep.",
     "a: [[[[[[ … 65 levels … ]]]]]]", "a: [[1]]", REFUSED},
    {"Y008", ERROR, "file too large", "A definition file may be at most 1 MiB in size.",
     "a seed.yaml with 100,000 rows", "rows imported into the store with SQL", REFUSED},
    {"Y009", ERROR, "not text", "The file is not valid UTF-8 or holds control characters.",
     "a file saved as Latin-1 or UTF-16", "the same file saved as UTF-8", REFUSED},
    {"Y010", ERROR, "environment variable not set",
     "${NAME} takes its value from the environment, and NAME is not there. Write ${NAME:-default} to give one; $${ is "
     "a "
     "literal ${. Names are upper case.",
     "store: {url: \"${STORE_URL}\"}", "store: {url: \"${STORE_URL:-sqlite:data/chat.db}\"}", REFUSED},
    {"Y011", ERROR, "file cannot be read", "The file is there but cannot be opened or read.",
     "-rw------- root root chat.hub.yaml", "-rw-r--r-- root root chat.hub.yaml", REFUSED},
    {"Y012", ERROR, "empty file",
     "The file has no content. A hub needs at least hubBasics and roomSettings, a service at least service and auth.",
     "# nothing but a comment",
     "hubBasics: {name: chat}\n"
     "roomSettings: {roomDataObject: conversation}",
     REFUSED},
    {"Y013", ERROR, "tag", "Types follow from the field, so tags (!name, !!name) mean nothing here.",
     "maxRoomsPerUser: !!int \"5\"", "maxRoomsPerUser: 5", REFUSED},
    {"Y015", ERROR, "key that is not a name",
     "The key of a mapping is a list or a mapping. This often comes from braces that a template left behind.",
     "name: {{ hub }}", "name: chat", REFUSED},
    {"Y016", ERROR, "too many problems", "After 200 problems in one file the rest is not listed.", "", "", ""},
    {"Y017", WARNING, "ignore without effect",
     "A comment hubctl:ignore takes warnings out, on its own line or on the next one: it names their codes and, behind "
     "--, the reason. This one lacks it, is about an error, or about nothing that is found there.",
     "maxUsersPerRoom: 500 # hubctl:ignore H030", "maxUsersPerRoom: 500 # hubctl:ignore H030 -- until the rooms open",
     "Nothing: it is about lint."},
    {"S001", ERROR, "unknown key",
     "The object has no field of that name. Names are case-sensitive. A key that is read by nobody is a mistake, so it "
     "is not "
     "passed over.",
     "listen:\n"
     "  prot: 8080",
     "listen:\n"
     "  port: 8080",
     REFUSED},
    {"S002", MENDED, "wrong type",
     "The value has another type than the field. Numbers and booleans are written without quotes; yes, no, on and off "
     "are "
     "strings.",
     "listen:\n"
     "  port: http",
     "listen:\n"
     "  port: 8080",
     REFUSED},
    {"S003", ERROR, "missing required field", "The field is required and has no default.",
     "service:\n"
     "  project: tutorhub",
     "service:\n"
     "  name: messaging",
     REFUSED},
    {"S004", ERROR, "bad name", "The name is used in paths, code or SQL and has to be written accordingly.",
     "service:\n"
     "  name: my-service",
     "service:\n"
     "  name: myService",
     REFUSED},
    {"S005", ERROR, "out of range",
     "The value is outside of what the field accepts; a list may have 1000 entries, and fields within fields may be 8 "
     "levels deep.",
     "listen:\n"
     "  port: 99999",
     "listen:\n"
     "  port: 8080",
     REFUSED},
    {"S006", ERROR, "not one of the possible values",
     "The field accepts only certain words; what has fields of its own is of type JSON.",
     "auth:\n"
     "  jwt: {algorithms: [RS265]}",
     "auth:\n"
     "  jwt: {algorithms: [RS256]}",
     REFUSED},
    {"S007", ERROR, "duplicate name",
     "Two elements of a list have the same name, so a reference to it would be ambiguous; or a field is written in "
     "both "
     "of its spellings.",
     "dataObjects:\n"
     "  - {name: conversation}\n"
     "  - {name: conversation}",
     "dataObjects:\n"
     "  - {name: conversation}\n"
     "  - {name: member}",
     REFUSED},
    {"S009", WARNING, "the service serves nothing",
     "There is no *.hub.yaml below the directory and service.yaml has no namespaces.",
     "an empty directory beside service.yaml", "chat.hub.yaml beside service.yaml",
     "It starts and answers its operational endpoints only."},
    {"S010", ERROR, "unknown override",
     "--set names a single value of service.yaml with its path, like store.url. Lists of objects cannot be set.",
     "hubd hubs/chat --set listen.prot=9000", "hubd hubs/chat --set listen.port=9000", REFUSED},
    {"S011", ERROR, "no way to authenticate", "auth has to say how users prove who they are: jwt, dev or anonymous.",
     "auth: {}", "auth: {dev: true}", REFUSED},
    {"S012", ERROR, "several ways to authenticate",
     "auth takes one of jwt, dev and anonymous: which one a user has passed must not be open.",
     "auth:\n"
     "  dev: true\n"
     "  anonymous: true",
     "auth:\n"
     "  dev: true",
     REFUSED},
    {"S013", ERROR, "dev authentication on a public address",
     "With auth.dev a token dev:alice:admin makes anyone alice with the role admin. That is for development: "
     "listen.host must "
     "be loopback, or the environment variable HUBD_ALLOW_DEV_AUTH=1 says that the network is private.",
     "listen: {host: 0.0.0.0}\n"
     "auth: {dev: true}",
     "listen: {host: 127.0.0.1}\n"
     "auth: {dev: true}",
     REFUSED},
    {"S014", ERROR, "file cannot be read",
     "A key or certificate file is not there or not readable. Paths are relative to the service directory.",
     "jwt: {algorithms: [RS256], publicKeyFile: rs256.pem}",
     "jwt: {algorithms: [RS256], publicKeyFile: keys/rs256.pem}", REFUSED},
    {"S015", ERROR, "jwt needs one key source",
     "Exactly one of publicKeyFile, secretEnv, jwksUrl and jwksFile says what tokens are checked with.",
     "jwt: {algorithms: [RS256]}", "jwt: {algorithms: [RS256], publicKeyFile: keys/rs256.pem}", REFUSED},
    {"S016", ERROR, "Enum without values", "A field of type Enum needs the values it may have.",
     "properties:\n"
     "  - {name: status, type: Enum}",
     "properties:\n"
     "  - {name: status, type: Enum, enumValues: \"active,closed\"}",
     REFUSED},
    {"S017", ERROR, "default does not fit its type", "The default value is not a value of the field's type.",
     "properties:\n"
     "  - {name: status, type: Enum, enumValues: \"active,closed\", defaultValue: open}",
     "properties:\n"
     "  - {name: status, type: Enum, enumValues: \"active,closed\", defaultValue: active}",
     REFUSED},
    {"S018", WARNING, "enumValues or format without effect",
     "enumValues means something for the type Enum only, format of a message's field for the type ID.",
     "properties:\n"
     "  - {name: status, type: String, enumValues: \"active,closed\"}",
     "properties:\n"
     "  - {name: status, type: Enum, enumValues: \"active,closed\"}",
     "The values are not enforced."},
    {"S019", ERROR, "reserved name",
     "The name belongs to hubd or to Socket.IO: createdAt, updatedAt and isActive of managed DataObjects have fixed "
     "types; "
     "tables that start with hubd_ are the engine's, those with sqlite_ SQLite's; connect, disconnect and the like are "
     "events of Socket.IO itself.",
     "properties:\n"
     "  - {name: createdAt, type: String}",
     "properties:\n"
     "  - {name: startedAt, type: DateTime}",
     REFUSED},
    {"S020", ERROR, "column of an undefined property", "columns maps properties of the DataObject to columns.",
     "properties: [{name: ownerId, type: ID}]\n"
     "columns: {owner: owner_user_id}",
     "properties: [{name: ownerId, type: ID}]\n"
     "columns: {ownerId: owner_user_id}",
     REFUSED},
    {"S021", ERROR, "URL of an unknown kind", "The scheme of the URL chooses the adapter.",
     "store: {url: \"mysql://db/chat\"}", "store: {url: \"postgresql://db/chat\"}", REFUSED},
    {"S022", ERROR, "bad namespace path",
     "The path of a namespace starts with / and is written without characters that the protocol uses; below /hub/ are "
     "the "
     "hubs.",
     "namespaces:\n"
     "  - {path: custom}",
     "namespaces:\n"
     "  - {path: /custom}",
     REFUSED},
    {"S023", ERROR, "seed row does not fit",
     "seed.yaml maps managed DataObjects to lists of rows. Each row needs the id and all required properties, only "
     "known "
     "properties, and values of their types.",
     "conversation:\n"
     "  - {titel: First}",
     "conversation:\n"
     "  - {id: c1, title: First}",
     REFUSED},
    {"S024", ERROR, "bad CORS origin",
     "An origin is a scheme, a host and possibly a port, as browsers write it: without a path. "
     "\"https://*.example.com\" stands for all names below "
     "example.com. \"*\" allows all and stands alone.",
     "corsOrigins: [\"app.example.com/\"]", "corsOrigins: [\"https://app.example.com\"]", REFUSED},
    {"S025", ERROR, "bad base path", "basePath is the prefix of a reverse proxy and starts with /.",
     "service: {name: messaging, basePath: messaging-api}", "service: {name: messaging, basePath: /messaging-api}",
     REFUSED},
    {"S026", ERROR, "not a service directory",
     "A service directory holds one of service.yaml, service.yml and service.json.", "hubd hubs", "hubd hubs/chat",
     REFUSED},
    {"S027", ERROR, "algorithm and key do not go together",
     "HS algorithms use a shared secret, all others a public key. Checking an HS token with a public key would let "
     "everyone "
     "who knows that key sign tokens.",
     "jwt: {algorithms: [HS256], publicKeyFile: keys/rs256.pem}",
     "jwt: {algorithms: [RS256], publicKeyFile: keys/rs256.pem}", REFUSED},
    {"S028", ERROR, "session step without jwt",
     "auth.session looks up a session named by the claims of a token, so it needs auth.jwt; or by a cookie, which it "
     "names (auth.session.cookie).",
     "auth:\n"
     "  dev: true\n"
     "  session: {redisKey: \"session:${sessionId}\"}",
     "auth:\n"
     "  jwt: {…}\n"
     "  session: {redisKey: \"session:${sessionId}\"}",
     REFUSED},
    {"S029", ERROR, "keys over an unencrypted connection",
     "Whoever can change the answer of auth.jwt.jwksUrl on its way can sign tokens for everybody, so the URL is https, "
     "or http on the same machine "
     "(localhost, 127.0.0.1, [::1]). A user name or password has no place in it.",
     "jwt: {algorithms: [RS256], jwksUrl: \"http://id.example.com/jwks\"}",
     "jwt: {algorithms: [RS256], jwksUrl: \"https://id.example.com/jwks\"}", REFUSED},
    {"S030", WARNING, "sessions in this process's memory",
     "auth.session looks for a key that whoever signs users in has put into the cache. With cache.url memory:, the "
     "default, only this service's own "
     "scripts can put one there (redis.set), and it is gone when hubd stops. lint does not look at the environment: "
     "where HUBD_CACHE_URL names a "
     "Redis, hubd itself does not warn.",
     "auth:\n"
     "  jwt: {…}\n"
     "  session: {redisKey: \"session:${sessionId}\"}",
     "auth:\n"
     "  jwt: {…}\n"
     "  session: {redisKey: \"session:${sessionId}\"}\n"
     "cache: {url: \"redis://localhost:6379/0\"}",
     "Only users whose session a script of the service has stored are admitted; all others get invalid_token."},
    {"S031", ERROR, "keys that cannot be used",
     "The source that auth.jwt names holds no key for its algorithms: the file is empty or is not a key, the "
     "environment variable of "
     "secretEnv (also that of auth.session or clients.proof) is not set, or the key has another type than the "
     "algorithm needs (ES256 a "
     "P-256 key, RS256 an RSA "
     "key of 2048 bits or more).",
     "jwt: {algorithms: [ES256], publicKeyFile: keys/rs256.pem}",
     "jwt: {algorithms: [RS256], publicKeyFile: keys/rs256.pem}", REFUSED},
    {"S032", ERROR, "certificate that cannot be used",
     "certFile or keyFile holds no certificate or key in PEM form, the key is not that of the certificate, or it needs "
     "a passphrase.",
     "tls: {certFile: tls/key.pem, keyFile: tls/cert.pem}", "tls: {certFile: tls/cert.pem, keyFile: tls/key.pem}",
     REFUSED},
    {"S033", ERROR, "URL or option that cannot be used",
     "The adapter that the scheme of the URL chooses does not understand the rest of it, or one of its options.",
     "cache: {url: \"redis://cache:six\"}", "cache: {url: \"redis://cache:6379/0\"}", REFUSED},
    {"S034", ERROR, "not in use yet",
     "The field is part of the definition, and this version of hubd does nothing with it.",
     "cluster: {url: \"redis://cache:6379\"}", "cluster: {url: \"\"}", REFUSED},
    {"S035", ERROR, "the service cannot be started",
     "Each part is well formed, and yet they cannot be started together: scripts larger than scripting.memoryMiB "
     "allows, files in public/ that "
     "cannot "
     "be read or are too many, tables with the same name.",
     "public/ with 200 MiB of files", "public/ with the page, large files elsewhere", REFUSED},
    {"S036", WARNING, "link that leads nowhere",
     "A symbolic link in public/ points to nothing, or in a circle. There is nothing to serve, and the other files are "
     "served without it.",
     "public/app.js -> ../dist/app.js, which was not built", "public/app.js, or a link to a file that is there",
     "The file is not found."},
    {"S040", ERROR, "bad trusted proxy",
     "trustedProxies lists the addresses of reverse proxies, one by one or as ranges (CIDR), of IPv4 or IPv6; or "
     "unix:, with a socket file as "
     "listen.host. The forwarding headers of any other peer are ignored.",
     "trustedProxies: [\"10.0.0.1/8\"]", "trustedProxies: [\"10.0.0.0/8\"]", REFUSED},
    {"S041", ERROR, "bad path of Engine.IO",
     "listen.path is where polling and WebSocket are served; hubs, console and health have paths of their own.",
     "listen: {path: /metrics}", "listen: {path: /realtime}", REFUSED},
    {"S042", ERROR, "bad socket file",
     "A socket file is named by its absolute path, which the system limits to 107 bytes. It is made in a folder that "
     "is "
     "there and may be written in, and takes the place of no other file.",
     "listen: {host: \"unix:hubd.sock\"}", "listen: {host: \"unix:/run/hubd/hubd.sock\"}", REFUSED},
    {"S043", WARNING, "limit that is never reached",
     "Another limit comes first: maxPending is for all addresses together, and the time that a script computes is part "
     "of "
     "its wallMs.",
     "listen: {maxPendingPerAddress: 500, maxPending: 100}", "listen: {maxPendingPerAddress: 50, maxPending: 100}",
     "The smaller one holds: one address can take all of maxPending."},
    {"S044", WARNING, "development authentication for every page",
     "Development tokens need no secret, so any page that is allowed can act as any user. Name the origins of your "
     "pages.",
     "listen: {corsOrigins: [\"*\"]}\n"
     "auth: {dev: true}",
     "listen: {corsOrigins: [\"http://localhost:3000\"]}\n"
     "auth: {dev: true}",
     "Pages of every origin are allowed, without cookies."},
    {"S045", WARNING, "without effect",
     "What is written is well formed, and something else keeps it from ever having an effect; the finding says what.",
     "store: {url: \"sqlite:data/chat.db\", readConnections: 8}", "store: {url: \"sqlite:data/chat.db\"}",
     "It is passed over."},
    {"S046", WARNING, "file that nothing reads",
     "A file or folder looks like a part of the service and is none by its name: hubs are in *.hub.yaml, .hub.yml and "
     ".hub.json, rows in seed.yaml, modules in lib/*.lua, files of the page in public/. Folders that a link leads to "
     "are "
     "not entered.",
     "chat.yaml beside service.yaml", "chat.hub.yaml beside service.yaml", "It is passed over."},
    {"S047", ERROR, "bad address",
     "listen.host is an IPv4 or IPv6 address, a name that this machine knows, or a socket file (unix:/path); the port "
     "has a "
     "field of its own.",
     "listen: {host: \"localhost:8080\"}", "listen: {host: localhost, port: 8080}", REFUSED},
    {"S048", ERROR, "session cookie that cannot be checked",
     "auth.session.cookie is the cookie of express-session that names the session. Its signature is checked with the "
     "secret that "
     "signs it (secretEnv), and redisKey is made of the id in it: ${id}. secretEnv and userId belong to a cookie.",
     "session: {cookie: connect.sid, redisKey: \"sess:${sid}\"}",
     "session: {cookie: connect.sid, secretEnv: SESSION_SECRET, redisKey: \"sess:${id}\", userId: passport.user}",
     REFUSED},
    {"S049", WARNING, "one session for everybody",
     "redisKey of auth.session names the key of the session that a token belongs to. Without a claim in it, ${claim}, "
     "every token has the same one.",
     "session: {redisKey: \"session\"}", "session: {redisKey: \"session:${sessionId}\"}",
     "As long as that one key is there, everybody has a session, and all of them have the same."},
    {"H001", ERROR, "unknown key",
     "The object has no field of that name. Names are case-sensitive. A key that is read by nobody is a mistake, so it "
     "is not "
     "passed over.",
     "messageSettings:\n"
     "  enabelReaction: true",
     "messageSettings:\n"
     "  enableReaction: true",
     REFUSED},
    {"H002", MENDED, "wrong type",
     "The value has another type than the field. Numbers and booleans are written without quotes; yes, no, on and off "
     "are "
     "strings.",
     "guardrails:\n"
     "  maxRoomsPerUser: \"many\"",
     "guardrails:\n"
     "  maxRoomsPerUser: 50",
     REFUSED},
    {"H003", ERROR, "missing required field", "The field is required and has no default.", "roomSettings: {}",
     "roomSettings:\n"
     "  roomDataObject: conversation",
     REFUSED},
    {"H004", ERROR, "bad name", "The name is used in paths, code or SQL and has to be written accordingly.",
     "hubBasics:\n"
     "  name: Chat Hub",
     "hubBasics:\n"
     "  name: chatHub",
     REFUSED},
    {"H005", ERROR, "out of range",
     "The value is outside of what the field accepts; a list may have 1000 entries, and fields within fields may be 8 "
     "levels deep.",
     "guardrails:\n"
     "  maxUsersPerRoom: 0",
     "guardrails:\n"
     "  maxUsersPerRoom: 1000",
     REFUSED},
    {"H006", ERROR, "not one of the possible values",
     "The field accepts only certain words; what has fields of its own is of type JSON.",
     "messageSettings:\n"
     "  messageTypes: [text, picture]",
     "messageSettings:\n"
     "  messageTypes: [text, image]",
     REFUSED},
    {"H007", ERROR, "duplicate name",
     "Two elements of a list have the same name, so a reference to it would be ambiguous; or a field is written in "
     "both "
     "of its spellings.",
     "hubRoles:\n"
     "  - {name: member}\n"
     "  - {name: member, canSend: false}",
     "hubRoles:\n"
     "  - {name: member}\n"
     "  - {name: viewer, canSend: false}",
     REFUSED},
    {"H008", WARNING, "value is not advisable",
     "The value is accepted but costs the server much: the script runs that often for every active room.",
     "scheduledActions:\n"
     "  - {name: tick, intervalMs: 20, script: lib.world.tick(roomId)}",
     "scheduledActions:\n"
     "  - {name: tick, intervalMs: 100, script: lib.world.tick(roomId)}",
     "It runs; ticks that take longer than their interval are skipped."},
    {"H009", ERROR, "hub defined twice",
     "Two files of the service define a hub of the same name; the namespace /hub/{name} can belong to one only.",
     "# a.hub.yaml and b.hub.yaml\n"
     "hubBasics: {name: chat}",
     "# b.hub.yaml\n"
     "hubBasics: {name: support}",
     REFUSED},
    {"H010", ERROR, "undefined DataObject",
     "roomDataObject and sourceObject name a DataObject of the same service: an entry of dataObjects in service.yaml.",
     "roomSettings:\n"
     "  roomDataObject: conversatoin",
     "roomSettings:\n"
     "  roomDataObject: conversation",
     REFUSED},
    {"H011", ERROR, "undefined property", "userField and roomField name properties of sourceObject.",
     "authSources:\n"
     "  - {name: owner, sourceObject: conversation, userField: owner, roomField: id}",
     "authSources:\n"
     "  - {name: owner, sourceObject: conversation, userField: ownerId, roomField: id}",
     REFUSED},
    {"H012", ERROR, "undefined hubRole",
     "A role that an authSource or authScript grants must be defined in hubRoles. To admit without a specific role, "
     "leave "
     "hubRole out.",
     "authSources:\n"
     "  - {…, hubRole: moderater}\n"
     "hubRoles:\n"
     "  - {name: moderator}",
     "authSources:\n"
     "  - {…, hubRole: moderator}\n"
     "hubRoles:\n"
     "  - {name: moderator}",
     REFUSED},
    {"H013", ERROR, "role allows an undefined message type",
     "allowedMessageTypes lists types of this hub: built-in ones enabled in messageTypes, and customMessageTypes.",
     "messageSettings: {messageTypes: [text]}\n"
     "hubRoles:\n"
     "  - {name: member, allowedMessageTypes: \"text,image\"}",
     "messageSettings: {messageTypes: [text, image]}\n"
     "hubRoles:\n"
     "  - {name: member, allowedMessageTypes: \"text,image\"}",
     REFUSED},
    {"H014", ERROR, "handler for an undefined message type", "A message handler intercepts one of customMessageTypes.",
     "hubLogic:\n"
     "  messageHandlers:\n"
     "    - {messageType: chessmove, script: lib.chess.move(message)}",
     "hubLogic:\n"
     "  messageHandlers:\n"
     "    - {messageType: chessMove, script: lib.chess.move(message)}",
     REFUSED},
    {"H015", ERROR, "handler for a built-in message type",
     "Handlers intercept custom message types; the flow of the built-in ones is fixed.",
     "hubLogic:\n"
     "  messageHandlers:\n"
     "    - {messageType: text, script: lib.filter(message)}",
     "messageSettings:\n"
     "  customMessageTypes: [{name: filteredText}]\n"
     "hubLogic:\n"
     "  messageHandlers:\n"
     "    - {messageType: filteredText, script: lib.filter(message)}",
     REFUSED},
    {"H016", ERROR, "Enum without values", "A field of type Enum needs the values it may have.",
     "fields:\n"
     "  - {name: piece, fieldType: Enum}",
     "fields:\n"
     "  - {name: piece, fieldType: Enum, enumValues: \"pawn,rook\"}",
     REFUSED},
    {"H017", ERROR, "default does not fit its type",
     "The default value is not a value of the field's type; with list it is a list of such values, and of what has "
     "fields a mapping of these.",
     "fields:\n"
     "  - {name: amount, fieldType: Integer, defaultValue: lots}",
     "fields:\n"
     "  - {name: amount, fieldType: Integer, defaultValue: 1}",
     REFUSED},
    {"H018", WARNING, "enumValues or format without effect",
     "enumValues means something for the type Enum only, format of a message's field for the type ID.",
     "fields:\n"
     "  - {name: piece, fieldType: String, enumValues: \"pawn,rook\"}",
     "fields:\n"
     "  - {name: piece, fieldType: Enum, enumValues: \"pawn,rook\"}",
     "The values are not enforced."},
    {"H019", ERROR, "reserved name",
     "The name belongs to hubd or to Socket.IO: the role system, the built-in message types, standard events that are "
     "turned "
     "on, events that start with hub:, Socket.IO's own events, tables that start with hubd_, variables of hooks, and "
     "paths like metrics.",
     "hubRoles:\n"
     "  - {name: system}",
     "hubRoles:\n"
     "  - {name: owner}",
     REFUSED},
    {"H020", ERROR, "unreachable authSource",
     "An earlier source looks for the same record and has no condition, or the same one, so this one never decides "
     "anything. "
     "Order sources from the highest privilege to the lowest.",
     "authSources:\n"
     "  - {name: member, sourceObject: m, userField: u, roomField: r, hubRole: member}\n"
     "  - {name: lead, sourceObject: m, userField: u, roomField: r, condition: m.lead, hubRole: lead}",
     "authSources:\n"
     "  - {name: lead, sourceObject: m, userField: u, roomField: r, condition: m.lead, hubRole: lead}\n"
     "  - {name: member, sourceObject: m, userField: u, roomField: r, hubRole: member}",
     REFUSED " Otherwise nobody would ever get the role."},
    {"H021", ERROR, "unreachable authScript",
     "An earlier script is always true, or is the same, so this one never decides anything.",
     "authScripts:\n"
     "  - {name: anyone, script: \"true\", hubRole: guest}\n"
     "  - {name: vip, script: user.vip, hubRole: vip}",
     "authScripts:\n"
     "  - {name: vip, script: user.vip, hubRole: vip}\n"
     "  - {name: anyone, script: \"true\", hubRole: guest}",
     REFUSED " Otherwise nobody would ever get the role."},
    {"H022", ERROR, "moderation without a moderator",
     "Messages wait for approval, but nobody can approve them: no role with canModerate is granted, and no "
     "absoluteRoles are "
     "given.",
     "hubRoles:\n"
     "  - {name: member, moderated: true}",
     "hubRoles:\n"
     "  - {name: member, moderated: true}\n"
     "  - {name: host, canModerate: true}",
     REFUSED " Otherwise messages would stay pending for ever."},
    {"H023", ERROR, "silence without anyone who can lift it",
     "With defaultSilenced everybody joins silenced, and only who can moderate may let others speak. Nobody can.",
     "guardrails: {defaultSilenced: true}\n"
     "hubRoles:\n"
     "  - {name: member}",
     "guardrails: {defaultSilenced: true}\n"
     "hubRoles:\n"
     "  - {name: member}\n"
     "  - {name: host, canModerate: true}",
     REFUSED " Otherwise nobody could ever send anything."},
    {"H024", ERROR, "message size above the transport limit",
     "listen.maxPayload bounds what a client can send in one piece; a message of maxMessageSize must fit into it, "
     "together "
     "with what surrounds it.",
     "# service.yaml: listen.maxPayload: 1000000\n"
     "guardrails: {maxMessageSize: 5000000}",
     "# service.yaml: listen.maxPayload: 8000000\n"
     "guardrails: {maxMessageSize: 5000000}",
     REFUSED " Otherwise the connection would be closed before the hub sees the message."},
    {"H025", WARNING, "the hub admits everyone",
     "Without authSources and authScripts every authenticated user who passes roomEligibility, checkRoles and "
     "checkScript may "
     "join, and gets no specific role: may read and send every type, unmoderated.",
     "roomSettings:\n"
     "  roomDataObject: conversation",
     "roomSettings:\n"
     "  roomDataObject: conversation\n"
     "  authScripts:\n"
     "    - {name: anyone, script: \"true\", hubRole: member}",
     "Every authenticated user joins every eligible room with hubRole null."},
    {"H026", WARNING, "role that nobody gets", "No authSource and no authScript grants the role.",
     "hubRoles:\n"
     "  - {name: moderator, canModerate: true}",
     "authSources:\n"
     "  - {…, hubRole: moderator}\n"
     "hubRoles:\n"
     "  - {name: moderator, canModerate: true}",
     "The role is never used."},
    {"H027", WARNING, "no message types", "messageTypes is empty and there are no customMessageTypes.",
     "messageSettings: {messageTypes: []}", "messageSettings: {messageTypes: [text]}",
     "Every send is refused with unknown_type."},
    {"H028", ERROR, "generated name is taken",
     "For each hub DataObjects are generated: {hub}Message (or dataObjectName), {hub}Moderation, {hub}Receipt, "
     "{hub}Event; for queues {service}Job. One "
     "of them has the name of another DataObject's table, upper and lower case being the same.",
     "# service.yaml: dataObjects: [{name: chatMessage}]\n"
     "hubBasics: {name: chat}",
     "messageSettings: {dataObjectName: chatHubMessage}", REFUSED},
    {"H029", ERROR, "property that hub:updateRoom may not change",
     "roomUpdate names the id, a property that hubd keeps itself (createdAt, updatedAt, isActive), or one that an "
     "authSource of this hub reads of "
     "the "
     "room object. A condition that is given the record as a whole may read everything of it.",
     "roomSettings:\n"
     "  roomDataObject: conversation\n"
     "  authSources:\n"
     "    - {name: owner, sourceObject: conversation, userField: ownerId, roomField: id, hubRole: owner}\n"
     "hubExtensions: {roomUpdate: {properties: [title, ownerId]}}",
     "hubExtensions: {roomUpdate: {properties: [title]}}",
     REFUSED " Otherwise users who manage a room could make themselves its owner."},
    {"H030", WARNING, "without effect",
     "What is written is well formed, and something else keeps it from ever having an effect: a limit of what is off, "
     "a "
     "right that needs another one, a handler of a type that nobody may send.",
     "hubRoles:\n"
     "  - {name: viewer, canSend: false, moderated: true}",
     "hubRoles:\n"
     "  - {name: viewer, canSend: false}",
     "It is passed over."},
    {"H031", WARNING, "hook that is never true",
     "The hook is a constant that counts as false, so whatever it decides about never happens.",
     "authScripts:\n"
     "  - {name: guests, script: \"false\", hubRole: guest}",
     "authScripts:\n"
     "  - {name: guests, script: room.isPublic, hubRole: guest}",
     "Nobody gets in by it; a filterExpression lets no record pass."},
    {"H032", WARNING, "property that holds no id",
     "userField and roomField are compared with the ids of users and rooms, which are texts. A Boolean, a DateTime or "
     "JSON "
     "is never one.",
     "authSources:\n"
     "  - {name: owner, sourceObject: conversation, userField: isPublic, roomField: id}",
     "authSources:\n"
     "  - {name: owner, sourceObject: conversation, userField: ownerId, roomField: id}",
     "The authSource matches nobody."},
    {"H033", WARNING, "event that nobody emits",
     "A custom event of direction serverToClient or serverToRoom is emitted by scripts (hub.emit, hub.broadcast), and "
     "no "
     "script of the service does.",
     "customEvents:\n"
     "  - {name: wave, direction: serverToRoom}",
     "customEvents:\n"
     "  - {name: wave, direction: clientToRoom}",
     "Nobody ever gets the event."},
    {"H034", WARNING, "topic without records",
     "The topic is a likely misspelling of one of this service's own changes, or no record can come by it: the bus "
     "\"memory:\" carries nothing but what this service writes. With another bus other programs may write, so only "
     "misspellings are told there. lint does not look at the environment: where HUBD_BUS_URL names a Kafka, hubd "
     "itself does not warn.",
     "kafkaEvents:\n"
     "  - {name: moved, topic: hubd-chat-service-dbevent-Conversation-update, targetRoomExpression: data.id}",
     "kafkaEvents:\n"
     "  - {name: moved, topic: hubd-chat-service-dbevent-conversation-updated, targetRoomExpression: "
     "data.conversation.id}",
     "Nobody ever gets the event."},
    {"H035", WARNING, "rights that contradict each other",
     "One right of the role needs another one that it does not have, or takes back what another one gives.",
     "hubRoles:\n"
     "  - {name: moderator, canRead: false, canModerate: true}",
     "hubRoles:\n"
     "  - {name: moderator, canModerate: true}",
     "The right can be used by guessing only, or makes no difference."},
    {"H036", WARNING, "what nobody can ever do",
     "Messages that no role that is granted may send, while no script sends any either; a command whose roles nobody "
     "gets.",
     "hubRoles:\n"
     "  - {name: member, canSend: false}\n"
     "messageSettings: {messageTypes: [text]}",
     "hubRoles:\n"
     "  - {name: member}\n"
     "messageSettings: {messageTypes: [text]}",
     "Everybody who tries is refused."},
    {"H037", WARNING, "roomField that holds no room",
     "roomField is compared with the id of the room. The id of another object's records is not that, when "
     "the room's stands beside it.",
     "authSources:\n"
     "  - {name: member, sourceObject: membership, userField: userId, roomField: id}",
     "authSources:\n"
     "  - {name: member, sourceObject: membership, userField: userId, roomField: conversationId}",
     "The auth source matches nobody, or by chance."},
    {"E001", ERROR, "command without a room",
     "roles and order: room are about the room that a command is called in: they need room: required. A plain "
     "namespace has no rooms of a hub.",
     "commands:\n"
     "  - {name: deal, roles: [dealer], script: 'lib.cards.deal(roomId)'}",
     "commands:\n"
     "  - {name: deal, room: required, roles: [dealer], script: 'lib.cards.deal(roomId)'}",
     "Everybody could call it, or nobody."},
    {"E002", ERROR, "command with the name of an event",
     "A command may be emitted under its own name, so that must not be the name of an event that means something else.",
     "commands:\n"
     "  - {name: messageRead, script: 'null'}",
     "commands:\n"
     "  - {name: markRead, script: 'null'}",
     "One of the two would never be heard."},
    {"E003", WARNING, "middleware that does nothing",
     "A step of middleware has neither before nor after, or there is nothing of what its on names: commands (which is "
     "what on is by default) where none are declared, messages and events in a plain namespace.",
     "middleware:\n"
     "  - {name: verified, before: {lua: 'if not session.verified then error{code = \"unverified\"} end'}}",
     "middleware:\n"
     "  - {name: verified, on: [messages, requests],\n"
     "     before: {lua: 'if not session.verified then error{code = \"unverified\"} end'}}",
     "What it was to guard is not guarded."},
    {"E020", ERROR, "text that is no pattern",
     "A pattern is a text with parts in braces, {name}, with something between two of them, or {regex: …} with an "
     "expression of PCRE2.",
     "channels:\n"
     "  - {pattern: 'chat:{room'}",
     "channels:\n"
     "  - {pattern: 'chat:{room}'}",
     "It would fit nothing."},
    {"E021", WARNING, "expression without ends",
     "An expression that does not begin with ^ and end with $ fits every name that contains what it says.",
     "channels:\n"
     "  - pattern: {regex: 'news'}",
     "channels:\n"
     "  - pattern: {regex: '^news$'}",
     "Whoever may have news may have oldnews:private, too."},
    {"E022", WARNING, "channel of Redis without Redis",
     "A channel with redis: true is a channel of the cache's Redis, too. With cache.url memory:, the default, there is "
     "none. lint does not look at the environment: where HUBD_CACHE_URL names a Redis, hubd itself does not warn.",
     "channels:\n"
     "  - {pattern: 'price:{of}', redis: true}",
     "channels:\n"
     "  - {pattern: 'price:{of}', redis: true}\n"
     "cache: {url: \"redis://localhost:6379/0\"}",
     "What is published stays within this service."},
    {"E023", WARNING, "guard that is not asked again",
     "What canSubscribe and canRead have granted is asked for again when something changes that they have read by "
     "records, objects, state, rooms, connections, clients, users or channels. Of what SQL, Redis, another server or "
     "another node says, and of jobs, hubd does not hear.",
     "channels:\n"
     "  - pattern: 'team:{id}'\n"
     "    canSubscribe: {lua: 'return #db.query(\"SELECT 1 FROM team WHERE id = ? AND userId = ?\", params.id, "
     "session.userId) > 0'}",
     "channels:\n"
     "  - pattern: 'team:{id}'\n"
     "    canSubscribe: {lua: 'return #objects.list(\"team\", {teamId = params.id, userId = session.userId}) > 0'}",
     "Who is taken out of the team hears the channel until he disconnects, or his token or rights change."},
    {"E030", ERROR, "hook that never runs",
     "onChanged runs once for each change of a record. In a namespace whose path is an expression there is nobody to "
     "run it: it stands in a hub, or in a namespace with a name.",
     "namespaces:\n"
     "  - path: {regex: '^/game-.+$'}\n"
     "    records:\n"
     "      - {pattern: 'board:{id}', onChanged: {lua: 'log.info(recordId)'}}",
     "namespaces:\n"
     "  - path: /games\n"
     "    records:\n"
     "      - {pattern: 'board:{id}', onChanged: {lua: 'log.info(recordId)'}}",
     "Nobody would ever hear of a change."},
    {"E031", ERROR, "row without an id",
     "A record with dataObject is the row whose id is the part {id} of the pattern, or the group (?<id>…) of an "
     "expression.",
     "records:\n"
     "  - {pattern: 'product:{sku}', dataObject: product, canRead: 'true'}",
     "records:\n"
     "  - {pattern: 'product:{id}', dataObject: product, canRead: 'true'}",
     "Which row it is would remain open."},
    {"E032", ERROR, "collection that is neither query nor script",
     "A collection is a query, dataObject with where, orderBy and limit, or a script, resolver with watch and "
     "debounceMs. where and orderBy name properties that are not JSON.",
     "collections:\n"
     "  - {pattern: 'cart:{userId}', where: {userId: '{userId}'}}",
     "collections:\n"
     "  - {pattern: 'cart:{userId}', dataObject: cartItem, where: {userId: '{userId}'},\n"
     "     canRead: params.userId == session.userId}",
     "It would be empty."},
    {"E040", ERROR, "plugin that is not there",
     "plugins of service.yaml lists folders, relative to the service directory, that have a plugin.yaml; each has a "
     "name of "
     "its "
     "own, by which hubs and namespaces use it.",
     "plugins: [plugins/antispam]\n"
     "# in a hub:\n"
     "hubExtensions:\n"
     "  plugins: [{plugin: antispm}]",
     "plugins: [plugins/antispam]\n"
     "# in a hub:\n"
     "hubExtensions:\n"
     "  plugins: [{plugin: antispam}]",
     REFUSED},
    {"E041", ERROR, "plugin without what it requires",
     "Each plugin that it requires must be used as well, and stand before it: its parts come first then.",
     "plugins: [{plugin: antispam}]   # requires: [users]", "plugins: [{plugin: users}, {plugin: antispam}]", REFUSED},
    {"E042", ERROR, "value that does not fit the plugin's parameters",
     "with is checked against the plugin's parameters: names, types, and those that are required.",
     "plugins: [{plugin: antispam, with: {maxLinks: many}}]", "plugins: [{plugin: antispam, with: {maxLinks: 2}}]",
     REFUSED},
    {"E043", ERROR, "part that a plugin and its user both have",
     "Lists of a plugin come before those of who uses it, and of lifecycle hooks both run. Of any other part only one "
     "can hold, and a plain namespace has fewer parts than a hub.",
     "# in the plugin and in the hub:\n"
     "metadata: {room: {persist: true}}",
     "# in one of them:\n"
     "metadata: {room: {persist: true}}",
     REFUSED},
    {"E044", WARNING, "plugin that nobody uses", "No hub and no namespace has the plugin among its plugins.",
     "plugins: [plugins/antispam]",
     "plugins: [plugins/antispam]\n"
     "# in a hub:\n"
     "hubExtensions:\n"
     "  plugins: [{plugin: antispam}]",
     "Nothing of it acts."},
    {"E060", ERROR, "inbox without authSources",
     "The inbox lists the rooms that records of authSources link a user with. A script can only say about one room "
     "whether somebody may enter it.",
     "roomSettings:\n"
     "  authScripts: [{name: public, script: room.isPublic}]\n"
     "hubExtensions: {inbox: {enabled: true}}",
     "roomSettings:\n"
     "  authSources: [{name: member, sourceObject: membership, userField: userId, roomField: roomId}]\n"
     "  authScripts: [{name: public, script: room.isPublic}]\n"
     "hubExtensions: {inbox: {enabled: true}}",
     REFUSED},
    {"E061", ERROR, "inbox by an unknown authSource",
     "inbox.roomsBy names authSources of the hub, by their own names or by those of their objects.",
     "hubExtensions: {inbox: {roomsBy: [memberships]}}", "hubExtensions: {inbox: {roomsBy: [membership]}}", REFUSED},
    {"E070", ERROR, "id of clients that is no member of auth",
     "A client names its id in the auth of CONNECT. clients.id says which member of it that is; the token and the "
     "proof are others.",
     "clients: {id: clientId}", "clients: {id: auth.clientId}", "No client could name its id."},
    {"E071", ERROR, "proof of an id that nobody names",
     "A proof says that the id which a client names in CONNECT is its own. Without clients.id all clients have the ids "
     "of their Engine.IO sessions, which need no proof.",
     "clients: {proof: {secretEnv: CLIENT_SECRET}}", "clients: {id: auth.clientId, proof: {secretEnv: CLIENT_SECRET}}",
     "Nothing would be proved."},
    {"L001", MENDED, "script syntax", "The expression or Lua chunk cannot be compiled.",
     "condition: record.status ==", "condition: record.status == \"active\"", REFUSED},
    {"L002", ERROR, "construct that expressions do not have",
     "A hook written as a string is one expression. Statements, assignments, regular expressions, async and function "
     "are not "
     "part of it; use {lua: …} for more.",
     "script: \"let x = 1; return x\"", "script: {lua: \"local x = 1 return x\"}", REFUSED},
    {"L003", ERROR, "unknown variable",
     "The hook does not have a variable of that name. Each hook has its own: roomEligibility room and the room "
     "DataObject's "
     "name, conditions record and the sourceObject's name, handlers session, message, roomId and room.",
     "checkScript: session.city == room.city", "checkScript: user.city == room.city",
     REFUSED " Otherwise the hook would fail at every call, and a failing condition counts as false."},
    {"L004", WARNING, "unknown member",
     "The table is known but has no such member: the record of a DataObject has its properties, lib the modules in "
     "lib/, a module what its table is "
     "given "
     "by name, and the engine's tables what docs/scripting.md lists. Tables whose members are computed, or that a "
     "script passes on or adds to, are "
     "left alone.",
     "roomEligibility: room.opne", "roomEligibility: room.open",
     "Reading it gives nothing (undefined, nil), so a condition is false or compares with nothing; calling it fails."},
    {"L005", WARNING, "comparison that always comes out the same",
     "A property of type Enum is compared with a value that it does not have, a Boolean or number with a text, a "
     "DateTime with a number; or a text stands alone behind ||, which makes all of it true. Expressions convert as "
     "JavaScript does (\"5\" == 5), Lua and === do not; what may come out either way is left alone.",
     "condition: record.status == \"actve\"", "condition: record.status == \"active\"",
     "The condition is always true or always false."},
    {"L006", WARNING, "result that the engine does not take",
     "What a hook returns is written as a literal, and has a key that its results do not have, a value of another "
     "type, "
     "or lacks what is required; or a chunk returns nothing where something is needed.",
     "script: \"({accepted: true})\"", "script: \"({accept: true})\"",
     "The call ends as handler_failed, or the key is passed over."},
    {"L007", WARNING, "call that fails",
     "The function takes another number of arguments, or others; or a text names a DataObject, message type, hub, "
     "queue "
     "or module that is not there. Functions of lib/ are looked at, too: too few arguments are told only where the "
     "function cannot do without.",
     "script: {lua: \"return objects.find('chessGame')\"}",
     "script: {lua: \"return objects.find('chessGame', roomId)\"}",
     "The call raises an error, or what is too much is passed over."},
    {"L008", WARNING, "call that makes no sense there",
     "A hook that only decides changes or sends something, which happens each time that anybody asks; a function that "
     "waits for a store is called for everybody who joins a room of thousands; or a function of the script's own hub "
     "is "
     "called where there is none.",
     "roomEligibility: {lua: \"hub.send(room.id, 'text', {body = 'hi'}) return true\"}",
     "roomEligibility: room.status == \"open\"", "It is done again and again, or fails; joins wait for the store."},
    {"L010", ERROR, "Lua chunk without its line breaks",
     "In folded blocks (>) and quoted text over several lines YAML joins the lines, so a comment hides the rest of "
     "the "
     "chunk and positions are wrong.",
     "script:\n"
     "  lua: >\n"
     "    -- find it\n"
     "    return lib.find(roomId)",
     "script:\n"
     "  lua: |\n"
     "    -- find it\n"
     "    return lib.find(roomId)",
     REFUSED},
    {"L011", ERROR, "module that cannot be loaded",
     "The file in lib/ is valid Lua, and running it once, as the start does, fails: it does not end with return and a "
     "table, raises an error, "
     "or requires a module that is not there.",
     "-- lib/game.lua\n"
     "local game = {}\n"
     "function game.move() end",
     "-- lib/game.lua\n"
     "local game = {}\n"
     "function game.move() end\n"
     "return game",
     REFUSED},
    {"T001", ERROR, "unknown key in a scenario",
     "A scenario, a step or an expectation has a key that it does not know.",
     "steps:\n"
     "  - joins: {as: ann, room: l1}",
     "steps:\n"
     "  - join: {as: ann, room: l1}",
     NOT_RUN},
    {"T002", ERROR, "wrong type in a scenario", "A value of a scenario has another type than its field.",
     "steps: {join: {as: ann, room: l1}}",
     "steps:\n"
     "  - join: {as: ann, room: l1}",
     NOT_RUN},
    {"T003", ERROR, "something required is missing in a scenario", "A field that is needed is not there, or empty.",
     "steps:\n"
     "  - join: {as: ann}",
     "steps:\n"
     "  - join: {as: ann, room: l1}",
     NOT_RUN},
    {"T004", ERROR, "bad name in a scenario", "The id of a user has characters that no id can have, or is too long.",
     "users:\n"
     "  \"\": {roleId: bidder}",
     "users:\n"
     "  ann: {roleId: bidder}",
     NOT_RUN},
    {"T005", ERROR, "value out of range in a scenario", "A number or a text is outside of what its field takes.",
     "steps:\n"
     "  - query: {object: lot, limit: 0}",
     "steps:\n"
     "  - query: {object: lot, limit: 10}",
     NOT_RUN},
    {"T006", ERROR, "unknown word in a scenario", "A field that takes one of a few words has another one.",
     "expect: {answer: {body: {$type: text}}}", "expect: {answer: {body: {$type: string}}}", NOT_RUN},
    {"T008", ERROR, "a step without action, or with two",
     "Each step does exactly one thing; what has to be so afterwards stands beside it under expect. A scenario needs "
     "at least a "
     "step or a decision.",
     "steps:\n"
     "  - join: {as: ann, room: l1}\n"
     "    advance: 5s",
     "steps:\n"
     "  - join: {as: ann, room: l1}\n"
     "  - advance: 5s",
     NOT_RUN},
    {"T009", ERROR, "unknown user in a scenario",
     "A step or an expectation names somebody who is not among users, and whom no step connects.",
     "users: {ann: {}}\n"
     "steps:\n"
     "  - join: {as: anne, room: l1}",
     "users: {ann: {}}\n"
     "steps:\n"
     "  - join: {as: ann, room: l1}",
     NOT_RUN},
    {"T010", ERROR, "unknown hub in a scenario", "hub names a hub of the service, or the path of a plain namespace.",
     "hub: auctions", "hub: auction", NOT_RUN},
    {"T011", ERROR, "bad time in a scenario",
     "at is a moment in ISO 8601; advance is a length of time (ms, s, m, h, d, joined), or {to: MOMENT}.",
     "steps:\n"
     "  - advance: 5 minutes",
     "steps:\n"
     "  - advance: 5m",
     NOT_RUN},
    {"T012", ERROR, "row of a scenario does not fit",
     "given maps DataObjects to lists of rows. Each row needs the id and all required properties, only known "
     "properties, and "
     "values of their types.",
     "given:\n"
     "  lot: [{titel: Clock}]",
     "given:\n"
     "  lot: [{id: l1, title: Clock}]",
     NOT_RUN},
    {"T013", ERROR, "bad matcher",
     "A key that begins with $ is a matcher, and has to be one that there is, with a value that it takes.",
     "expect: {answer: {message: {id: {$matches: \"^m\"}}}}", "expect: {answer: {message: {id: {$match: \"^m\"}}}}",
     NOT_RUN},
    {"T014", ERROR, "used before it was saved",
     "${name} stands for what $save: name has kept in a step before; nothing comes from the environment.",
     "steps:\n"
     "  - emit: {as: ann, event: hub:delete, data: {messageId: \"${id}\"}}",
     "steps:\n"
     "  - send: {as: ann, room: l1, content: {body: Hi}}\n"
     "    expect: {answer: {message: {id: {$save: id}}}}\n"
     "  - emit: {as: ann, event: hub:delete, data: {messageId: \"${id}\"}}",
     NOT_RUN},
    {"T015", ERROR, "bad decision", "A row of decisions has a user with a userId, a room, and either gives or denied.",
     "decisions:\n"
     "  - {user: {roleId: guest}, room: l1}",
     "decisions:\n"
     "  - {user: {userId: x, roleId: guest}, room: l1, gives: viewer}",
     NOT_RUN},
};

const struct hub_code_row *hub_code_rows(size_t *n) {
    *n = sizeof rows / sizeof *rows;
    return rows;
}

const struct hub_code_row *hub_code_row(const char *code) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (hub_str_eq_nocase(hub_cstr(rows[i].code), hub_cstr(code))) return &rows[i];
    return NULL;
}

static void add_example(struct hub_buf *out, const char *title, const char *text) {
    struct hub_str rest = hub_cstr(text), line;
    if (!*text) return;
    hub_buf_addf(out, "\n%s:\n", title);
    while (hub_str_split(&rest, '\n', &line)) hub_buf_addf(out, "    %.*s\n", HUB_FMT(line));
}

/* Words of TEXT in lines of at most 96 characters. */
static void add_wrapped(struct hub_buf *out, const char *text) {
    struct hub_str rest = hub_cstr(text), word;
    size_t column = 0;
    while (hub_str_split(&rest, ' ', &word)) {
        if (column && column + 1 + word.n > 96) hub_buf_addc(out, '\n'), column = 0;
        if (column) hub_buf_addc(out, ' '), column++;
        hub_buf_adds(out, word);
        column += word.n;
    }
    hub_buf_addc(out, '\n');
}

bool hub_explain(const char *code, struct hub_buf *out) {
    const struct hub_code_row *row = hub_code_row(code);
    if (!row) return false;
    hub_buf_addf(out, "%s (%s): %s\n\n", row->code, row->severity == HUB_SEV_ERROR ? "error" : "warning", row->title);
    add_wrapped(out, row->meaning);
    add_example(out, "Wrong", row->wrong);
    add_example(out, "Right", row->right);
    if (*row->run_time) hub_buf_addz(out, "\nAt run time: "), add_wrapped(out, row->run_time);
    if (row->safe) hub_buf_addz(out, "\nhubctl lint --fix writes what it suggests: only that can have been meant.\n");
    return true;
}
