// The MQTT part of `secrets.mjs`: connections with secrets in every place that takes one, and everything that can be shown of
// them, refused, failed, up and closed.

import { once } from "node:events";

/** Everything a connection says, but messages: they are shown to who asks for them. */
const EVENTS = ["connect", "disconnect", "reconnecting", "dropped", "released", "subscriptionLost", "warning", "close"];

/** `tools`: `show`, `failing`, `arranged`, `newSession` and `custom` of the scenario; `secrets`: what must not be shown. */
export async function connections(tools, { pem, hsm, proxy, mqtt, secrets, directory }) {
  const { show, failing, arranged, newSession, custom } = tools;
  const { authorizer } = mqtt;
  let clients = 0;
  const quick = { limits: { base: "none" }, reconnectMinSeconds: 0.005, reconnectMaxSeconds: 0.02, ca: pem.ca };
  const device = { endpoint: mqtt.tls.endpoint, ...quick };
  const authorized = {
    endpoint: mqtt.alpn.endpoint,
    ...quick,
    customAuthorizer: {
      name: authorizer.name,
      tokenKeyName: authorizer.tokenKey,
      tokenValue: authorizer.token,
      tokenSignature: authorizer.signature,
    },
    username: authorizer.user,
    password: authorizer.password,
  };
  const will = { topic: "will", payload: secrets.will, properties: { contentType: "text/plain" } };

  const session = newSession(pem);
  const inHsm = newSession(hsm);
  const open = async (options, from = session) => {
    const connection = await from.mqtt({ clientId: `secrets-${clients++}`, ...options });
    for (const name of EVENTS) connection.on(name, (content) => show(`event ${name}`, content));
    return connection;
  };
  const showAll = (connection) => {
    show("connection", connection);
    show("stats", connection.stats());
    console.log(JSON.stringify(connection), JSON.stringify({ ...connection }), `${connection}`);
  };

  // Options with secrets in the wrong place or shape.
  const { password, customAuthorizer } = authorized;
  for (const [title, wrong] of Object.entries({
    "password of a wrong type": { ...authorized, password: [password] },
    "password as a number of seconds": { ...authorized, keepAliveSeconds: password },
    "password as a transport": { ...authorized, transport: password },
    "token of a wrong type": {
      ...authorized,
      customAuthorizer: { ...customAuthorizer, tokenValue: [authorizer.token] },
    },
    "token in the user name": { ...authorized, username: `${authorizer.user}?${authorizer.token}` },
    "signature without a token": {
      ...authorized,
      customAuthorizer: { name: authorizer.name, tokenSignature: authorizer.signature },
    },
    "authorizer as text": { ...authorized, customAuthorizer: authorizer.token },
    "password in the endpoint": { ...authorized, endpoint: `wss://${authorizer.user}:${password}@localhost` },
    "will of a wrong type": { ...device, will: { topic: "will", payload: [secrets.will] } },
    "will without a topic": { ...device, will: { payload: secrets.will } },
    "payload as a will": { ...device, will: secrets.will },
    "property of a wrong type": { ...device, will: { ...will, properties: { userProperties: secrets.will } } },
    "limits as text": { ...device, limits: secrets.payload },
    "PIN in the wrong shape": {
      ...device,
      certificate: hsm.certificate,
      pkcs11: { ...hsm.pkcs11, userPin: [hsm.pkcs11.userPin] },
    },
    "proxy of a wrong shape": { ...device, proxy: `${proxy}0000000` },
  })) {
    await failing(title, () => open(wrong));
  }

  // Refused by the server, or on the way.
  const other = (text) => `${text}-canary-of-nobody`;
  const refused = async (title, options, from) => {
    const connection = await open(options, from);
    await failing(title, () => connection.connect());
    showAll(connection);
    await connection.close();
  };
  await refused("wrong password", { ...authorized, password: other(password) });
  await refused("wrong password, WebSocket", { ...authorized, transport: "ws", password: other(password) });
  const wrongToken = { ...customAuthorizer, tokenValue: other(authorizer.token) };
  await refused("wrong token", { ...authorized, customAuthorizer: wrongToken });
  await refused("wrong token, WebSocket", { ...authorized, transport: "ws", customAuthorizer: wrongToken });
  const wrongPin = { ...hsm.pkcs11, userPin: () => other(hsm.pkcs11.userPin) };
  await refused("wrong PIN", { ...device, certificate: hsm.certificate, pkcs11: wrongPin });
  const wrongKeys = custom(() => ({
    accessKeyId: "AKIDNOBODY",
    secretAccessKey: "canarySECRETnobody",
    sessionToken: "canaryTOKENnobody",
  }));
  const signed = { ...quick, endpoint: mqtt.alpn.endpoint, transport: "ws", region: "eu-west-1" };
  await refused("wrong keys", signed, wrongKeys);

  /** An attempt that fails and would be made again. */
  const failed = async (title, options) => {
    const connection = await open(options);
    const lost = once(connection, "disconnect");
    connection.connect().catch((error) => show(title, error));
    show(title, await lost);
    showAll(connection);
    await connection.close();
  };
  await failed("wrong proxy password", { ...device, proxy: proxy.replace("@", "x@") });
  await failed("no proxy", { ...device, proxy: proxy.replace(/@.*/, `@${mqtt.refusing}`) });

  // Up, in every way.
  const up = async (options, from) => {
    const connection = await open({ ...options, will }, from);
    show("connected", await connection.connect());
    await connection.publish("canary/topic", secrets.payload, { qos: 1 });
    showAll(connection);
    return connection;
  };
  const good = [
    await up(device),
    await up({ ...device, proxy }),
    await up(device, inHsm),
    await up({
      ...device,
      certificate: hsm.certificate,
      pkcs11: { ...hsm.pkcs11, userPin: async () => hsm.pkcs11.userPin },
    }),
    await up(authorized),
    await up({ ...authorized, transport: "ws" }),
    await up(signed),
    await up({ ...device, verifyPeer: false }),
    await up({ ...device, offlineQueue: { directory } }),
  ];

  // Messages that come to nothing: nobody is told what was in them.
  const [first] = good;
  const { payload } = secrets;
  for (const [title, wrong] of Object.entries({
    "payload of a wrong type": [[payload], {}],
    "payload as an option": [payload, { qos: payload }],
    "payload as properties": [payload, { properties: payload }],
    "payload as a property": [payload, { properties: { correlationData: payload } }],
    "payload that is too long": [
      "x".repeat(300_000_000 / 1000) + payload,
      { qos: 1, properties: { contentType: payload.repeat(3000) } },
    ],
  })) {
    await failing(title, () => first.publish("t", ...wrong));
  }
  const idle = await open({ ...device, offlineQueue: { maxMessages: 1, policy: "drop-oldest" } });
  const dropped = idle.publish("t", payload, { qos: 1 });
  const kept = idle.publish("t", payload, { qos: 1, timeoutMs: 50 });
  await Promise.all([failing("dropped", () => dropped), failing("too late", () => kept)]);
  const left = idle.publish("t", payload, { qos: 1 });
  await Promise.all([failing("closed", () => left), idle.close()]);
  const expiring = await open({ ...device, offlineQueue: { ttlSeconds: 0.01 } });
  await failing("expired", () => expiring.publish("t", payload, { qos: 1 }));
  await expiring.close();

  for (const scene of ["mqtt puback", "mqtt garbage"]) {
    await arranged(scene);
    const connection = await open({ ...device, will });
    const lost = scene === "mqtt garbage" && once(connection, "disconnect");
    await connection.connect();
    if (lost) show(scene, await lost);
    else await failing(scene, () => connection.publish("t", payload, { qos: 1 }));
    await connection.close();
  }
  await arranged("mqtt none");

  for (const connection of good) {
    await connection.close();
    showAll(connection);
  }
  for (const each of [session, inHsm, wrongKeys]) await each.close();
}
