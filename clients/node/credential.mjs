// The credential file of one principal.

import { readFileSync, statSync } from "node:fs";

export function loadCredential(path) {
  if (statSync(path).mode & 0o077) throw new Error(`${path} is open to others: run chmod 600, mint a new one`);
  const file = JSON.parse(readFileSync(path, "utf8"));
  if (file.format !== "grantkeeper.credential.v1") throw new Error(`${path} is not a credential of this version`);
  return {
    key: {
      signer: file.principal,
      version: file.key_version,
      ringId: file.ring_id,
      secret: Buffer.from(file.signing_key, "base64url"),
    },
    sealingKey: Buffer.from(file.sealing_key, "base64url"),
    brokers: file.bootstrap_servers.split(","),
    prefix: file.prefix,
  };
}
