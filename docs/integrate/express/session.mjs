// Who sent this request, by the session token in the cookie. Verification is jose's; what must be true is ours.
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

export function sessions({ vestibule, audience = vestibule, cookie = "__Host-session" }) {
  // Kept for the five minutes that Vestibule allows. A key id that nobody knows is asked for at most twice a minute.
  const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", vestibule), {
    cacheMaxAge: 300_000,
    cooldownDuration: 30_000,
  });
  const expected = {
    issuer: vestibule,
    audience,
    typ: "session+jwt", // no other token of this issuer is a session
    algorithms: ["ES256", "RS256"], // never what the token asks for
    clockTolerance: 60,
    requiredClaims: ["sub", "org", "sid", "iat", "nbf", "exp"],
  };
  // The claims, or null for somebody who is not signed in. Throws when the keys cannot be had.
  return async function session(request) {
    const token = cookieOf(request, cookie);
    if (!token) return null;
    try {
      return (await jwtVerify(token, keys, expected)).payload;
    } catch (error) {
      if (error instanceof errors.JOSEError && !TROUBLE.includes(error.code)) return null;
      throw error;
    }
  };
}

// Keys that cannot be had say nothing about the token.
const TROUBLE = ["ERR_JOSE_GENERIC", "ERR_JWKS_INVALID", "ERR_JWKS_TIMEOUT"];

function cookieOf(request, name) {
  const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}
