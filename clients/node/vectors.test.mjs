// node --test: the known answers of clients/vectors.json, which the Python library is held to as well.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { decode, encode, sign, verify } from "./message.mjs";
import { openSealed } from "./sealed.mjs";

const vectors = JSON.parse(readFileSync(new URL("../vectors.json", import.meta.url), "utf8"));

function keyOf({ signer, version, ring_id, secret }) {
  return { signer, version, ringId: ring_id, secret: Buffer.from(secret, "hex") };
}

function messageOf(fields) {
  const date = (text) => (text === null ? undefined : new Date(text));
  return {
    topic: fields.topic,
    key: fields.key === null ? undefined : Buffer.from(fields.key, "hex"),
    value: fields.value === null ? null : Buffer.from(fields.value),
    id: fields.id,
    type: fields.type,
    source: fields.source,
    time: date(fields.time),
    expirytime: date(fields.expirytime),
    subject: fields.subject ?? undefined,
    correlationId: fields.correlation_id ?? undefined,
  };
}

for (const { name, key, message, signature, headers } of vectors.messages) {
  test(`message: ${name}`, () => {
    const signed = sign(messageOf(message), keyOf(key));
    assert.equal(signed.signature, signature);
    assert.deepEqual(encode(signed), headers);
    const buffers = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]));
    const read = decode(message.topic, { key: signed.key, value: signed.value, headers: buffers });
    assert.ok(verify(read, keyOf(key)));
    assert.ok(!verify({ ...read, topic: `${read.topic}x` }, keyOf(key)));
    assert.ok(!verify(read, { ...keyOf(key), secret: Buffer.alloc(32) }));
  });
}

for (const { name, key, bound, jwe, plaintext } of vectors.sealed_for_principal) {
  test(`sealed for a principal: ${name}`, () => {
    assert.equal(openSealed(jwe, Buffer.from(key, "hex"), bound), plaintext);
    assert.throws(() => openSealed(jwe, Buffer.from(key, "hex"), { ...bound, generation: "0" }), /another question/);
    assert.throws(() => openSealed(jwe, Buffer.alloc(32), bound));
  });
}
