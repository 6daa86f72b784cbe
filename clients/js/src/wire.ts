// The stock client underneath: one connection for all hubs of an address.
import { Manager, type ManagerOptions, type SocketOptions } from "socket.io-client";

/** What is used of a socket of the stock client. */
export interface WireSocket {
  readonly active: boolean;
  auth: { [key: string]: any } | ((give: (auth: object) => void) => void);
  connect(): unknown;
  disconnect(): unknown;
  emit(event: string, ...args: any[]): unknown;
  on(event: string, fn: (...args: any[]) => void): unknown;
  onAny(fn: (event: string, ...args: any[]) => void): unknown;
}

export interface Wire {
  socket: WireSocket;
  /** Ends the transport, which may not know yet that it is dead. */
  _cut(): void;
  /** Nobody uses the socket any more. */
  _release(): void;
}

export interface WireOptions {
  url?: string;
  hub: string;
  path?: string;
  clientId?: string;
  socket?: Partial<ManagerOptions & SocketOptions>;
}

/** Opens the socket; HEARD is called whenever something has arrived. */
export type OpenWire = (options: WireOptions, heard: () => void) => Wire;

interface Line {
  key: string;
  socket: unknown;
  manager: Manager;
  hubs: Set<string>; // that have ever used it: the stock client keeps their sockets
  users: number;
}

const lines = new Set<Line>();

function lineOf({ url, hub, path, clientId, socket }: WireOptions): Line {
  const key = JSON.stringify([url, path, clientId]);
  for (const line of lines) if (line.key === key && line.socket === socket && !line.hubs.has(hub)) return line;
  const own = { transports: ["websocket", "polling"], tryAllTransports: true, ...(path && { path }), ...socket };
  // Reconnection is ours: tokens, draining and refusals have a say in it.
  const manager = new Manager(url ?? "", { ...own, reconnection: false, autoConnect: false });
  const line = { key, socket, manager, hubs: new Set<string>(), users: 0 };
  lines.add(line);
  return line;
}

export const openWire: OpenWire = (options, heard) => {
  const line = lineOf(options);
  const { manager } = line;
  line.hubs.add(options.hub);
  line.users++;
  manager.on("packet", heard).on("ping", heard);
  return {
    socket: manager.socket(`/hub/${options.hub}`) as WireSocket,
    _cut: () => void manager.engine?.close(),
    _release() {
      manager.off("packet", heard).off("ping", heard);
      if (!--line.users) lines.delete(line);
    },
  };
};
