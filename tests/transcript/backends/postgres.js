// A PostgreSQL cluster of its own, as Debian would set it up, TLS on offer, but that it waits for no disk. User "test" gets in without a password, "alice" with "secret".
import { execFile, execFileSync } from "node:child_process";
import { appendFileSync, chownSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { asUser, findProgram, freePort, Missing, Server } from "./server.js";
import { certificate } from "./certificate.js";

const VERSIONS = process.env.HUBD_TEST_POSTGRESQL ?? "/usr/lib/postgresql"; // Debian keeps the server's programs out of PATH
const HBA = `local all all trust
host replication test 127.0.0.1/32 trust
host all alice 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
`;

/** The folder of the newest server, as a list. */
function serverFolder() {
  try {
    const [newest] = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a));
    return newest ? [join(VERSIONS, newest, "bin")] : [];
  } catch {
    return [];
  }
}

const found = {};

/** The client program NAME; it comes with the server, or is at least in PATH. */
const tool = (name) => (found[name] ??= findProgram(name, ...serverFolder()) ?? name);

/** PostgreSQL refuses to run as root. */
function unprivileged() {
  if (process.getuid() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    try {
      const [uid, gid] = ["-u", "-g"].map((flag) => Number(execFileSync("id", [flag, name], { stdio: ["ignore", "pipe", "ignore"] })));
      return { uid, gid };
    } catch {
      // no such user
    }
  }
  throw new Missing("PostgreSQL cannot run as root, and there is neither a user postgres nor a user nobody");
}

export class Postgres extends Server {
  cleanSignal = "SIGINT"; // "fast": does not wait until every client has left by itself

  /** SETTINGS are lines for postgresql.conf. */
  static async start(settings = []) {
    const initdb = findProgram("initdb", ...serverFolder());
    if (!initdb) throw new Missing("PostgreSQL is not installed (Debian: apt-get install postgresql-15)");
    const server = new Postgres("postgres", unprivileged());
    server.program = findProgram("postgres", ...serverFolder());
    server.data = join(server.dir, "data");
    const args = ["-D", server.data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"];
    execFileSync(...asUser(server.user, initdb, args), { stdio: ["ignore", "ignore", "inherit"], cwd: server.dir });
    const { cert, key } = certificate(server.dir);
    if (server.user) [cert, key].forEach((file) => chownSync(file, server.user.uid, server.user.gid));
    server.certificate = cert;
    const lines = [
      `unix_socket_directories = '${server.dir}'`,
      "listen_addresses = '127.0.0.1'",
      "max_connections = 300",
      // What the kernel has outlives every end that a test gives to a process. With fsync each database that another test makes or drops
      // would hold up the commits of this one, on a slow disk for seconds.
      "fsync = off",
      "ssl = on",
      `ssl_cert_file = '${cert}'`,
      `ssl_key_file = '${key}'`,
      ...settings,
    ];
    appendFileSync(join(server.data, "postgresql.conf"), `${lines.join("\n")}\n`);
    writeFileSync(join(server.data, "pg_hba.conf"), HBA);
    await server.choosePorts();
    await server.start();
    await server.sql("create role alice superuser login password 'secret'");
    return server;
  }

  async choosePorts() {
    this.port = await freePort();
  }

  command() {
    return [this.program, ["-D", this.data, "-p", `${this.port}`]];
  }

  async probe() {
    await promisify(execFile)(tool("pg_isready"), ["-q", "-h", "127.0.0.1", "-p", `${this.port}`, "-t", "2"]);
    return true;
  }

  url(database = "postgres", { user = "test", password, query = "" } = {}) {
    return `postgresql://${user}${password ? `:${password}` : ""}@127.0.0.1:${this.port}/${database}${query && `?${query}`}`;
  }

  /** Rows as arrays of texts, null for NULL. */
  async sql(text, database = "postgres") {
    return psql(this.url(database), text);
  }
}

/** Carries out TEXT on the database at URL; rows as arrays of texts, null for NULL. */
export async function psql(url, text) {
  const args = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-R", "\x1e", "-P", "null=\x1d", "-d", url, "-c", text];
  const { stdout } = await promisify(execFile)(tool("psql"), args, { maxBuffer: 1 << 28 });
  const rows = stdout.replace(/\n$/, "");
  return rows === "" ? [] : rows.split("\x1e").map((row) => row.split("\x1f").map((cell) => (cell === "\x1d" ? null : cell)));
}
