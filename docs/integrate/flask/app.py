"""A small product behind Vestibule, with Flask."""

import os
from urllib.parse import urlencode

import jwt
from flask import Flask, g, jsonify, redirect, request

from session import Sessions
from webhook import Changes

VESTIBULE = os.environ.get("VESTIBULE_URL", "http://localhost:8080")
PORT = int(os.environ.get("PORT", "3000"))
OWN = os.environ.get("APP_URL", f"http://localhost:{PORT}")

sessions = Sessions(
    VESTIBULE,
    audience=os.environ.get("TOKEN_AUDIENCE"),
    cookie=os.environ.get("SESSION_COOKIE", "__Host-session"),
)
# Without a secret nobody can be believed, and nothing is listened to.
SECRET = os.environ.get("VESTIBULE_WEBHOOK_SECRET")
heard = Changes(SECRET) if SECRET else None

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 256 * 1024


@app.before_request
def somebody_must_be_signed_in():
    # Vestibule has no session.
    if request.path == "/webhooks/vestibule":
        return None
    g.session = sessions.of(request.cookies)
    if g.session:
        return None
    # Scripts cannot follow a sign-in.
    if request.path.startswith("/api/"):
        return jsonify(code="not_signed_in"), 401
    # The mark keeps a wrongly configured app from sending people round in circles.
    if "back" in request.args:
        return "Your sign-in could not be verified.\n", 401, {"Content-Type": "text/plain"}
    # By way of Vestibule, which sends people back at once with a fresh token, or after they signed in.
    page = f"{OWN}{request.path}?{urlencode([*request.args.items(multi=True), ('back', '1')])}"
    return redirect(f"{VESTIBULE}/auth/session?{urlencode({'return_to': page})}", 303)


@app.after_request
def never_stored(response):
    response.headers["Cache-Control"] = "no-store"
    return response


@app.errorhandler(jwt.PyJWKClientConnectionError)
def keys_out_of_reach(error):
    """Nobody is signed out by that."""
    app.logger.error("the keys cannot be had: %s", error)
    return jsonify(code="try_later"), 503, {"Retry-After": "5"}


@app.get("/")
def greeting():
    who = g.session
    text = f"Hello {who['sub']} of {who['org']}, here as {', '.join(who['roles'])}.\n"
    return text, 200, {"Content-Type": "text/plain"}


@app.get("/api/me")
def me():
    return jsonify({name: g.session[name] for name in ("sub", "org", "roles")})


@app.get("/api/people")
def people():
    return jsonify(heard.people(g.session["org"]) if heard else [])


@app.post("/webhooks/vestibule")
def hear():
    return "", heard.receive(request.get_data(), request.headers) if heard else 404


if __name__ == "__main__":
    app.run(host="localhost", port=PORT)
