// Starts the servers named on the command line (postgres, redis, kafka), says for each "NAME URL PID" once it answers, and ends them when
// its standard input ends. Run it with tests/transcript/run.sh, which installs the packages it needs.
import { Kafka } from "../transcript/backends/kafka.js";
import { Postgres } from "../transcript/backends/postgres.js";
import { Redis } from "../transcript/backends/redis.js";

const kinds = { postgres: Postgres, redis: Redis, kafka: Kafka };
const servers = [];
const stop = async () => {
  await Promise.all(servers.map((server) => server.remove()));
  process.exit();
};
process.stdin.on("data", () => {}).on("close", stop);
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, stop);
for (const name of process.argv.slice(2)) {
  try {
    const server = await kinds[name].start();
    servers.push(server);
    console.log(`${name} ${server.url()} ${server.child.pid}`);
  } catch (error) {
    console.log(`${name} - ${error.message.split("\n")[0]}`);
  }
}
console.log("ready");
