// A relay in front of a server, for what only a network does: the question or the answer that is on its way is lost with the connection, and
// whoever asked does not know what became of it.
import { connect, createServer } from "node:net";

export class Front {
  #pairs = new Set();
  #lose; // {what, marked, done}: of the next chunk with the text MARKED, the "question" or the "answer" is lost
  #away = false;

  /** In front of 127.0.0.1:PORT. */
  static async of(port) {
    const front = new Front();
    front.server = createServer((client) => front.#relay(client, connect(port, "127.0.0.1")));
    await new Promise((done) => front.server.listen(0, "127.0.0.1", done));
    front.port = front.server.address().port;
    return front;
  }

  #relay(client, server) {
    const pair = { client, server, asked: false, rounds: 0 };
    const end = () => {
      this.#pairs.delete(pair);
      for (const socket of [client, server]) if (!socket.destroyed) socket.resetAndDestroy();
    };
    this.#pairs.add(pair);
    pair.end = end;
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
    client.on("data", (data) => {
      pair.rounds += pair.answered ? 1 : 0;
      pair.answered = false;
      return this.#question(pair, data) || server.write(data);
    });
    server.on("data", (data) => {
      pair.answered = true;
      return this.#answer(pair) || client.write(data);
    });
    if (this.#away) end();
  }

  /** Whether it is lost. */
  #question(pair, data) {
    if (!this.#lose || !data.includes(this.#lose.marked)) return false;
    if (this.#lose.what === "question") this.#cut();
    else pair.asked = true;
    return this.#away;
  }

  #answer(pair) {
    if (this.#lose && pair.asked) this.#cut();
    return this.#away;
  }

  #cut() {
    const { done } = this.#lose;
    this.#lose = undefined;
    this.#away = true;
    for (const { end } of [...this.#pairs]) end();
    done();
  }

  /** Loses WHAT ("question" or "answer") of the next question with the text MARKED, and from then on every connection, until back(). */
  lose(what, marked) {
    return new Promise((done) => (this.#lose = { what, marked, done }));
  }

  /** How often a question has followed an answer on the connection where that was most often, since it was asked last. */
  rounds() {
    const all = [...this.#pairs].map((pair) => [pair.rounds, (pair.rounds = 0)][0]);
    return Math.max(0, ...all);
  }

  back() {
    this.#away = false;
  }

  close() {
    for (const { end } of [...this.#pairs]) end();
    this.server.close();
  }
}
