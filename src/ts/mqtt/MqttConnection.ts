import { inspect } from "node:util";
import { bare } from "../bare";
import type { NativeError, NativeMqttConnection, NativeMqttEvent, NativeWarning } from "../binding";
import type { Engine } from "../engine";
import { MqttError, type RefreshError, toError } from "../errors";
import { MqttEvents } from "../events";
import { native } from "../native";
import { text } from "../options/check";
import { parseMqttOptions } from "../options/mqtt";
import {
  parseClose,
  parseConnect,
  parseFilters,
  parseHandler,
  parseOperation,
  parsePayload,
  parsePublish,
  parseSubscribe,
} from "../options/mqttCalls";
import type { PinCallback } from "../options/pkcs11";
import { weakly } from "../weakly";
import type { Jobs } from "./aws/Jobs";
import { jobsOf, shadowOf } from "./aws/open";
import type { Shadow } from "./aws/Shadow";
import type { ShadowOptions } from "./aws/shadowTypes";
import { Calls } from "./Calls";
import { Connecting } from "./Connecting";
import { closedError, Ending, thrown } from "./ending";
import { Inbox } from "./Inbox";
import { connackProperties } from "./message";
import { Operations } from "./operations";
import { Pump } from "./Pump";
import type {
  MqttCloseOptions,
  MqttConnected,
  MqttConnectOptions,
  MqttEventMap,
  MqttHandler,
  MqttMessage,
  MqttOperationOptions,
  MqttOptions,
  MqttPublished,
  MqttPublishOptions,
  MqttReasons,
  MqttStats,
  MqttSubscribeOptions,
} from "./types";

/** Reason codes from here on say no. */
const REFUSED = 0x80;

/** What a connection is made of. */
interface OpenedMqtt {
  engine: Engine;
  native: NativeMqttConnection;
  pin: PinCallback | undefined;
  clientId: string;
  manualAcknowledge: boolean;
  operationTimeoutMs: number | undefined;
}

/** Set by the class: its constructor is nobody else's. */
let make: (opened: OpenedMqtt) => MqttConnection;
/** The native side has something for it. */
let wake: (connection: MqttConnection) => void;

/** A connection of a session's. */
export function openMqtt(engine: Engine, options: MqttOptions): MqttConnection {
  const { mqtt, pin, ...rest } = parseMqttOptions(options);
  if (engine.region !== undefined) mqtt.sessionRegion = engine.region;
  // The native side holds its functions for as long as it lives: they must not hold the connection.
  let weak: WeakRef<MqttConnection> | undefined;
  const woken = () => {
    const connection = weak?.deref();
    if (connection !== undefined) wake(connection);
  };
  const asked = pin && weakly(pin, (held) => held.ask(), noPin);
  const opened = engine.on((session) => native.openMqtt(session, mqtt, woken, asked));
  const connection = make({ engine, native: opened, pin, ...rest });
  weak = new WeakRef(connection);
  return connection;
}

/**
 * A connection to an MQTT server that stays up, once `connect` has been called, until `disconnect` or `close`.
 *
 * While it is to be up it keeps the process alive; before, and after that, it does not. Emits `connect`, `disconnect`,
 * `reconnecting`, `message`, `dropped`, `released`, `subscriptionLost`, `warning` and `close`; none of them needs a listener,
 * and what a listener throws does not reach the connection.
 */
export class MqttConnection extends MqttEvents {
  static {
    // Not by its name: bundlers rename a class that names itself here, and users see `_MqttConnection`.
    make = (opened) => new this(opened);
    wake = (connection) => connection.#pump.wake();
  }

  readonly #engine: Engine;
  readonly #native: NativeMqttConnection;
  readonly #pin: PinCallback | undefined;
  readonly #pump: Pump;
  readonly #operations = new Operations();
  readonly #calls: Calls;
  readonly #inbox: Inbox;
  readonly #connecting: Connecting;
  #clientId: string;
  #disconnecting: (() => void)[] = [];
  #closing: Ending | undefined;
  #over = false;

