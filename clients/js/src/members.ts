// Who is in a room, kept up to date by what is told of them.
import { frozen } from "./store.js";

/** An entry of `hub:members`. */
export interface Member {
  userId: string;
  name: string | null;
  avatar: string | null;
  hubRole: string | null;
  presence: "online" | "away";
  connections: number;
  typing: boolean;
  recording: boolean;
  state?: any;
  lastReadSeq?: number;
  lastDeliveredSeq?: number;
}

/** What an event changes of the user's entry; undefined: nothing, null: he is gone. */
function changeBy(event: string, payload: any): Partial<Member> | null | undefined {
  const [, stop, what] = /^hub:(stop)?(typing|recording)$/i.exec(event) ?? [];
  if (what) return { [what.toLowerCase()]: !stop };
  if (event === "hub:messageRead") return { lastReadSeq: payload.lastReadSeq };
  if (event === "hub:messageDelivered") return { lastDeliveredSeq: payload.seq };
  if (event !== "hub:presence") return undefined;
  if (payload.event === "offline") return null;
  return payload.event === "state" ? { state: payload.state } : { presence: payload.event };
}

const UNKNOWN = {
  avatar: null,
  hubRole: null,
  presence: "online",
  connections: 1,
  typing: false,
  recording: false,
} as const;

/** MEMBERS after an event of their room; the same list when it changes nothing. */
export function membersAfter(members: readonly Member[], event: string, payload: any): readonly Member[] {
  const change = changeBy(event, payload);
  if (change === undefined) return members;
  const userId = payload.userId ?? payload.user?.id;
  const at = members.findIndex((member) => member.userId === userId);
  if (at < 0 && event !== "hub:presence") return members; // receipts are told of people who have left, too
  const after = members.slice();
  const member = { userId, ...UNKNOWN, name: payload.user?.name ?? null, ...members[at], ...change };
  after.splice(at < 0 ? after.length : at, 1, ...(change ? [member] : []));
  return frozen(after);
}
