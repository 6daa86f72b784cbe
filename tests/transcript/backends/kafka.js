// An Apache Kafka of its own: one broker that is its own controller (KRaft), from the jars that kafka/fetch.sh keeps. Topics come into being
// when they are first used, with one partition. Next to the plain listener there are one with SASL (PLAIN, SCRAM-SHA-256; "alice" has
// "secret"), one with TLS, and one with both.
import { execFile, execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import kafkajs from "kafkajs";
import { certificate } from "./certificate.js";
import { freePort, Missing, Server, throwIfMissing } from "./server.js";

const HERE = dirname(fileURLToPath(import.meta.url));
// A broker that lives for minutes: compiled lightly, small heap.
const JAVA = ["-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData"];
const FETCH_MS = 600000;

/** The folder with the jars; fetched on first use. */
async function jars() {
  throwIfMissing("kafka");
  try {
    const { stdout } = await promisify(execFile)(join(HERE, "kafka/fetch.sh"), { timeout: FETCH_MS });
    return stdout.trim();
  } catch (error) {
    throw new Missing(`Kafka cannot be had: ${error.stderr?.trim() || error.message}`);
  }
}

export class Kafka extends Server {
  /** SETTINGS go into server.properties. */
  static async start(settings = {}) {
    const classes = `${await jars()}/*`;
    const server = new Kafka("kafka");
    server.classes = classes;
    server.settings = settings;
    writeFileSync(join(server.dir, "log4j.properties"), LOG4J);
    const { cert, key } = certificate(server.dir);
    server.certificate = cert;
    writeFileSync(join(server.dir, "tls.pem"), readFileSync(key, "utf8") + readFileSync(cert, "utf8"));
    await server.choosePorts();
    const scram = ["--add-scram", "SCRAM-SHA-256=[name=alice,password=secret]"];
    const format = ["format", "-t", "hubdTestsAAAAAAAAAAAAA", "-c", server.properties, ...scram];
    execFileSync("java", [...server.java(), "kafka.tools.StorageTool", ...format], { stdio: ["ignore", "ignore", "inherit"] });
    return server.start();
  }

  async choosePorts() {
    const ports = [];
    while (ports.length < 5) ports.push(await freePort());
    [this.port, this.saslPort, this.tlsPort, this.saslTlsPort, this.controllerPort] = ports;
    this.properties = join(this.dir, "server.properties");
    const lines = Object.entries({ ...this.#defaults(), ...this.settings }).map(([name, value]) => `${name}=${value}`);
    writeFileSync(this.properties, `${lines.join("\n")}\n`);
  }

  #defaults() {
    const clients = `PLAIN://127.0.0.1:${this.port},SASL://127.0.0.1:${this.saslPort},TLS://127.0.0.1:${this.tlsPort},SASLTLS://127.0.0.1:${this.saslTlsPort}`;
    const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="secret";';
    const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    const sasl = (listener) => ({
      [`listener.name.${listener}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256",
      [`listener.name.${listener}.plain.sasl.jaas.config`]: plain,
      [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`]: scram,
    });
    return {
      "process.roles": "broker,controller",
      "node.id": 1,
      "controller.quorum.voters": `1@127.0.0.1:${this.controllerPort}`,
      "controller.listener.names": "CONTROLLER",
      listeners: `${clients},CONTROLLER://127.0.0.1:${this.controllerPort}`,
      "advertised.listeners": clients,
      "listener.security.protocol.map": "PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL,CONTROLLER:PLAINTEXT",
      "inter.broker.listener.name": "PLAIN",
      ...sasl("sasl"),
      ...sasl("sasltls"),
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": join(this.dir, "tls.pem"),
      "log.dirs": join(this.dir, "data"),
      "num.partitions": 1,
      "auto.create.topics.enable": true,
      "offsets.topic.num.partitions": 1,
      "offsets.topic.replication.factor": 1,
      "transaction.state.log.num.partitions": 1,
      "transaction.state.log.replication.factor": 1,
      "transaction.state.log.min.isr": 1,
      "group.initial.rebalance.delay.ms": 0,
      "broker.heartbeat.interval.ms": 500,
      "broker.session.timeout.ms": 3000, // a killed broker's successor is let in after this time
      "num.network.threads": 2,
      "num.io.threads": 2,
      "log.cleaner.dedupe.buffer.size": 4000000,
      "log.index.size.max.bytes": 1048576, // it is laid out in full for each of very many topics
    };
  }

  java() {
    return [...JAVA, `-Dlog4j.configuration=file:${join(this.dir, "log4j.properties")}`, "-cp", this.classes];
  }

  command() {
    return ["java", [...this.java(), "kafka.Kafka", this.properties]];
  }

  /** Whether it leads a cluster and coordinates groups, for which it makes a topic of its own when it is first asked. */
  async probe() {
    const admin = this.client({ retry: { retries: 0 }, connectionTimeout: 1000, requestTimeout: 2000 }).admin();
    try {
      await admin.connect();
      const { brokers } = await admin.describeCluster();
      await admin.describeGroups(["nobody"]);
      return brokers.length > 0;
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  /** Deletes the topics whose name PREDICATE accepts. */
  async deleteTopics(predicate) {
    const admin = this.client().admin();
    await admin.connect();
    try {
      const topics = (await admin.listTopics()).filter(predicate);
      if (topics.length) await admin.deleteTopics({ topics });
    } finally {
      await admin.disconnect();
    }
  }

  url(query = "") {
    return `kafka://127.0.0.1:${this.port}${query && `?${query}`}`;
  }

  client(options) {
    return client(this.url(), options);
  }
}

/** A kafkajs client of the broker at URL. */
export function client(url, options) {
  return new kafkajs.Kafka({ brokers: [new URL(url).host], logLevel: kafkajs.logLevel.NOTHING, ...options });
}

const LOG4J = `log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=[%d] %p %m (%c)%n
`;