  private constructor({ engine, native, pin, clientId, manualAcknowledge, operationTimeoutMs }: OpenedMqtt) {
    super();
    this.#engine = engine;
    this.#native = native;
    this.#pin = pin;
    this.#clientId = clientId;
    this.#inbox = this.#receiving(manualAcknowledge);
    this.#pump = this.#pumping();
    this.#calls = new Calls(this.#operations, this.#pump, operationTimeoutMs);
    this.#connecting = new Connecting(this, () => this.#command("disconnect"));
    // In a later tick: nobody can listen yet.
    for (const warning of native.takeWarnings()) process.nextTick(() => this.#warned(warning));
  }

  /** Who this connection is to the server: `clientId` of the options, or the one that the server chose. */
  get clientId(): string {
    return this.#clientId;
  }

  /** Whether it is up. */
  get connected(): boolean {
    return this.#connecting.connected !== undefined;
  }

  /** Whether `close` has been called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Connects, and stays connected. Resolves with what the server said when it accepted; at once if it is up. Attempts that
   * fail are told by events, and made again.
   *
   * @throws what an attempt failed with, if trying again cannot heal it; `signal.reason`; what `disconnect` or `close` ended it
   * with. In each of these cases nothing goes on in the background, unless the connection had been up before.
   */
  async connect(options?: MqttConnectOptions): Promise<MqttConnected> {
    const signal = parseConnect(options);
    this.#refuseIfClosed();
    if (this.#connecting.begin()) this.#command("connect");
    return this.#connecting.wait(signal);
  }

  /**
   * Sends a message: resolves when it is acknowledged or, with QoS 0, written. While there is no connection it waits in the
   * queue. The payload may be changed as soon as this returns.
   *
   * @throws MqttError, with `reasonCode` if the server refused it; ValidationError; ClosedError; `signal.reason`.
   */
  publish(topic: string, payload: string | Uint8Array, options?: MqttPublishOptions): Promise<MqttPublished> {
    try {
      this.#refuseIfClosed();
      const name = text(topic, "topic");
      const content = parsePayload(payload);
      return this.#calls.publish(name, content, parsePublish(options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Subscribes. Resolves with a reason code for each filter if one of them was granted, and looks after the subscription:
   * it is asked for again when the server has lost the session.
   *
   * @param handler - gets the messages that the filters mean, until they are unsubscribed from
   * @throws MqttError, with `reasonCode`, if all were refused; ValidationError; ClosedError; `signal.reason`.
   */
  async subscribe(
    filters: string | readonly string[],
    options?: MqttSubscribeOptions,
    handler?: MqttHandler,
  ): Promise<MqttReasons> {
    this.#refuseIfClosed();
    const [wanted, call, called] = [parseFilters(filters), parseSubscribe(options), parseHandler(handler)];
    // Before the answer: retained messages may come before it.
    const added = called === undefined ? [] : wanted.filter((filter) => this.#inbox.handlers.add(filter, called));
    const forget = (refused: (filter: string) => boolean) => {
      for (const filter of added.filter(refused)) this.#inbox.handlers.delete(filter, called);
    };
    const asked = this.#calls.ask(call, (number, limit) =>
      this.#pump.batch.subscribe(number, limit, call.flags, wanted),
    );
    try {
      const { reasonCodes } = await asked;
      forget((filter) => (reasonCodes[wanted.indexOf(filter)] ?? 0) >= REFUSED);
      return { reasonCodes };
    } catch (error) {
      forget(() => true);
      throw error;
    }
  }

  /** Ends subscriptions, and with them their handlers. Resolves with a reason code for each filter. */
  async unsubscribe(filters: string | readonly string[], options?: MqttOperationOptions): Promise<MqttReasons> {
    this.#refuseIfClosed();
    const [wanted, call] = [parseFilters(filters), parseOperation(options)];
    const answer = await this.#calls.ask(call, (number, limit) => this.#pump.batch.unsubscribe(number, limit, wanted));
    for (const filter of wanted) this.#inbox.handlers.delete(filter);
    return answer;
  }

  /**
   * The messages that come from now on, or those that `filter` means, for `for await`; it subscribes to nothing. Ends when
   * the connection is closed.
   *
   * While more than 256 messages wait in one, no more are read from the server, unless an operation waits for its answer:
   * then messages of QoS 0 beyond are dropped, and those of QoS 1 are acknowledged when they are given out.
   */
  messages(filter?: string): AsyncIterableIterator<MqttMessage> {
    const wanted = filter === undefined ? undefined : text(filter, "filter");
    const messages = this.#inbox.iterator(wanted);
    if (this.#over) this.#inbox.end();
    return messages;
  }

  /** A device shadow of AWS IoT, the classic one or that of a name. Until that is closed, the same one each time. */
  shadow(thing: string, options?: ShadowOptions): Shadow {
    return shadowOf(this, thing, options);
  }

  /** The jobs of a thing of AWS IoT. Until that is closed, the same one each time. */
  jobs(thing: string): Jobs {
    return jobsOf(this, thing);
  }

  /** Ends the connection; what waits goes on after the next `connect`. Resolves when it is down. */
  async disconnect(): Promise<void> {
    if (this.closed || !this.#connecting.wanted) return;
    const wasUp = this.connected;
    this.#connecting.reject(
      new MqttError({
        code: "ERR_MQTT_CANCELLED",
        message: "`disconnect` was called before the connection was up",
      }),
    );
    this.#connecting.end();
    if (wasUp) await new Promise<void>((resolve) => this.#disconnecting.push(resolve));
  }

  /** Ends it for good, and resolves when it is down. With `drain`, what is not settled has time for that; again, without, not. */
  async close(options?: MqttCloseOptions): Promise<void> {
    const drainMs = parseClose(options);
    this.#closing ??= new Ending();
    if (!this.#over) {
      this.#connecting.hold();
      this.#connecting.reject(closedError());
      this.#pump.batch.close(drainMs);
      this.#pump.flush();
      this.#pump.resume();
    }
    await this.#closing.ended;
    await this.#native.closed();
  }

  /** Closes it, with 5 seconds for what is not settled. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ drain: true });
  }

  /** Numbers. */
  stats(): MqttStats {
    return { ...this.#native.stats() };
  }

  toJSON(): { clientId: string; connected: boolean; closed: boolean } {
    return { clientId: this.clientId, connected: this.connected, closed: this.closed };
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  #command(command: "connect" | "disconnect"): void {
    this.#pump.batch[command]();
    this.#pump.flush();
  }

  #receiving(manual: boolean): Inbox {
    return new Inbox({
      manual,
      acknowledge: (number, reasonCode) => {
        this.#pump.batch.acknowledge(number, reasonCode);
        this.#pump.written();
      },
      emit: (message) => this.#tell("message", message),
      dropped: (topic, error) => this.#tell("dropped", { topic, error }),
      thrown,
      waits: () => this.#operations.pending > 0 || this.closed,
      roomy: () => this.#pump.resume(),
    });
  }

  #pumping(): Pump {
    const operations = this.#operations;
    const inbox = this.#inbox;
    return new Pump(this.#native, {
      settled: (operation, reasonCode) => operations.published(operation, reasonCode),
      stored: (operation) => operations.stored(operation),
      message: (topic, payload, qos, retain, dup, event, number) =>
        inbox.message(topic, payload, qos, retain, dup, event, number),
      event: (event) => this.#hear(bare(event)),
      congested: () => inbox.congested,
      broken: (failure) => operations.failAll(this.#error(failure)),
    });
  }

  /** What is rare. */
  #hear(event: NativeMqttEvent): void {
    const { type, error: failed, reasonCodes = [], topic = "", warning } = event;
    const error = failed === undefined ? undefined : this.#error(failed);
    if (type === "settled") {
      const dropped = this.#calls.settled(event, error);
      if (dropped !== undefined) this.#tell("dropped", dropped);
    } else if (type === "connected") this.#up(event);
    else if (type === "disconnected" && error !== undefined) this.#down(event, error);
    else if (type === "reconnecting") {
      this.#tell("reconnecting", { delayMs: event.delayMs ?? 0, attempt: event.attempt ?? 0 });
    } else if (type === "released") {
      const [reasonCode = 0] = reasonCodes;
      this.#tell("released", error === undefined ? { topic, reasonCode } : { topic, error });
    } else if (type === "subscriptionLost") {
      const [reasonCode = REFUSED] = reasonCodes;
      this.#tell("subscriptionLost", { filter: topic, reasonCode });
    } else if (type === "warning" && warning !== undefined) this.#warned(warning);
    else if (type === "closed") this.#ended();
  }

  #up({ sessionPresent = false, reasonCodes = [], properties, resubscribing = 0 }: NativeMqttEvent): void {
    const [reasonCode = 0] = reasonCodes;
    const connected = { sessionPresent, reasonCode, properties: connackProperties(properties) };
    this.#clientId = connected.properties.assignedClientId ?? this.#clientId;
    this.#connecting.up(connected);
    this.#tell("connect", { ...connected, resubscribing });
  }

  #down({ wasConnected = false, expected = false }: NativeMqttEvent, error: RefreshError): void {
    this.#connecting.down(error, !expected && !error.retryable);
    if (!this.#connecting.wanted && !this.closed) this.#connecting.letGo();
    const waiting = this.#disconnecting;
    this.#disconnecting = [];
    for (const resolve of waiting) resolve();
    this.#tell("disconnect", { error, wasConnected, expected });
  }

  #ended(): void {
    this.#closing ??= new Ending();
    this.#over = true;
    this.#connecting.down(closedError(), true);
    this.#connecting.letGo();
    for (const resolve of this.#disconnecting) resolve();
    this.#operations.failAll(closedError());
    this.#inbox.end();
    this.#closing.end();
    this.#tell("close");
  }

  #warned(warning: NativeWarning): void {
    this.#engine.warn(warning);
    this.#tell("warning", warning);
  }

  #error(failed: NativeError): RefreshError {
    const failure = bare(failed);
    // Of an identity of its own; otherwise the callback is the session's.
    const own = this.#pin !== undefined && failure.code === "ERR_PKCS11_PIN_CALLBACK";
    return own ? toError(failure, this.#pin?.cause) : this.#engine.error(failure);
  }

  /** What a listener throws is its own affair. */
  #tell<K extends keyof MqttEventMap>(event: K, ...args: MqttEventMap[K]): void {
    try {
      this.emit(event, ...args);
    } catch (failure) {
      thrown(failure);
    }
  }
}

// Not a member: the public types must not need those of Node.
Object.defineProperty(MqttConnection.prototype, inspect.custom, {
  value(this: MqttConnection) {
    return `MqttConnection ${inspect(this.toJSON())}`;
  },
});

function noPin(): Promise<never> {
  return Promise.reject(new Error("nobody has this connection any more"));
}
