// A certificate for 127.0.0.1 and localhost that nobody else trusts.
import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";

/** Writes tls.crt and tls.key into DIR; returns their paths. */
export function certificate(dir) {
  const [cert, key] = [join(dir, "tls.crt"), join(dir, "tls.key")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", ...kind, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
  chmodSync(key, 0o600);
  return { cert, key };
}
