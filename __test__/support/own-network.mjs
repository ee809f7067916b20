// A process whose network and `/etc` are its own: what it does to names and routes, nobody else sees.

import { execFileSync } from "node:child_process";
import { start } from "../children/run.mjs";

/** What `unshare` takes for them. */
export const NAMESPACES = process.getuid() === 0 ? "-mn" : "-rmn";

/** Why this machine has none, if it has none. */
export const whyNot = (() => {
  try {
    execFileSync("unshare", [NAMESPACES, "ip", "link", "set", "lo", "up"], { stdio: "pipe" });
  } catch (error) {
    return `needs namespaces of its own, \`unshare ${NAMESPACES}\` and \`ip\`: ${error.stderr ?? error.message}`.trim();
  }
})();

/** To root in a namespace of somebody else the module does not belong to root. */
export const kinds = process.getuid() === 0 ? ["PEM", "HSM"] : ["PEM"];

export class OwnNetwork {
  #child;
  #calls = 0;

  /** With these files in `/etc`, beside the few that programs need. */
  static async start(etc) {
    const network = new OwnNetwork();
    network.#child = start("own-network.mjs", { etc }, { within: ["unshare", NAMESPACES, "--"], limitMs: 60_000 });
    await network.#child.message("ready");
    return network;
  }

  async call(op, fields = {}) {
    const id = ++this.#calls;
    this.#child.send({ id, op, ...fields });
    const { value, error } = await this.#child.message(`reply-${id}`);
    if (error !== undefined) throw new Error(error);
    return value;
  }

  end() {
    this.#child.send({ op: "end" });
    return this.#child.ended;
  }
}
