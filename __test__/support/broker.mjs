// The testbed's MQTT broker, as tests steer it. What each of these takes stands in `crates/testbed/src/control/mqtt.rs`.

const query = (wanted) => {
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
};

export class Broker {
  #control;

  /** `control` makes a request to the control port: `(method, path, body)`. */
  constructor(control) {
    this.#control = (method, path, body) => control(method, `/mqtt${path}`, body);
  }

  #of(clientId) {
    return `/clients/${encodeURIComponent(clientId)}`;
  }

  /** Changes some of AWS's limits; `"aws"` for all as they are there, `"off"` for none and no records. */
  rules(changes) {
    return this.#control("PUT", "/rules", changes);
  }

  /** What clients may do, as statements: `{ effect, action, resource }`. */
  policy(statements) {
    return this.#control("PUT", "/policy", statements);
  }

  /** Makes or changes a custom authorizer; that of the start is in `bed.mqtt.authorizer`. */
  authorizer(name, fields) {
    return this.#control("PUT", `/authorizers/${name}`, fields);
  }

  /** The next `count` connections, or all, meet this fault; with `clientId` among the parameters, those of that client. */
  fault(mode, params = {}, count = null) {
    return this.#control("PUT", "/faults", { mode, count, ...params });
  }

  /** The same as a list, played in order. */
  faults(script) {
    return this.#control("PUT", "/faults", script);
  }

  clearFaults() {
    return this.#control("DELETE", "/faults");
  }

  /** An open connection meets this fault, from when this resolves. */
  faultNow(clientId, mode, params = {}) {
    return this.#control("POST", `${this.#of(clientId)}/fault`, { mode, ...params });
  }

  /** The next `count` requests for a WebSocket, or all, meet this fault. */
  badUpgrade(mode, params = {}, count = null) {
    return this.#control("PUT", "/upgrades", { mode, count, ...params });
  }

  /** Puts time on top of the broker's clock; idle connections notice only with `keepAlive`. */
  advance(seconds, { keepAlive = false } = {}) {
    return this.#control("POST", "/advance", { seconds, keepAlive });
  }

  /** The sessions; `connection` is null for clients that are away. */
  clients() {
    return this.#control("GET", "/clients");
  }

  /** Ends a connection: with a DISCONNECT of this reason, or without a word. */
  kick(clientId, reason = undefined) {
    return this.#control("POST", `${this.#of(clientId)}/kick`, reason === undefined ? {} : { reason });
  }

  /** Sends everything again that the client has not acknowledged. */
  redeliver(clientId) {
    return this.#control("POST", `${this.#of(clientId)}/redeliver`, {});
  }

  /** Forgets the session of a client that is away. */
  forget(clientId) {
    return this.#control("DELETE", this.#of(clientId));
  }

  /** Publishes; options are `qos` (1), `retain`, `expirySeconds`, `clientId` (to that client alone), `count` (a burst). */
  publish(topic, payload, options = {}) {
    const content = typeof payload === "string" ? { payload } : { payloadHex: Buffer.from(payload).toString("hex") };
    return this.#control("POST", "/publish", { topic, ...content, ...options });
  }

  /** What clients have published, in order: by `clientId`, by `topic` (a filter), once there are `atLeast` so many. */
  received({ clientId, topic, brief, atLeast, waitMs = atLeast === undefined ? undefined : 10_000 } = {}) {
    return this.#control("GET", `/received${query({ clientId, topic, brief, atLeast, waitMs })}`);
  }

  forgetReceived() {
    return this.#control("DELETE", "/received");
  }

  /** The shadow of a thing: `{ state, version }`. */
  shadow(thing, name = undefined) {
    return this.#control("GET", `/shadows/${thing}${name === undefined ? "" : `/${name}`}`);
  }

  makeJob(thing, jobId, document = {}) {
    return this.#control("POST", "/jobs", { thing, jobId, document });
  }

  jobs(thing) {
    return this.#control("GET", `/jobs/${thing}`);
  }
}
