// Somebody who answers in the endpoint's place, or passes everything on to it.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Impostor {
  #server;
  #answer;

  /** Before a port of 127.0.0.1. */
  static async before(port) {
    const impostor = new Impostor();
    impostor.#server = createServer((client) => impostor.#serve(client, port)).listen(0, "127.0.0.1");
    await once(impostor.#server, "listening");
    return impostor;
  }

  get port() {
    return this.#server.address().port;
  }

  /** What those get who connect from now on; `undefined`: the endpoint. */
  say(answer) {
    this.#answer = answer;
  }

  close() {
    this.#server.close();
  }

  #serve(client, port) {
    client.on("error", () => {});
    if (this.#answer !== undefined) {
      const answer = this.#answer;
      client.once("data", () => client.end(answer));
      return;
    }
    const endpoint = connect(port, "127.0.0.1");
    endpoint.on("error", () => client.destroy());
    client.on("close", () => endpoint.destroy());
    client.pipe(endpoint).pipe(client);
  }
}
