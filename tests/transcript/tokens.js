// JSON Web Tokens made with node:crypto, good ones and broken ones.
import { createHmac, generateKeyPairSync, sign } from "node:crypto";

const HASH = { 256: "sha256", 384: "sha384", 512: "sha512" };
const encode = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** Keys for ALGORITHM: {key} to sign with, {pem} for hubd, {jwk}. HS* keys are secrets. */
export function keysFor(algorithm) {
  if (algorithm.startsWith("HS")) return { key: "a secret of more than thirty-two characters" };
  const kinds = { RS: ["rsa", { modulusLength: 2048 }], PS: ["rsa", { modulusLength: 2048 }], ES: ["ec", { namedCurve: "P-256" }], Ed: ["ed25519"] };
  const { publicKey, privateKey } = generateKeyPairSync(...kinds[algorithm.slice(0, 2)]);
  return { key: privateKey, pem: publicKey.export({ type: "spki", format: "pem" }), jwk: publicKey.export({ format: "jwk" }) };
}

function signature(algorithm, key, input) {
  const bits = algorithm.slice(-3);
  switch (algorithm.slice(0, 2)) {
    case "HS":
      return createHmac(HASH[bits], key).update(input).digest();
    case "RS":
      return sign(HASH[bits], Buffer.from(input), key);
    case "PS":
      return sign(HASH[bits], Buffer.from(input), { key, padding: 6, saltLength: Number(bits) / 8 });
    case "ES":
      return sign(HASH[bits], Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
    default:
      return sign(null, Buffer.from(input), key);
  }
}

export const now = () => Math.floor(Date.now() / 1000);

/** A signed token; CLAIMS get an exp of one hour unless they bring (or null) their own. */
export function token(algorithm, key, claims, header = {}) {
  const body = { iat: now(), exp: now() + 3600, ...claims };
  const input = `${encode({ alg: algorithm, typ: "JWT", ...header })}.${encode(body)}`;
  return `${input}.${signature(algorithm, key, input).toString("base64url")}`;
}
