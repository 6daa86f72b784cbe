// Ids that nobody else has.
let made = 0;

/** Unlike any other, also where pages have no crypto.randomUUID (over plain HTTP). */
export function newId(): string {
  const random = () => Math.random().toString(36).slice(2);
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${made++}-${random()}${random()}`;
}
