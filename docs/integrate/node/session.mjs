// Who sent this request, by the session token in the cookie. Verification is aws-jwt-verify's; what must be true is ours.
import { JwtVerifier } from "aws-jwt-verify";
import { JwkValidationError, JwksValidationError } from "aws-jwt-verify/error";
import { SimpleJwksCache } from "aws-jwt-verify/jwk";

const REQUIRED = ["sub", "org", "sid", "iat", "nbf", "exp"];

export function sessions({ vestibule, audience = vestibule, cookie = "__Host-session" }) {
  const verifier = JwtVerifier.create(
    {
      issuer: vestibule,
      audience,
      jwksUri: new URL("/.well-known/jwks.json", vestibule).href,
      graceSeconds: 60,
      customJwtCheck({ header, payload }) {
        // The library checks neither of these: a token without `exp` would be good for ever.
        if (header.typ !== "session+jwt") throw new NotASession("typ");
        if (!["ES256", "RS256"].includes(header.alg)) throw new NotASession("alg");
        for (const claim of REQUIRED) if (payload[claim] === undefined) throw new NotASession(claim);
      },
    },
    { jwksCache: new SimpleJwksCache({ fetcher: { fetch: download } }) },
  );
  // The library keeps keys for ever and looks for new ones only when it meets one. Asked for every five minutes, a
  // new key is known before it signs, and one that was withdrawn is forgotten.
  setInterval(() => verifier.hydrate().catch(console.error), 300_000).unref();
  // The claims, or null for somebody who is not signed in. Throws when the keys cannot be had.
  return async function session(request) {
    const token = cookieOf(request, cookie);
    if (!token) return null;
    try {
      return await verifier.verify(token);
    } catch (error) {
      // Keys that cannot be had say nothing about the token. Everything else does, also what is no error of the
      // library's own: a signature of the wrong length is one of OpenSSL's.
      if ([KeysUnavailable, JwksValidationError, JwkValidationError].some((kind) => error instanceof kind)) throw error;
      return null;
    }
  };
}

class NotASession extends Error {}
class KeysUnavailable extends Error {}

// The library's own download speaks https alone; this one also reaches a Vestibule on localhost.
async function download(uri) {
  try {
    const answer = await fetch(uri, { signal: AbortSignal.timeout(3000) });
    if (answer.ok) return await answer.arrayBuffer();
    throw new Error(`status ${answer.status}`);
  } catch (cause) {
    throw new KeysUnavailable(`${uri} cannot be had`, { cause });
  }
}

function cookieOf(request, name) {
  const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}
