// Records on @prsm/realtime and Redis: everybody may follow and write them. Usage: node realtime.mjs PORT REDIS_URL
import { once } from "node:events";
import { createServer } from "node:http";
import { RealtimeServer } from "@prsm/realtime";

const [port, url] = process.argv.slice(2);
const { hostname, port: redisPort } = new URL(url);
const realtime = new RealtimeServer({ redis: { host: hostname, port: Number(redisPort) } });
realtime.exposeRecord(/^record:\d+$/);
realtime.exposeWritableRecord(/^record:\d+$/);
const http = createServer().listen(Number(port), "127.0.0.1");
await once(http, "listening");
await realtime.attach(http);
