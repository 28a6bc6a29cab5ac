// An access token in a reply: JWE compact (RFC 7516), `dir` with A256GCM under the principal's sealing key.

import { createDecipheriv } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

/** The plain text; throws unless the token was sealed with this key and for exactly this config, generation, expiry
 *  and question: `bound` is {config_id, generation, expires_at, correlation_id}, all strings. */
export function openSealed(jwe, key, bound) {
  const [header, encryptedKey, iv, ciphertext, tag] = jwe.split(".");
  const { alg, enc, gk } = JSON.parse(Buffer.from(header, "base64url"));
  if (alg !== "dir" || enc !== "A256GCM" || encryptedKey !== "") throw new Error("not sealed as Grantkeeper seals");
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(iv, "base64url"), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(header));
  decipher.setAuthTag(Buffer.from(tag, "base64url"));
  const plain = Buffer.concat([decipher.update(Buffer.from(ciphertext, "base64url")), decipher.final()]);
  if (!isDeepStrictEqual(gk, { ...bound })) throw new Error("sealed for another question");
  return plain.toString();
}
