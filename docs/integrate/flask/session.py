"""Who sent this request, by the session token in the cookie. Verification is PyJWT's; what must be true is ours."""

from __future__ import annotations

from typing import Any

import jwt

ALGORITHMS = ["ES256", "RS256"]  # never what the token asks for
REQUIRED = ["iss", "aud", "sub", "org", "sid", "iat", "nbf", "exp"]


class Sessions:
    def __init__(self, vestibule: str, audience: str | None = None, cookie: str = "__Host-session") -> None:
        self.vestibule = vestibule
        self.audience = audience or vestibule
        self.cookie = cookie
        # Kept for the five minutes that Vestibule allows. A key id that nobody knows is asked for at most twice a minute.
        self.keys = jwt.PyJWKClient(f"{vestibule}/.well-known/jwks.json", lifespan=300, timeout=3, cooldown_duration=30)

    def of(self, cookies: Any) -> dict[str, Any] | None:
        """The claims, or None for somebody who is not signed in. Raises when the keys cannot be had."""
        token = cookies.get(self.cookie)
        if not token:
            return None
        try:
            # PyJWT leaves the type to us: no other token of this issuer is a session.
            if jwt.get_unverified_header(token).get("typ") != "session+jwt":
                return None
            return jwt.decode(
                token,
                self.keys.get_signing_key_from_jwt(token),
                algorithms=ALGORITHMS,
                issuer=self.vestibule,
                audience=self.audience,
                leeway=60,
                options={"require": REQUIRED},
            )
        except jwt.PyJWKClientConnectionError:
            raise
        except jwt.PyJWTError:
            return None
