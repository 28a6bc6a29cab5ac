// One message: CloudEvents 1.0 in Kafka binary mode, signed. Pure; the same rules as in clients/python.

import { createHmac, timingSafeEqual } from "node:crypto";

/** Headers of a message; `time` and `expirytime` are Dates, `value` is a Buffer, what is undefined is left out. */
export function encode(message) {
  const headers = {
    "content-type": "application/json",
    ce_specversion: "1.0",
    ce_id: message.id,
    ce_type: message.type,
    ce_source: message.source,
    ce_time: message.time.toISOString(),
    ce_subject: message.subject,
    ce_expirytime: message.expirytime?.toISOString(),
    correlation_id: message.correlationId,
    signature: message.signature,
  };
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
}

/** The message in a record of Kafka; throws where an attribute is missing. */
export function decode(topic, { key, value, headers }) {
  const text = (name) => headers[name]?.toString();
  const needed = (name) => {
    if (!text(name)) throw new Error(`header ${name} is missing`);
    return text(name);
  };
  if (text("ce_specversion") !== "1.0") throw new Error("header ce_specversion must be 1.0");
  return {
    topic,
    key: key ?? undefined,
    value,
    id: needed("ce_id"),
    type: needed("ce_type"),
    source: needed("ce_source"),
    time: new Date(needed("ce_time")),
    subject: text("ce_subject"),
    expirytime: text("ce_expirytime") && new Date(text("ce_expirytime")),
    correlationId: text("correlation_id"),
    signature: text("signature"),
  };
}

/** The message with its signature; `key` is {signer, version, ringId, secret}. */
export function sign(message, key) {
  const mac = authenticationCode(message, key.secret).toString("base64url");
  return { ...message, signature: `v1;${key.signer};${key.version};${key.ringId};${mac}` };
}

/** Whether exactly this key signed exactly this message. */
export function verify(message, key) {
  const [format, signer, version, ringId, mac] = (message.signature ?? "").split(";");
  const given = Buffer.from(mac ?? "", "base64url");
  const wanted = authenticationCode(message, key.secret);
  const named = format === "v1" && signer === key.signer && version === `${key.version}` && ringId === key.ringId;
  return given.length === wanted.length && timingSafeEqual(given, wanted) && named;
}

// HMAC-SHA256 over the fields in this order, each behind its length as 8 bytes; 2**64 - 1 stands for "absent".
function authenticationCode(message, secret) {
  const hmac = createHmac("sha256", secret);
  const fields = [
    message.topic,
    message.key,
    message.id,
    message.type,
    message.source,
    message.time.toISOString(),
    message.expirytime?.toISOString(),
    message.correlationId,
    message.value,
  ];
  for (const field of fields) {
    const length = Buffer.alloc(8);
    const bytes = field === undefined || field === null ? null : Buffer.from(field);
    length.writeBigUInt64BE(bytes === null ? 2n ** 64n - 1n : BigInt(bytes.length));
    hmac.update(length);
    if (bytes !== null) hmac.update(bytes);
  }
  return hmac.digest();
}
