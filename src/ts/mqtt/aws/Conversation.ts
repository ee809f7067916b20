/**
 * Questions to a service of AWS IoT and its answers, over the reserved topics below one prefix.
 *
 * - A question goes to `<name>` with a `clientToken` of its own; the answer comes to `<name>/accepted` or `<name>/rejected` with
 *   that token. Answers with other tokens, or none, are somebody else's.
 * - Before a question the topics of its answer are subscribed to, once for each connection: an answer that comes before the
 *   server has acknowledged the subscription would be lost.
 * - A question is QoS 0: it is on the wire once at most, and is not kept in the queue on disk for another process to send. If the
 *   connection is lost before the answer, a question that may be repeated is, after the next connect; any other fails, since
 *   nobody knows whether it was carried out. Answers are QoS 1: if the server has kept the session, they still come.
 * - AWS IoT answers a QoS 0 message that the policy denies by ending the connection. That fails the questions on the wire, and
 *   is not tried again, for it would end the connection each time.
 */

import { MqttError, type RefreshError } from "../../errors";
import type { MqttMessage } from "../types";
import { closedError, deniedError, type Fields, fieldsOf, lostError, unreadable } from "./answers";
import { Question } from "./Question";
import type { Wire } from "./wire";

/** `timeoutMs` of a question, if nobody says. */
export const ANSWER_MS = 30_000;

/** A question that loses the connection so often may well be the reason. */
const MOST_SENDS = 3;

/** Reason codes from here on say no. */
const REFUSED = 0x80;
const NOT_AUTHORIZED = /\(0x87\)/;

/** How a question is asked. */
export interface Asking {
  /** Asked again, no harm is done. */
  repeatable: boolean;
  /** Of the topics that bring the answer. Default: where the question goes. */
  answers?: string;
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Who hears what is published below the prefix. */
export interface Listener {
  /** `undefined`: it cannot be read. */
  hear(body: Fields | undefined): void;
  /** Messages may have been missed. */
  missed(): void;
}

/** The helpers of each connection, by prefix: each has one listener, however many helpers there are. */
const helpers = new WeakMap<Wire, Map<string, { conversation: Conversation; helper: object }>>();

/** The one helper of a connection for `prefix`, until it is closed. */
export function helperOf<T extends object>(
  wire: Wire,
  prefix: string,
  refused: (answer: Fields, topic: string) => RefreshError,
  make: (conversation: Conversation) => T,
): T {
  if (wire.closed) throw closedError("the MQTT connection");
  const known = helpers.get(wire) ?? attached(wire);
  const found = known.get(prefix);
  if (found !== undefined) return found.helper as T;
  const conversation = new Conversation(wire, prefix, refused, () => known.delete(prefix));
  const helper = make(conversation);
  known.set(prefix, { conversation, helper });
  return helper;
}

function attached(wire: Wire): Map<string, { conversation: Conversation; helper: object }> {
  const known = new Map<string, { conversation: Conversation; helper: object }>();
  const all = () => [...known.values()].map(({ conversation }) => conversation);
  wire.on("connect", ({ sessionPresent }) => {
    for (const each of all()) each.connected(sessionPresent);
  });
  wire.on("disconnect", ({ error }) => {
    for (const each of all()) each.disconnected(error);
  });
  wire.on("close", () => {
    for (const each of all()) each.end(closedError("the MQTT connection"));
  });
  helpers.set(wire, known);
  return known;
}

export class Conversation {
  readonly #wire: Wire;
  readonly #prefix: string;
  readonly #refused: (answer: Fields, topic: string) => RefreshError;
  readonly #forget: () => void;
  readonly #ending = new AbortController();
  /** By client token. */
  readonly #questions = new Map<string, Question>();
  readonly #listeners = new Map<string, Set<Listener>>();
  /** All that was ever subscribed to. */
  readonly #filters = new Set<string>();
  /** What is subscribed to on this connection, or about to be. */
  #subscribed = new Map<string, Promise<void>>();
  /** Something was subscribed to once: from then on a lost session means lost messages. */
  #heardOf = false;
  readonly #hear = (message: MqttMessage) => this.#heard(message);

  constructor(
    wire: Wire,
    prefix: string,
    refused: (answer: Fields, topic: string) => RefreshError,
    forget: () => void,
  ) {
    this.#wire = wire;
    this.#prefix = prefix;
    this.#refused = refused;
    this.#forget = forget;
  }

  /** Aborted when it is over. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Asks, and gives the answer. */
  async ask(name: string, body: Fields, { repeatable, answers = name, timeoutMs, signal }: Asking): Promise<Fields> {
    this.#noteClosed();
    this.#ending.signal.throwIfAborted();
    signal?.throwIfAborted();
    const topic = this.#prefix + name;
    const question = new Question({ topic, answers, body, repeatable, limitMs: timeoutMs ?? ANSWER_MS, signal });
    this.#questions.set(question.token, question);
    try {
      void this.#send(question);
      return await question.answered;
    } finally {
      this.#questions.delete(question.token);
      question.end();
    }
  }

