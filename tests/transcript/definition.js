// The service that most transcripts run: one hub "chat" that admits everybody as member, and enough seeded rooms that every test can
// have its own. A test says only what differs.

/** A fresh definition {service, hub, hubs?, seed, files?}; CHANGE(def) may edit it. */
export function definition(change) {
  const def = {
    service: {
      service: { name: "chat" },
      listen: { host: "127.0.0.1", port: 0 },
      auth: { dev: true },
      store: { url: "sqlite:data/test.db?synchronous=normal" }, // what ends in a test is hubd, not the machine
      dataObjects: [
        {
          name: "conversation",
          managed: true,
          properties: [
            { name: "title", type: "String", required: true },
            { name: "status", type: "Enum", enumValues: "active,closed", defaultValue: "active" },
            { name: "ownerId", type: "ID" },
            { name: "isPublic", type: "Boolean", defaultValue: "true" },
            { name: "minLevel", type: "Integer", defaultValue: "0" },
          ],
        },
        {
          name: "membership",
          managed: true,
          properties: [
            { name: "userId", type: "ID", required: true },
            { name: "conversationId", type: "ID", required: true },
            { name: "role", type: "String" },
            { name: "status", type: "String", defaultValue: "active" },
          ],
        },
      ],
    },
    hub: {
      hubBasics: { name: "chat", description: "A hub under test" },
      roomSettings: {
        roomDataObject: "conversation",
        authScripts: [{ name: "everybody", script: "true", hubRole: "member" }],
      },
      hubRoles: [{ name: "member" }],
      messageSettings: { messageTypes: ["text"] },
      historySettings: { historyEnabled: true },
      guardrails: { messageRateLimit: 100000 },
      hubExtensions: { limits: { events: 100000, keptEvents: 100000, reactions: 100000, receipts: 100000, joins: 100000, reads: 100000 } },
    },
    seed: {
      conversation: Array.from({ length: 60 }, (_, i) => ({ id: `r${i + 1}`, title: `Room ${i + 1}` })),
    },
  };
  change?.(def);
  return def;
}