  /** Hears what comes to `<name>`; the function that ends it. The subscription stays, since others may be about to want it. */
  listen(name: string, listener: Listener): () => void {
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all.add(listener));
    return () => all.delete(listener);
  }

  /** Resolves when the server has acknowledged subscriptions to `names`. */
  async subscribe(names: readonly string[]): Promise<void> {
    const wanted = names.map((name) => this.#prefix + name);
    const missing = wanted.filter((filter) => !this.#subscribed.has(filter));
    if (missing.length > 0) {
      const under = this.#subscribed;
      const asked = this.#subscribe(missing).catch((error: unknown) => {
        for (const filter of missing) under.delete(filter);
        this.#noteClosed();
        throw error;
      });
      for (const filter of missing) {
        under.set(filter, asked);
        this.#filters.add(filter);
      }
    }
    await Promise.all(wanted.map((filter) => this.#subscribed.get(filter)));
  }

  connected(sessionPresent: boolean): void {
    if (sessionPresent) return;
    for (const question of this.#questions.values()) {
      if (!question.written) continue;
      if (question.repeatable && question.sends < MOST_SENDS) void this.#send(question);
      else question.fail(lostError(question.topic));
    }
    if (!this.#heardOf) return;
    for (const listeners of this.#listeners.values()) for (const listener of listeners) listener.missed();
  }

  disconnected(error: Error): void {
    this.#subscribed = new Map();
    // The native side says the reason in words alone.
    if (!(error instanceof MqttError && error.code === "ERR_MQTT_DISCONNECTED" && NOT_AUTHORIZED.test(error.message)))
      return;
    // In a microtask: what was written just before is known to be by then.
    queueMicrotask(() => this.#denied(error));
  }

  /** Ends the subscriptions, and all that waits. */
  async close(what: string): Promise<void> {
    if (this.#ending.signal.aborted) return;
    this.end(closedError(what));
    if (this.#wire.closed || this.#filters.size === 0) return;
    await this.#wire.unsubscribe([...this.#filters]);
  }

  end(error: RefreshError): void {
    this.#forget();
    this.#ending.abort(error);
    for (const question of this.#questions.values()) question.fail(error);
  }

  /** The connection says so a moment later: what fails in between must be known for what it is. */
  #noteClosed(): void {
    if (this.#wire.closed && !this.#ending.signal.aborted) this.end(closedError("the MQTT connection"));
  }

  #denied(cause: MqttError): void {
    for (const question of this.#questions.values()) {
      if (question.written) question.fail(deniedError(question.topic, cause));
    }
  }

  async #send(question: Question): Promise<void> {
    question.written = false;
    question.sends += 1;
    try {
      await this.subscribe([`${question.answers}/accepted`, `${question.answers}/rejected`]);
      if (question.over) return;
      await this.#wire.publish(question.topic, question.payload, { qos: 0, signal: question.signal });
      question.written = true;
    } catch (error) {
      this.#noteClosed();
      question.fail(error);
    }
  }

  async #subscribe(filters: readonly string[]): Promise<void> {
    const { reasonCodes } = await this.#wire.subscribe(filters, { qos: 1 }, this.#hear);
    this.#heardOf = true;
    const refused = filters.filter((_, index) => (reasonCodes[index] ?? 0) >= REFUSED);
    if (refused.length === 0) return;
    throw new MqttError({
      code: "ERR_MQTT_SUBSCRIBE_REFUSED",
      message: `the server refused a subscription to ${refused.join(", ")}`,
      hint: "The policy of the certificate must allow iot:Subscribe for these filters and iot:Receive for these topics.",
      reasonCode: reasonCodes.find((code) => code >= REFUSED),
    });
  }

  #heard(message: MqttMessage): void {
    const { topic, payload } = message;
    // Of a connection with `manualAcknowledge`; elsewhere it is nothing.
    message.ack();
    const name = topic.slice(this.#prefix.length);
    const body = fieldsOf(payload);
    const [, asked, verdict] = /^(.*)\/(accepted|rejected)$/.exec(name) ?? [];
    if (asked !== undefined) this.#answered(asked, verdict === "accepted", body, topic);
    else for (const listener of [...(this.#listeners.get(name) ?? [])]) listener.hear(body);
  }

  #answered(asked: string, accepted: boolean, body: Fields | undefined, topic: string): void {
    if (body === undefined) {
      // Nobody knows whose it is, unless there is but one question that it can be for.
      const waiting = [...this.#questions.values()].filter((question) => question.isAt(this.#prefix + asked));
      if (waiting.length === 1) waiting[0]?.fail(unreadable(topic, "no JSON object"));
      return;
    }
    const { clientToken } = body;
    const question = typeof clientToken === "string" ? this.#questions.get(clientToken) : undefined;
    if (question === undefined || !question.isAt(this.#prefix + asked)) return;
    if (accepted) question.succeed(body);
    else question.fail(this.#refused(body, question.topic));
  }
}
